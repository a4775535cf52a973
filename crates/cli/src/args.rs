//! What a user types. What it means is decided in the subcommands.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use subsel::{Axis, Constraints, Quota};

use crate::failure::Failure;

mod networks;

pub(crate) use networks::{
    ClassifierArgs, EmbedArgs, ImageArgs, PictureArgs, ProbeArgs, ProxyArgs, RecipesArgs, SimclrArgs, TaskArg,
    TrainArgs, TrainCommand, TrainingArgs,
};

/// Choose which examples of a large pool to label or to train on.
#[derive(Debug, Parser)]
#[command(
    name = "subsel",
    version,
    max_term_width = 100,
    after_help = "Begin with `subsel quickstart`; `subsel methods` lists the methods."
)]
pub(crate) struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Pick from a small pool of drawings made on the spot, judge the picks, show them on a page.
    Quickstart(QuickstartArgs),
    /// Pick rows of a pool: a ranked table of picks and its manifest.
    Select(Box<SelectArgs>),
    /// Say which method to use for so many picks of a pool, on what evidence, and how sure that is.
    Advise(Box<AdviseArgs>),
    /// Give every row a number, such as its density or its coverage score.
    Score(Box<ScoreArgs>),
    /// Judge picks beside random rows: coverage, likeness to the pool, redundancy, and with labels what can be learned.
    #[command(visible_alias = "evaluate")]
    Judge(Box<JudgeArgs>),
    /// Find near-duplicates: rows whose cosine to a row that is kept exceeds a threshold.
    Dedup(Box<DedupArgs>),
    /// Repeat the selection of a manifest and say whether it is the same.
    Verify(VerifyArgs),
    /// Show picks on a page: a map of the pool, pictures or texts, coverage, figures beside random ones.
    Report(Box<ReportArgs>),
    /// Tell passes, time and peak memory of a selection without making it.
    Plan(Box<PlanArgs>),
    /// Look at a pool: shape, norms, rank, zero, duplicate and non-finite rows.
    Inspect(InspectArgs),
    /// List the methods, or tell everything about one.
    Methods(MethodsArgs),
    /// Hold methods side by side over budgets and seeds: means, differences to random, labels saved.
    Compare(Box<CompareArgs>),
    /// Let a small model choose what a large one learns from: active learning or a core-set, against random rows.
    #[command(visible_alias = "svp")]
    Proxy(Box<ProxyArgs>),
    /// Write the chosen rows of tables (Parquet shards, npy, csv, jsonl, txt) with all their columns.
    Take(TakeArgs),
    /// Train a network: a classifier, features without labels (SimCLR), or a linear layer on its features.
    Train(TrainArgs),
    /// Turn images into embeddings: a row of values for each.
    Embed(Box<EmbedArgs>),
    /// Write a pool in another format.
    Convert(ConvertArgs),
    /// Print what a shell needs to complete command lines.
    Completions(CompletionsArgs),
}

/// `subsel quickstart`.
#[derive(Debug, Args)]
pub(crate) struct QuickstartArgs {
    /// Directory for the pool, the picks and the page
    #[arg(short, long, value_name = "DIR", default_value = "subsel-quickstart")]
    pub(crate) output: PathBuf,
}

