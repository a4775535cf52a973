//! What comes back: picks in rank order, each with a score and a reason a person can check.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::outputs::Uncertainty;
use crate::pool::PoolFacts;

/// Why a row was picked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// Drawn uniformly.
    Uniform,
    /// Drawn uniformly within its stratum.
    Stratum {
        /// The stratum's name.
        stratum: String,
        /// Its candidates.
        size: usize,
        /// How many of them are taken.
        quota: usize,
    },
    /// Drawn in proportion to its norm, or the largest.
    Norm {
        /// The norm.
        norm: f64,
    },
    /// What the earlier picks do not span of it.
    Residual {
        /// Length of the part outside their span.
        residual: f64,
        /// Length of the whole row.
        norm: f64,
        /// Which pass, from 1: a new one begins when a basis is complete.
        pass: usize,
    },
    /// The first pick, before there is anything to be far from.
    Start,
    /// Far from what was taken before.
    Far {
        /// The nearest row taken before.
        nearest: usize,
        /// Its distance.
        distance: f64,
    },
    /// The row nearest to the center of its cluster.
    Center {
        /// The cluster's number, the largest being 0.
        cluster: usize,
        /// Rows in it.
        size: usize,
        /// Distance to the center.
        distance: f64,
    },
    /// The row of its cluster whose neighbors are nearest.
    Typical {
        /// The cluster's place in the order in which clusters are visited, from 0.
        cluster: usize,
        /// Rows in it.
        size: usize,
        /// Neighbors looked at.
        neighbors: usize,
        /// Mean distance to them: squared, if the method averages squares.
        distance: f64,
    },
    /// Drawn uniformly within its cluster.
    Cluster {
        /// The cluster.
        cluster: usize,
        /// Candidates in it.
        size: usize,
    },
    /// How far its direction is from the center of its cluster.
    Prototype {
        /// The cluster.
        cluster: usize,
        /// Cosine distance to the center: 0 for the most prototypical.
        distance: f64,
    },
    /// A model is unsure of it.
    Unsure {
        /// How the uncertainty is measured.
        by: Uncertainty,
        /// How unsure it is.
        uncertainty: f64,
        /// The class it finds likeliest.
        class: usize,
        /// How likely it finds that.
        probability: f64,
    },
    /// What a model would learn from it is much, and other than what it would learn from earlier picks.
    Gradient {
        /// Length of the gradient of the last layer, were the model's own guess the label.
        length: f64,
        /// Its distance to the nearest gradient picked before; for the first pick, its length.
        distance: f64,
        /// The row picked before whose gradient that is; none for the first pick, which is the longest.
        nearest: Option<usize>,
    },
    /// The score it was given, beside those of the other rows.
    Given {
        /// The score; the largest or least number there is stands for an infinite one.
        score: f64,
    },
    /// Neither near the center of its class nor far from it.
    Moderate {
        /// The class's number.
        class: usize,
        /// Its distance to the class's center.
        distance: f64,
        /// The median of these distances in the class.
        median: f64,
    },
    /// Alike to the pool, and less so to what was taken before.
    Between {
        /// Mean similarity to the rows of the pool.
        pool: f64,
        /// Mean similarity to the rows taken; 0 while there is none.
        taken: f64,
    },
    /// Unlike the rows of its cluster that come before it.
    Unlike {
        /// The cluster.
        cluster: usize,
        /// The largest cosine to a row of the cluster that comes before it; -1 for the first.
        similarity: f64,
    },
    /// Important, and not yet spoken for by its neighbors.
    Message {
        /// What it is worth when it is picked.
        value: f64,
        /// What it was worth before neighbors were picked, its own importance and what they sent it.
        before: f64,
    },
    /// Near to many random locations, and not to rows that are nearer still.
    Score {
        /// Credit less penalty.
        score: f64,
        /// How many random locations it was the nearest row to.
        credit: u64,
        /// What nearness to credited rows cost it.
        penalty: f64,
    },
    /// Covers rows that no earlier pick covers.
    Covers {
        /// How many.
        rows: usize,
        /// Which time, from 1: when all is covered, covering begins anew.
        lap: usize,
    },
    /// Covers rows that no earlier pick covers, and a model doubts it; which counts more goes by the model's competence.
    Doubted {
        /// How many rows it covers.
        rows: usize,
        /// How unsure the model is of it: a share of the largest of the rows left.
        doubt: f64,
        /// How much that counts: 1 where nothing else does.
        competence: f64,
    },
    /// Represents rows better than earlier picks do.
    Represents {
        /// How much more alike the rows are to their pick than before, in all.
        gain: f64,
        /// How many rows it is now the pick of.
        rows: usize,
    },
    /// Enlarges the volume that the picks take up.
    Enlarges {
        /// How much of it earlier picks do not explain, jitter included.
        new: f64,
        /// Its similarity to itself.
        own: f64,
    },
    /// Stands for an equal share of the pool, carried to it at little cost.
    Carries {
        /// How many of the rows looked at send it some of their mass.
        rows: usize,
        /// The mean distance over which its share is carried.
        distance: f64,
    },
    /// Taken at random because the method had nothing left to tell rows apart.
    Fill,
}

