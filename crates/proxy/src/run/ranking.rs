//! Choosing rows by what a training said, and how alike two such choices are.

use std::time::Instant;

use subsel::{CheckedPool, Pool, Selection, Uncertainty, parse_method, rows_hash, select_checked};

use super::{Run, since};
use crate::error::Error;
use crate::files::Left;
use crate::journal::{Compared, Place, Ranked};
use crate::rank::{overlap, random_keys, spearman, top};
use crate::score::Score;

/// Rows chosen, best first, and what they were chosen by.
pub(super) struct Ranking {
    pub(super) picks: Vec<usize>,
    /// A number per row of the pool; none by k-center.
    pub(super) scores: Option<Vec<f64>>,
}

impl Run<'_, '_, '_> {
    /// Chooses `keep` rows that are not among `taken`, unless that is done.
    pub(super) fn rank(&mut self, place: Place, left: &Left, taken: &[usize], keep: usize) -> Result<Ranking, Error> {
        if let Some(known) = self.journal.ranked(&place).filter(|known| known.picks == keep)
            && let (Ok(picks), Ok(scores)) = (left.picks(), left.ranking())
            && rows_hash(picks.iter().copied()) == known.picks_hash
        {
            return Ok(Ranking { picks, scores });
        }
        self.ctx.go_on()?;
        let began = Instant::now();
        let candidates = self.without(taken);
        let ranking = match self.plan.score {
            Score::KCenter => Ranking { picks: self.far_rows(place, left, taken, keep)?, scores: None },
            score => {
                let scores = match score {
                    Score::Unsure(by) => left.outputs()?.uncertainties(by, 1.0, self.ctx)?,
                    Score::Trained(score) => left.scores(score, &candidates)?,
                    Score::Random | Score::KCenter => random_keys(place.seed, self.plan.n),
                };
                Ranking { picks: top(score, &scores, &candidates, keep)?, scores: Some(scores) }
            }
        };
        let secs = since(began);
        left.write_ranking(&ranking.picks, ranking.scores.as_deref())?;
        let picks_hash = rows_hash(ranking.picks.iter().copied());
        let ranked = Ranked { place, picks: ranking.picks.len(), picks_hash, secs };
        self.watch.chose(&ranked);
        self.journal.add_ranked(ranked)?;
        Ok(ranking)
    }

    /// Rows of the pool that are not among `taken`, ascending.
    pub(super) fn without(&self, taken: &[usize]) -> Vec<usize> {
        let mut is_taken = vec![false; self.plan.n];
        taken.iter().for_each(|&row| is_taken[row] = true);
        (0..self.plan.n).filter(|&row| !is_taken[row]).collect()
    }

    /// Greedy k-center on the features of the model, from the rows taken.
    fn far_rows(&mut self, place: Place, left: &Left, taken: &[usize], keep: usize) -> Result<Vec<usize>, Error> {
        let learner = match place.role {
            crate::learner::Role::Proxy => &*self.learners.proxy,
            crate::learner::Role::Target => &*self.learners.target,
        };
        let method = parse_method("k-center").map_err(subsel::Error::from)?;
        if learner.features_are_input()
            && let Some(pool) = self.given.pool
        {
            let mut pool = pool.clone();
            pool.label(taken);
            return whole(select_checked(&*method, &pool, keep, self.ctx)?);
        }
        let source = left.features()?;
        let pool = Pool { labeled: taken.to_vec(), ..Pool::new(&*source) };
        let checked = CheckedPool::new(&pool, self.ctx)
            .map_err(|error| Error::output(&left.dir.join("features.npy"), error.to_string(), None))?;
        whole(select_checked(&*method, &checked, keep, self.ctx)?)
    }

    /// How alike two rankings of `candidates` are, by two models trained on the same rows.
    pub(super) fn compare(
        &mut self,
        place: Place,
        lefts: [&Left; 2],
        rankings: [&Ranking; 2],
        candidates: &[usize],
        sizes: &[usize],
    ) -> Result<(), Error> {
        if self.journal.compared(&place).is_some_and(|known| known.overlap.iter().map(|(size, _)| size).eq(sizes)) {
            return Ok(());
        }
        let of = |scores: &[f64]| candidates.iter().map(|&row| scores[row]).collect::<Vec<f64>>();
        let scores = rankings[0].scores.as_deref().zip(rankings[1].scores.as_deref());
        let outputs = lefts[0].outputs_if_there()?.zip(lefts[1].outputs_if_there()?);
        let entropy = match &outputs {
            Some((proxy, target)) => {
                let by = |outputs: &subsel::Outputs| outputs.uncertainties(Uncertainty::Entropy, 1.0, self.ctx);
                Some(spearman(&of(&by(proxy)?), &of(&by(target)?)))
            }
            None => None,
        };
        let m = self.given.test.map_or(0, |test| test.codes.len());
        let held_out = match m {
            0 => None,
            m => lefts[0].test_outputs(m)?.zip(lefts[1].test_outputs(m)?),
        };
        let entropy_held_out = match &held_out {
            Some((proxy, target)) => {
                let by = |outputs: &subsel::Outputs| outputs.uncertainties(Uncertainty::Entropy, 1.0, self.ctx);
                Some(spearman(&by(proxy)?, &by(target)?))
            }
            None => None,
        };
        let share = |&size: &usize| {
            let of = |ranking: &Ranking| ranking.picks[..size.min(ranking.picks.len())].to_vec();
            (size, overlap(&of(rankings[0]), &of(rankings[1])))
        };
        self.add_compared(Compared {
            place,
            ranked: candidates.len(),
            // A correlation that does not exist is none.
            spearman: scores.map(|(a, b)| spearman(&of(a), &of(b))).filter(|r| r.is_finite()),
            entropy: entropy.filter(|r| r.is_finite()),
            entropy_held_out: entropy_held_out.filter(|r| r.is_finite()),
            overlap: sizes.iter().map(share).collect(),
        })
    }
}

/// The rows of a selection, unless it was stopped before the last.
fn whole(selection: Selection) -> Result<Vec<usize>, Error> {
    if selection.complete { Ok(selection.rows()) } else { Err(subsel::Error::Interrupted.into()) }
}