/// `subsel select`.
#[derive(Debug, Args)]
pub(crate) struct SelectArgs {
    /// How many rows to pick: a count, a percentage of the candidates, or a list of them such as 100,200,5%
    #[arg(short = 'n', value_name = "N", help_heading = "What to pick")]
    pub(crate) n: Option<String>,
    /// The method, `name[:key=value,...][+name...]`; `subsel methods` lists them [default: auto, which takes what `subsel advise` says]
    #[arg(short, long, value_name = "METHOD", help_heading = "What to pick")]
    pub(crate) method: Option<String>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
    #[command(flatten)]
    pub(crate) constraints: ConstraintArgs,
    /// Leave near-duplicates out first: rows whose cosine to a row kept is above this, as `subsel dedup` finds them
    #[arg(long, value_name = "COSINE", help_heading = "What to pick")]
    pub(crate) dedup: Option<f64>,
    /// Where the picks go: .csv, .parquet, .jsonl, .npy (row numbers) or .txt (ids or row numbers) [default: picks.csv, or
    /// with --format the extension of the tool]
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Write tasks of a labeling tool instead of a table: label-studio (.json), cvat (a manifest, .jsonl), coco (.json) or
    /// list (.txt); `--labeled` and `--labels` read what these tools export
    #[arg(long, value_name = "TOOL", help_heading = "Output")]
    pub(crate) format: Option<String>,
    /// Label Studio: the variable of the labeling configuration [default: image, or text with --texts]
    #[arg(long, value_name = "KEY", requires = "format", help_heading = "Output")]
    pub(crate) data_key: Option<String>,
    /// Label Studio: what makes an id a URL, such as "/data/local-files/?d=images/"
    #[arg(long, value_name = "PREFIX", requires = "format", help_heading = "Output")]
    pub(crate) data_prefix: Option<String>,
    /// Label Studio: texts to show, one per row of the pool
    #[arg(long, value_name = "FILE", requires = "format", help_heading = "Output")]
    pub(crate) texts: Option<PathBuf>,
    /// CVAT: where the images are that the ids name
    #[arg(long, value_name = "DIR", requires = "format", help_heading = "Output")]
    pub(crate) images: Option<PathBuf>,
    /// COCO: the file that the images are picked out of
    #[arg(long, value_name = "FILE", requires = "format", help_heading = "Output")]
    pub(crate) coco: Option<PathBuf>,
    /// Also write the rows that are neither picked, labeled nor excluded
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) rest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) say: SayArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) other_tools: OtherTools,
}