impl Reason {
    /// Rewrites the row numbers in it, as where a view's rows become those of its pool.
    pub(crate) fn renumber(&mut self, number: impl Fn(usize) -> usize) {
        if let Reason::Far { nearest, .. } | Reason::Gradient { nearest: Some(nearest), .. } = self {
            *nearest = number(*nearest);
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Uniform => write!(f, "drawn uniformly"),
            Reason::Stratum { stratum, size, quota } => write!(f, "one of {quota} drawn from the {size} of {stratum}"),
            Reason::Norm { norm } => write!(f, "norm {norm:.4}"),
            Reason::Residual { residual, norm, pass } => {
                write!(f, "{residual:.4} of its norm {norm:.4} is new (pass {pass})")
            }
            Reason::Start => write!(f, "first pick"),
            Reason::Far { nearest, distance } => {
                write!(f, "{distance:.4} from row {nearest}, its nearest earlier pick")
            }
            Reason::Center { cluster, size, distance } => {
                write!(f, "nearest ({distance:.4}) to the center of cluster {cluster}, which has {size} rows")
            }
            Reason::Typical { cluster, size, neighbors, distance } => {
                write!(
                    f,
                    "most typical of cluster {cluster} of {size} rows: mean distance {distance:.4} to {neighbors} neighbors"
                )
            }
            Reason::Cluster { cluster, size } => write!(f, "drawn from the {size} candidates of cluster {cluster}"),
            Reason::Prototype { cluster, distance } => {
                write!(f, "cosine distance {distance:.4} to the center of cluster {cluster}")
            }
            Reason::Unsure { by, uncertainty, class, probability } => {
                write!(f, "{} {uncertainty:.4}: class {class} is likeliest, at {probability:.4}", by.name())
            }
            Reason::Gradient { length, distance, nearest: Some(nearest) } => {
                write!(
                    f,
                    "gradient of length {length:.4}, {distance:.4} from that of row {nearest}, its nearest earlier pick"
                )
            }
            Reason::Gradient { length, nearest: None, .. } => write!(f, "gradient of length {length:.4}, the longest"),
            Reason::Given { score: f64::MAX } => write!(f, "score infinite"),
            Reason::Given { score: f64::MIN } => write!(f, "score minus infinite"),
            Reason::Given { score } => write!(f, "score {score:.4}"),
            Reason::Moderate { class, distance, median } => {
                write!(f, "{distance:.4} from the center of class {class}, where the median is {median:.4}")
            }
            Reason::Between { pool, taken } => {
                write!(f, "mean similarity {pool:.4} to the pool, {taken:.4} to the rows taken before")
            }
            Reason::Unlike { cluster, similarity } => {
                write!(f, "cosine {similarity:.4} to the most similar row before it in cluster {cluster}")
            }
            Reason::Message { value, before } => {
                write!(f, "worth {value:.4} of the {before:.4} it had before its neighbors were picked")
            }
            Reason::Score { score, credit, penalty } => {
                write!(
                    f,
                    "scores {score:.4}: nearest to {credit} random locations, less {penalty:.4} for its neighbors'"
                )
            }
            Reason::Covers { rows, lap: 1 } => write!(f, "covers {rows} more rows"),
            Reason::Covers { rows, lap } => write!(f, "covers {rows} more rows (lap {lap})"),
            Reason::Doubted { rows, doubt, competence } => {
                write!(f, "covers {rows} more rows; {doubt:.4} of the largest doubt, which counts {competence:.3}")
            }
            Reason::Represents { gain, rows } => {
                write!(f, "represents {rows} rows better than any earlier pick, by {gain:.4} in all")
            }
            Reason::Enlarges { new, own } => {
                write!(f, "{new:.4} of its similarity {own:.4} to itself is new")
            }
            Reason::Carries { rows, distance } => {
                write!(f, "takes its share of {rows} rows, from a mean distance of {distance:.4}")
            }
            Reason::Fill => write!(f, "drawn uniformly: nothing left to tell rows apart"),
        }
    }
}

/// One pick.
#[derive(Clone, Debug, PartialEq)]
pub struct Pick {
    /// The row, from 0.
    pub row: usize,
    /// What the method ranks by; a higher score is likelier taken.
    pub score: f64,
    /// Why.
    pub reason: Reason,
}

impl Pick {
    /// A pick.
    pub fn new(row: usize, score: f64, reason: Reason) -> Self {
        Pick { row, score, reason }
    }
}

/// Picks in rank order, and what happened on the way.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The picks, best first.
    pub picks: Vec<Pick>,
    /// Whether all picks asked for are there; not so after an interruption.
    pub complete: bool,
    /// Warnings a user should read.
    pub warnings: Vec<String>,
    /// Facts of the run, such as where Gram-Schmidt restarted.
    pub events: serde_json::Map<String, Value>,
    /// What checking learned about the pool.
    pub facts: PoolFacts,
}

impl Selection {
    /// The picked rows in rank order.
    pub fn rows(&self) -> Vec<usize> {
        self.picks.iter().map(|pick| pick.row).collect()
    }

    /// Hash of the picked rows in order, 16 hexadecimal digits.
    pub fn picks_hash(&self) -> String {
        crate::pool::rows_hash(self.picks.iter().map(|pick| pick.row))
    }
}