/// `subsel score`.
#[derive(Debug, Args)]
pub(crate) struct ScoreArgs {
    /// What to score by, `name[:key=value,...]`: norm, zcore, prototypicality, typicality, density, k-distance; by what a
    /// model says margin, entropy, least-confidence, and with labels el2n, grand, label-margin, label-quality
    #[arg(long, value_name = "SCORE", required_unless_present = "list", help_heading = "What to score by")]
    pub(crate) by: Option<String>,
    /// Tell what there is to score by, with its parameters
    #[arg(long, exclusive = true, help_heading = "What to score by")]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
    /// Where the scores go: .npy or .txt (one number per row, as --scores reads them), .parquet, .csv or .jsonl
    #[arg(short, long, value_name = "FILE", default_value = "scores.npy", help_heading = "Output")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) say: SayArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// `subsel compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
    /// The methods, such as norm,typiclust,prob-cover:delta=0.6+norm; random is always among them
    #[arg(short, long, value_name = "METHODS", help_heading = "What to compare")]
    pub(crate) methods: Vec<String>,
    /// The budgets: counts or percentages of the candidates, such as 10,20,40 or 1%,10%
    #[arg(short = 'n', value_name = "N,..", help_heading = "What to compare")]
    pub(crate) n: Option<String>,
    /// How many seeds; each redraws the sample, what methods draw and what evaluators draw [default: 10]
    #[arg(long, value_name = "SEEDS", help_heading = "What to compare")]
    pub(crate) seeds: Option<usize>,
    /// Rows of the pool that each seed draws [default: all]
    #[arg(long, value_name = "ROWS", help_heading = "What to compare")]
    pub(crate) pool_size: Option<usize>,
    /// Rows drawn at random that are labeled before a method begins; -n counts new picks
    #[arg(long, value_name = "ROWS", help_heading = "What to compare")]
    pub(crate) initial: Option<usize>,
    /// What methods are given: rows as they are, or scaled to length 1; judges always see them as they are
    #[arg(long, value_enum, value_name = "HOW", help_heading = "What to compare")]
    pub(crate) rows: Option<RowsArg>,
    /// Let methods see --labels, which judge only otherwise
    #[arg(long, help_heading = "What to compare")]
    pub(crate) show_labels: bool,
    /// A recipe: a TOML file, or the name of one of those that `--recipe list` tells; other options change it
    #[arg(long, value_name = "RECIPE", help_heading = "What to compare")]
    pub(crate) recipe: Option<String>,
    /// Embeddings in the place of those that a recipe names, such as another encoder's of the same rows
    #[arg(long, value_name = "FILE", requires = "recipe", conflicts_with = "inputs", help_heading = "What to compare")]
    pub(crate) features: Option<PathBuf>,
    /// Directory of the data that a recipe names [default: $SUBSEL_DATA, or ../shared/data]
    #[arg(long, value_name = "DIR", requires = "recipe", help_heading = "What to compare")]
    pub(crate) data: Option<PathBuf>,
    /// Embeddings of the test rows, as the pool is read
    #[arg(long, value_name = "FILE", help_heading = "Judges")]
    pub(crate) test_features: Option<PathBuf>,
    /// Classes of the test rows, one per row
    #[arg(long, value_name = "FILE", help_heading = "Judges")]
    pub(crate) test_labels: Option<PathBuf>,
    /// What learns from the picks: linear-probe, logistic, 1nn, 20nn, and with --images supervised, a network trained from
    /// scratch on them [default: linear-probe where there are labels]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Judges")]
    pub(crate) evaluators: Vec<String>,
    /// Images of the pool, row by row, for the evaluator supervised
    #[arg(long, value_name = "INPUT", num_args = 1.., help_heading = "Networks")]
    pub(crate) images: Vec<PathBuf>,
    /// How it trains: a recipe by name (`subsel train recipes`), or a TOML file [default: ngs-supervised]
    #[arg(long, value_name = "RECIPE", help_heading = "Networks")]
    pub(crate) train_recipe: Option<String>,
    /// What it trains, such as resnet8 [default: the recipe's]
    #[arg(long, value_name = "NETWORK", help_heading = "Networks")]
    pub(crate) network: Option<String>,
    /// Passes over the picks [default: the recipe's]
    #[arg(long, value_name = "EPOCHS", help_heading = "Networks")]
    pub(crate) epochs: Option<usize>,
    /// Where it trains: cpu, cuda, cuda:1, or cuda-mixed (maps in bf16)
    #[arg(long, value_name = "DEVICE", default_value = "cpu", help_heading = "Networks")]
    pub(crate) device: String,
    #[command(flatten)]
    pub(crate) test_pictures: ImageArgs,
    /// Metrics without labels, such as mean-distance,frechet [default: some where there are no labels]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Judges")]
    pub(crate) metrics: Vec<String>,
    /// Directory of results, tables and the page; a comparison that was stopped goes on where it was
    #[arg(short, long, value_name = "DIR", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) say: SayArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// `subsel judge`.
#[derive(Debug, Args)]
pub(crate) struct JudgeArgs {
    /// The picks: a table of `subsel select` (with a column `budget` each is judged), or rows (.npy, .txt)
    #[arg(required = true)]
    pub(crate) picks: Option<PathBuf>,
    /// The pool they are of, embeddings (n, d): files or globs [default: as the manifest beside the picks says]
    #[arg(long, num_args = 1.., value_name = "INPUT", help_heading = "Reading")]
    pub(crate) pool: Vec<PathBuf>,
    /// The column (Parquet, Arrow), tensor (safetensors) or member (npz) that holds the embeddings
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub(crate) column: Option<String>,
    /// The column that names the rows
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub(crate) id_column: Option<String>,
    /// What several inputs are: more rows, or more columns of the same rows
    #[arg(long, value_enum, default_value_t, help_heading = "Reading")]
    pub(crate) join: JoinArg,
    /// What stored values are, where the file cannot say
    #[arg(long, value_enum, value_name = "TYPE", help_heading = "Reading")]
    pub(crate) dtype: Option<DtypeArg>,
    /// Directory of scratch copies of formats that cannot be read by row
    #[arg(long, value_name = "DIR", help_heading = "Reading")]
    pub(crate) scratch: Option<PathBuf>,
    /// Leave rows with NaN or infinite values out of the pool
    #[arg(long, help_heading = "Reading")]
    pub(crate) drop_nonfinite: bool,
    /// Classes, one per row: how the picks are spread over them
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub(crate) labels: Option<PathBuf>,
    /// Rows that random rows are not drawn from [default: as when the picks were made]
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub(crate) labeled: Option<PathBuf>,
    /// Count labeled rows to the picks, and to the random rows beside them: what a second round has in hand
    #[arg(long, help_heading = "What is known")]
    pub(crate) with_labeled: bool,
    /// Rows that random rows are not drawn from either [default: as when the picks were made]
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub(crate) exclude: Option<PathBuf>,
    /// Names of the rows, one per row
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub(crate) ids: Option<PathBuf>,
    /// What the entries of lists of rows are, where they could be either
    #[arg(long, value_enum, help_heading = "What is known")]
    pub(crate) labeled_by: Option<LabeledBy>,
    /// Test rows, read as the pool is, and their classes: how well they are told after learning from the picks
    #[arg(long, num_args = 2, value_names = ["FEATURES", "LABELS"], help_heading = "Judges")]
    pub(crate) test: Vec<PathBuf>,
    /// What learns from the picks: linear-probe, logistic, 1nn, 20nn, or none [default: all, where there are test rows]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Judges")]
    pub(crate) evaluators: Vec<String>,
    /// Metrics without labels, such as mean-distance,frechet, or none [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Judges")]
    pub(crate) metrics: Vec<String>,
    /// How often as many rows are drawn at random to compare with
    #[arg(long, value_name = "DRAWS", default_value_t = 20, help_heading = "Judges")]
    pub(crate) random_draws: usize,
    /// Say nothing but warnings and errors
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Print the result as JSON to stdout
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// `subsel dedup`.
#[derive(Debug, Args)]
pub(crate) struct DedupArgs {
    /// Cosines above this make a duplicate
    #[arg(long, value_name = "COSINE", default_value_t = 0.95, help_heading = "What a duplicate is")]
    pub(crate) threshold: f64,
    /// Look within so many k-means clusters only: faster, but duplicates in different clusters are not seen
    #[arg(long, value_name = "K", help_heading = "What a duplicate is")]
    pub(crate) clusters: Option<usize>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
    /// Where the duplicates go: .csv, .parquet, .jsonl, .npy or .txt; `subsel select --exclude` takes it
    #[arg(short, long, value_name = "FILE", default_value = "duplicates.csv", help_heading = "Output")]
    pub(crate) output: PathBuf,
    /// Also write the rows that are kept
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) kept: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) say: SayArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What is overwritten and what is said.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct SayArgs {
    /// Overwrite existing files
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
    /// Say nothing but warnings and errors
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Print the summary as JSON to stdout
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// `subsel verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The manifest, such as picks.manifest.json
    pub(crate) manifest: PathBuf,
    /// The pool, if it is not where the manifest says
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Directory of scratch copies of formats that cannot be read by row
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
    /// Worker threads [default: as many as the machine has]
    #[arg(long, value_name = "T")]
    pub(crate) threads: Option<usize>,
    /// Memory to use, such as 8GB: less is refused, more lets methods keep what saves time [default: half of what is available, 1GiB of it for that]
    #[arg(long, value_name = "SIZE", value_parser = crate::memory::parse_bytes)]
    pub(crate) max_memory: Option<u64>,
    /// Say nothing but the verdict
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Print the verdict as JSON to stdout
    #[arg(long)]
    pub(crate) json: bool,
}

/// `subsel report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The picks: a table of `subsel select`, or row numbers from 0
    pub(crate) picks: PathBuf,
    /// The embeddings they were picked from: files or globs [default: as the manifest beside the picks says]
    #[arg(long, value_name = "INPUT", num_args = 1.., help_heading = "The pool")]
    pub(crate) pool: Vec<PathBuf>,
    /// The column, tensor or member that holds the embeddings [default: as in the manifest]
    #[arg(long, value_name = "NAME", help_heading = "The pool")]
    pub(crate) pool_column: Option<String>,
    /// The column that names the rows [default: as in the manifest]
    #[arg(long, value_name = "NAME", help_heading = "The pool")]
    pub(crate) id_column: Option<String>,
    /// Names of the rows, one per row [default: as in the manifest]
    #[arg(long, value_name = "FILE", help_heading = "The pool")]
    pub(crate) ids: Option<PathBuf>,
    /// Directory of scratch copies of formats that cannot be read by row
    #[arg(long, value_name = "DIR", help_heading = "The pool")]
    pub(crate) scratch: Option<PathBuf>,
    /// Pictures of the rows: a directory (named by id, or in the order of the rows), or Parquet files with a column of them
    #[arg(long, value_name = "DIR|FILE", num_args = 1.., conflicts_with = "texts", help_heading = "What rows stand for")]
    pub(crate) images: Vec<PathBuf>,
    /// Texts of the rows: .txt (one a line), .jsonl, .csv or .parquet
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "What rows stand for")]
    pub(crate) texts: Vec<PathBuf>,
    /// The column of --images or --texts that holds them; without either, of the pool's own files
    #[arg(long, value_name = "NAME", help_heading = "What rows stand for")]
    pub(crate) column: Option<String>,
    /// How the map is laid out
    #[arg(long, value_enum, default_value_t, help_heading = "The page")]
    pub(crate) layout: LayoutArg,
    /// Leave out the figures beside random picks, which take most of the time
    #[arg(long, help_heading = "The page")]
    pub(crate) no_metrics: bool,
    /// The page
    #[arg(short, long, value_name = "FILE", default_value = "report.html", help_heading = "Output")]
    pub(crate) output: PathBuf,
    /// Also write each plot as SVG and as PNG into this directory
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) plots: Option<PathBuf>,
    /// Overwrite existing files
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
    /// Say nothing but warnings and errors
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// How the map of a report is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LayoutArg {
    /// Along the two directions in which rows vary most
    #[default]
    Pca,
    /// So that neighbors stay together (t-SNE): up to 20,000 rows, a minute or so
    Neighbors,
}

/// `subsel plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// How many rows to pick, as in `subsel select`
    #[arg(short = 'n', value_name = "N", help_heading = "What to pick")]
    pub(crate) n: Option<String>,
    /// The method; may be given several times, and `all` compares all
    #[arg(short, long, value_name = "METHOD", help_heading = "What to pick")]
    pub(crate) method: Vec<String>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
    /// Print the plan as JSON
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) other_tools: OtherTools,
}

/// `subsel advise`.
#[derive(Debug, Args)]
pub(crate) struct AdviseArgs {
    /// How many rows to pick, as in `subsel select`
    #[arg(short = 'n', value_name = "N", help_heading = "What to pick")]
    pub(crate) n: Option<String>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
    /// Print the advice as JSON, one object for each budget
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) other_tools: OtherTools,
}

/// `subsel inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Say nothing but the result
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// `subsel methods`.
#[derive(Debug, Args)]
pub(crate) struct MethodsArgs {
    /// Tell everything about this method
    pub(crate) name: Option<String>,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `subsel take`.
#[derive(Debug, Args)]
pub(crate) struct TakeArgs {
    /// The picks: a table of `subsel select`, or row numbers from 0
    pub(crate) picks: PathBuf,
    /// The files to take rows from, in the order in which their rows were numbered
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Directory for the taken rows, under the names of their files
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Overwrite existing files
    #[arg(long)]
    pub(crate) force: bool,
    /// Say nothing but warnings and errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// `subsel convert`.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// Embeddings (n, d): files or globs, as in `subsel select`
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
    /// The file to write: .npy, .parquet, .arrow, .safetensors or .csv
    pub(crate) output: PathBuf,
    /// The column (Parquet, Arrow), tensor (safetensors) or member (npz) that holds the embeddings
    #[arg(long, value_name = "NAME")]
    pub(crate) column: Option<String>,
    /// The column that names the rows
    #[arg(long, value_name = "NAME")]
    pub(crate) id_column: Option<String>,
    /// What several inputs are: more rows, or more columns of the same rows
    #[arg(long, value_enum, default_value_t)]
    pub(crate) join: JoinArg,
    /// The type to store [default: as the input]
    #[arg(long, value_enum, value_name = "TYPE")]
    pub(crate) dtype: Option<DtypeArg>,
    /// Directory of scratch copies of formats that cannot be read by row
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long)]
    pub(crate) force: bool,
    /// Say nothing but warnings and errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// `subsel completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// Which rows there are.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReadArgs {
    /// Embeddings (n, d): files or globs of .npy, .npz, .parquet, .arrow, .safetensors or .csv; or images, which are
    /// embedded: directories, image files, Parquet with a column of them, .npz of MedMNIST, .bin of CIFAR
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
    /// What embeds images, as in `subsel embed`: patches, rgb, encoder.onnx, a .safetensors file [default: patches]
    #[arg(long, value_name = "MODEL", help_heading = "Reading")]
    pub(crate) model: Option<String>,
    /// Leave images out that cannot be read
    #[arg(long, help_heading = "Reading")]
    pub(crate) skip_broken: bool,
    /// The column (Parquet, Arrow), tensor (safetensors) or member (npz) that holds the embeddings or images
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub(crate) column: Option<String>,
    /// The column that names the rows
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub(crate) id_column: Option<String>,
    /// What several inputs are: more rows, or more columns of the same rows
    #[arg(long, value_enum, default_value_t, help_heading = "Reading")]
    pub(crate) join: JoinArg,
    /// What stored values are, where the file cannot say
    #[arg(long, value_enum, value_name = "TYPE", help_heading = "Reading")]
    pub(crate) dtype: Option<DtypeArg>,
    /// Directory of scratch copies of formats that cannot be read by row
    #[arg(long, value_name = "DIR", help_heading = "Reading")]
    pub(crate) scratch: Option<PathBuf>,
}

/// What is known of the rows.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct KnownArgs {
    /// Rows labeled already (ids or row numbers, or picks of an earlier round): never picked, but taken into account
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub(crate) labeled: Option<PathBuf>,
    /// Classes or strata, one per row
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub(crate) labels: Option<PathBuf>,
    /// What rows belong to, such as a patient or a video, one per row
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub(crate) groups: Option<PathBuf>,
    /// A number per row, such as a difficulty, for the methods that go by one; higher is likelier taken
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub(crate) scores: Option<PathBuf>,
    /// What labeling or keeping each row costs, one number per row
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub(crate) costs: Option<PathBuf>,
    /// What a model says: the probability of every class, one row per row of the pool, as files of embeddings are read
    #[arg(long, value_name = "FILE", conflicts_with = "logits", help_heading = "What is known")]
    pub(crate) probs: Option<PathBuf>,
    /// The same before softmax
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub(crate) logits: Option<PathBuf>,
    /// What logits are divided by before softmax [default: 1]
    #[arg(long, value_name = "T", requires = "logits", conflicts_with = "probs", help_heading = "What is known")]
    pub(crate) temperature: Option<f64>,
    /// Rows never to be picked; they still count as pool
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub(crate) exclude: Option<PathBuf>,
    /// Names of the rows, one per row
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub(crate) ids: Option<PathBuf>,
    /// What the entries of --labeled and --exclude are, where they could be either
    #[arg(long, value_enum, help_heading = "What is known")]
    pub(crate) labeled_by: Option<LabeledBy>,
    /// Leave rows with NaN or infinite values out of the pool
    #[arg(long, help_heading = "Reading")]
    pub(crate) drop_nonfinite: bool,
}

/// What picks keep to. They count new picks.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConstraintArgs {
    /// At most so many picks of one group; needs --groups
    #[arg(long, value_name = "N", help_heading = "What picks keep to")]
    pub(crate) per_group: Option<usize>,
    /// From so many to so many picks of a class, such as label=cat:10..50 or group=p7:..3; may be given several times
    #[arg(long, value_name = "QUOTA", help_heading = "What picks keep to")]
    pub(crate) quota: Vec<Quota>,
    /// As many picks of every label or group as of any other, as far as there are rows
    #[arg(long, value_name = "label|group", help_heading = "What picks keep to")]
    pub(crate) balance: Option<Axis>,
    /// Euclidean distance, of rows as given, that picks keep from each other and from labeled rows
    #[arg(long, value_name = "DISTANCE", help_heading = "What picks keep to")]
    pub(crate) min_distance: Option<f64>,
    /// What all picks together may cost; needs --costs, and -n is then the most picks [default: as many as it buys]
    #[arg(long, value_name = "COST", help_heading = "What picks keep to")]
    pub(crate) cost_budget: Option<f64>,
}

/// The command line. A recipe names its pool, and programs that train find theirs, so that none need be given.
pub(crate) fn command() -> clap::Command {
    use clap::CommandFactory;
    let cli = Cli::command().mut_subcommand("compare", |compare| {
        compare.mut_arg("inputs", |inputs| inputs.required(false).required_unless_present("recipe"))
    });
    cli.mut_subcommand("proxy", |proxy| proxy.mut_arg("inputs", |inputs| inputs.required(false)))
}

/// The options of one command, whose inputs may be in memory.
pub(crate) fn options<A: Args>(command: &'static str, words: &[String]) -> Result<A, Failure> {
    // Nothing is displayed: a call has no help, and its caller knows the version.
    let parser = A::augment_args(clap::Command::new(command).no_binary_name(true).disable_help_flag(true));
    let has = |name: &str| parser.get_arguments().any(|arg| arg.get_id() == name);
    let named: Vec<&str> = ["inputs", "picks"].into_iter().filter(|name| has(name)).collect();
    let parser = named.into_iter().fold(parser, |parser, name| parser.mut_arg(name, |arg| arg.required(false)));
    let found = parser.try_get_matches_from(words).and_then(|matches| A::from_arg_matches(&matches));
    found.map_err(|error| {
        let text = error.render().to_string();
        let message = text.split("\n\n").next().unwrap_or_default();
        Failure::usage(
            message.strip_prefix("error: ").unwrap_or(message).split_whitespace().collect::<Vec<_>>().join(" "),
        )
    })
}

impl ConstraintArgs {
    /// The rules, if they make sense.
    pub(crate) fn constraints(&self) -> Result<Constraints, Failure> {
        for (name, value) in [("--min-distance", self.min_distance), ("--cost-budget", self.cost_budget)] {
            if let Some(value) = value
                && !(value.is_finite() && value > 0.0)
            {
                return Err(Failure::usage(format!("{name} must be finite and above 0, got {value}")));
            }
        }
        if self.per_group == Some(0) {
            return Err(Failure::usage("--per-group must be at least 1, got 0"));
        }
        Ok(Constraints {
            per_group: self.per_group,
            quotas: self.quota.clone(),
            balance: self.balance,
            min_distance: self.min_distance,
            cost_budget: self.cost_budget,
        })
    }
}

/// How to run. Nothing here changes the picks, except the seed.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunArgs {
    /// Seed of every random decision
    #[arg(long, value_name = "SEED", default_value_t = 0, help_heading = "Running")]
    pub(crate) seed: u64,
    /// Worker threads [default: as many as the machine has]
    #[arg(long, value_name = "T", help_heading = "Running")]
    pub(crate) threads: Option<usize>,
    /// Rows read at once by a worker
    #[arg(long, value_name = "ROWS", hide = true)]
    pub(crate) block_rows: Option<usize>,
    /// Memory to use, such as 8GB: less is refused, more lets methods keep what saves time [default: half of what is available, 1GiB of it for that]
    #[arg(long, value_name = "SIZE", value_parser = crate::memory::parse_bytes, help_heading = "Running")]
    pub(crate) max_memory: Option<u64>,
}

/// Names that other tools have for the budget; answered with a hint.
#[derive(Clone, Debug, Args)]
pub(crate) struct OtherTools {
    #[arg(long, hide = true, num_args = 0..=1)]
    pub(crate) budget: Option<Option<String>>,
    #[arg(long, hide = true, num_args = 0..=1)]
    pub(crate) fraction: Option<Option<String>>,
    #[arg(long, hide = true, num_args = 0..=1)]
    pub(crate) keep: Option<Option<String>>,
    #[arg(long, hide = true, num_args = 0..=1)]
    pub(crate) prune_rate: Option<Option<String>>,
}

/// How methods are given rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowsArg {
    /// As they are.
    Raw,
    /// Scaled to length 1.
    Unit,
}

/// What several inputs are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JoinArg {
    #[default]
    Rows,
    Columns,
}

/// What stored values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DtypeArg {
    F32,
    F16,
    Bf16,
    I8,
    U8,
}

/// What entries of a list of rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LabeledBy {
    Row,
    Id,
}
