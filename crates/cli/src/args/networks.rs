//! What a user types of images and networks: `subsel embed`, `train`, `proxy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{DtypeArg, ReadArgs, RunArgs, SayArgs};

/// `subsel train`.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// What is trained.
    #[command(subcommand)]
    pub(crate) what: TrainCommand,
}

/// What `subsel train` trains.
#[derive(Debug, Subcommand)]
pub(crate) enum TrainCommand {
    /// A classifier of labeled images, such as those that were picked.
    Classifier(Box<ClassifierArgs>),
    /// Features without labels (SimCLR), for `subsel embed` and for selecting.
    Simclr(Box<SimclrArgs>),
    /// A linear layer on the features of a trained network: how much they tell.
    Probe(Box<ProbeArgs>),
    /// List the recipes, or tell one as TOML.
    Recipes(RecipesArgs),
}

/// Images, wherever they are.
#[derive(Clone, Debug, Args)]
pub(crate) struct SetArgs {
    /// Images: directories, image files (.jpg .png .webp .bmp), Parquet with a column of them, .npz of MedMNIST, .npy of
    /// bytes (n, height, width[, 3]), .bin of CIFAR
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
    /// The column of images (Parquet) [default: the only one]
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub(crate) column: Option<String>,
    /// Which part of an .npz: train, val or test [default: train]
    #[arg(long, value_name = "SPLIT", help_heading = "Reading")]
    pub(crate) split: Option<String>,
    /// Leave images out that cannot be read
    #[arg(long, help_heading = "Reading")]
    pub(crate) skip_broken: bool,
}

/// Images for a training, with their classes.
#[derive(Clone, Debug, Args)]
pub(crate) struct PictureArgs {
    #[command(flatten)]
    pub(crate) set: SetArgs,
    /// Classes, one per image [default: those that the images come with]
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub(crate) labels: Option<PathBuf>,
    /// Classes of the test images, likewise
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub(crate) test_labels: Option<PathBuf>,
    /// Only these images: picks of `subsel select`, or row numbers
    #[arg(long, value_name = "FILE", help_heading = "Reading")]
    pub(crate) rows: Option<PathBuf>,
    /// Only so many, drawn at random
    #[arg(long, value_name = "N", help_heading = "Reading")]
    pub(crate) sample: Option<usize>,
    #[command(flatten)]
    pub(crate) test: ImageArgs,
}

/// How a training runs.
#[derive(Clone, Debug, Args)]
pub(crate) struct TrainingArgs {
    /// The network, such as resnet8, resnet20, resnet18 [default: the recipe's]
    #[arg(long, value_name = "NETWORK", help_heading = "How to train")]
    pub(crate) network: Option<String>,
    /// Passes over the images, the schedule drawn together or out [default: the recipe's]
    #[arg(long, value_name = "EPOCHS", help_heading = "How to train")]
    pub(crate) epochs: Option<usize>,
    /// Images of a step [default: the recipe's]
    #[arg(long, value_name = "IMAGES", help_heading = "How to train")]
    pub(crate) batch: Option<usize>,
    /// Tell how long it would take on this machine, and do nothing
    #[arg(long, help_heading = "How to train")]
    pub(crate) dry_run: bool,
    /// The trained network; until it is done, its checkpoints, from which the same command goes on
    #[arg(short, long, value_name = "FILE", default_value = "model.safetensors", help_heading = "Output")]
    pub(crate) output: PathBuf,
    /// Epochs from one checkpoint to the next
    #[arg(long, value_name = "EPOCHS", default_value_t = 10, help_heading = "Output")]
    pub(crate) every: usize,
    #[command(flatten)]
    pub(crate) say: SayArgs,
    /// Where it runs: cpu, cuda, cuda:1, or cuda-mixed (maps in bf16)
    #[arg(long, value_name = "DEVICE", default_value = "cpu", help_heading = "Running")]
    pub(crate) device: String,
    /// Seed of initial weights, order and augmentation
    #[arg(long, value_name = "SEED", default_value_t = 0, help_heading = "Running")]
    pub(crate) seed: u64,
    /// Worker threads [default: as many as the machine has]
    #[arg(long, value_name = "T", help_heading = "Running")]
    pub(crate) threads: Option<usize>,
}

/// `subsel train classifier`.
#[derive(Debug, Args)]
pub(crate) struct ClassifierArgs {
    #[command(flatten)]
    pub(crate) pictures: PictureArgs,
    /// A recipe by name (`subsel train recipes` lists them), or a TOML file
    #[arg(long, value_name = "RECIPE", default_value = "svp-cifar-50", help_heading = "How to train")]
    pub(crate) recipe: String,
    /// Scores of the training, one number per image: forgetting, forgetting-zero, aum, aum-prob, el2n; written beside the
    /// network
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Output")]
    pub(crate) scores: Vec<String>,
    /// Write logits and features of all images beside the network: `--logits` of `subsel select`, and a pool
    #[arg(long, help_heading = "Output")]
    pub(crate) outputs: bool,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
}

/// `subsel train simclr`.
#[derive(Debug, Args)]
pub(crate) struct SimclrArgs {
    #[command(flatten)]
    pub(crate) pictures: PictureArgs,
    /// A recipe by name (`subsel train recipes` lists them), or a TOML file
    #[arg(long, value_name = "RECIPE", default_value = "simclr-small", help_heading = "How to train")]
    pub(crate) recipe: String,
    /// Epochs from one look at test images to the next: how well neighbors tell their classes
    #[arg(long, value_name = "EPOCHS", default_value_t = 5, help_heading = "How to train")]
    pub(crate) look: usize,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
}

/// `subsel train probe`.
#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    /// The network whose features are probed, as `subsel train` wrote it
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) pictures: PictureArgs,
    /// Where the network runs: cpu, cuda, cuda:1, or cuda-mixed (maps in bf16)
    #[arg(long, value_name = "DEVICE", default_value = "cpu", help_heading = "Running")]
    pub(crate) device: String,
    /// Seed of the probe
    #[arg(long, value_name = "SEED", default_value_t = 0, help_heading = "Running")]
    pub(crate) seed: u64,
    /// Worker threads [default: as many as the machine has]
    #[arg(long, value_name = "T", help_heading = "Running")]
    pub(crate) threads: Option<usize>,
    /// Print the result as JSON to stdout
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// `subsel train recipes`.
#[derive(Debug, Args)]
pub(crate) struct RecipesArgs {
    /// Tell this one, as TOML that `--recipe FILE` takes
    pub(crate) name: Option<String>,
}

/// `subsel embed`.
#[derive(Debug, Args)]
pub(crate) struct EmbedArgs {
    #[command(flatten)]
    pub(crate) set: SetArgs,
    /// What embeds them, `name[:key=value,...]`: patches (features learned from the images' own patches), rgb (pixels),
    /// random-resnet18 or random-resnet18-imagenet (untrained), an encoder of your own (.onnx, such as
    /// clip.onnx:normalize=clip), or a .safetensors file that `subsel embed` or `subsel train` wrote
    #[arg(short, long, value_name = "MODEL", default_value = "patches")]
    pub(crate) model: String,
    /// Where the embeddings go: .npy, .parquet, .arrow, .safetensors or .csv
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// The type to store
    #[arg(long, value_enum, default_value = "f32", value_name = "f32|f16")]
    pub(crate) dtype: DtypeArg,
    /// The column of classes (Parquet) [default: label]
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub(crate) label_column: Option<String>,
    /// The column that names the images (Parquet) [default: they are numbered]
    #[arg(long, value_name = "NAME", help_heading = "Reading")]
    pub(crate) id_column: Option<String>,
    #[command(flatten)]
    pub(crate) say: SayArgs,
    /// Where networks run: cpu, cuda, cuda:1, or cuda-mixed (maps in bf16)
    #[arg(long, value_name = "DEVICE", default_value = "cpu", help_heading = "Running")]
    pub(crate) device: String,
    /// Worker threads [default: as many as the machine has]
    #[arg(long, value_name = "T", help_heading = "Running")]
    pub(crate) threads: Option<usize>,
}

/// `subsel proxy`.
#[derive(Debug, Args)]
pub(crate) struct ProxyArgs {
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// Classes of the rows of the pool, one per row; a model learns only from those of the rows it is given
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub(crate) labels: Option<PathBuf>,
    /// Embeddings of the test rows, as the pool is read; programs of your own find theirs themselves
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub(crate) test_features: Option<PathBuf>,
    /// Classes of the test rows, one per row
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    pub(crate) test_labels: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) images: ImageArgs,
    /// What is chosen: rows to label, round after round, or rows to keep of a data set that is labeled
    #[arg(long, value_enum, default_value_t, help_heading = "What to do")]
    pub(crate) task: TaskArg,
    /// What rows are chosen by: least-confidence, margin, entropy, k-center, random; for core-sets forgetting,
    /// forgetting-zero, el2n, aum too [default: least-confidence, and entropy for core-sets]
    #[arg(long, value_name = "SCORE", help_heading = "What to do")]
    pub(crate) score: Option<String>,
    /// How many rows the target learns from in the end, initial ones included: counts or percentages of the pool, such as
    /// 10%,50% [default: 50%]
    #[arg(short = 'n', value_name = "N,..", help_heading = "What to do")]
    pub(crate) n: Option<String>,
    /// Active learning: rows labeled after each round [default: 10%,20%,30%,40%,50%, up to the largest of -n]
    #[arg(long, value_name = "N,..", help_heading = "What to do")]
    pub(crate) rounds: Option<String>,
    /// Random rows at the start [default: 2%; core-sets by k-center: 1000, which count against -n]
    #[arg(long, value_name = "N", help_heading = "What to do")]
    pub(crate) initial: Option<String>,
    /// How often the whole is done, each time with other draws: --seed and those after it
    #[arg(long, value_name = "SEEDS", default_value_t = 1, help_heading = "What to do")]
    pub(crate) seeds: usize,
    /// The small model: linear-probe or logistic on the embeddings, such as linear-probe:epochs=20; a network on images,
    /// such as resnet8:epochs=10 (settings: recipe, epochs, batch, device); with a command, what {model} stands for
    #[arg(long, value_name = "MODEL", help_heading = "The models")]
    pub(crate) proxy: Option<String>,
    /// The model that matters, likewise
    #[arg(long, value_name = "MODEL", help_heading = "The models")]
    pub(crate) target: Option<String>,
    /// A program of your own that trains the proxy, such as 'python train.py --rows {rows} --out {dir}'
    #[arg(long, value_name = "COMMAND", help_heading = "The models")]
    pub(crate) proxy_cmd: Option<String>,
    /// A program of your own that trains the target
    #[arg(long, value_name = "COMMAND", help_heading = "The models")]
    pub(crate) target_cmd: Option<String>,
    /// One program for both, told apart by {role}, {model} or {epochs}
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["proxy_cmd", "target_cmd"], help_heading = "The models")]
    pub(crate) train_cmd: Option<String>,
    /// What {epochs} stands for where the proxy is trained
    #[arg(long, value_name = "EPOCHS", help_heading = "The models")]
    pub(crate) proxy_epochs: Option<usize>,
    /// What {epochs} stands for where the target is trained
    #[arg(long, value_name = "EPOCHS", help_heading = "The models")]
    pub(crate) target_epochs: Option<usize>,
    /// How long a training by a command may take, such as 90s, 30m or 12h [default: as long as it likes]
    #[arg(long, value_name = "TIME", value_parser = crate::proxy::duration, help_heading = "The models")]
    pub(crate) timeout: Option<std::time::Duration>,
    /// Train the target after every round, not at -n only
    #[arg(long, help_heading = "What to compare with")]
    pub(crate) target_every_round: bool,
    /// Let the target choose too, from the same rows: how alike the rankings are, and how much faster the proxy is
    #[arg(long, help_heading = "What to compare with")]
    pub(crate) compare_target: bool,
    /// Train the target on all rows too
    #[arg(long, help_heading = "What to compare with")]
    pub(crate) full: bool,
    /// Do not train the target on as many random rows
    #[arg(long, help_heading = "What to compare with")]
    pub(crate) no_random: bool,
    /// Directory of everything that is trained, chosen and found; a run that was stopped goes on where it was
    #[arg(short, long, value_name = "DIR", default_value = "proxy-run", help_heading = "Output")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) say: SayArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Pictures that networks are examined on.
#[derive(Clone, Debug, Args)]
pub(crate) struct ImageArgs {
    /// Images that networks are examined on, as the pool's are read
    #[arg(long, value_name = "INPUT", num_args = 1.., help_heading = "Networks")]
    pub(crate) test_images: Vec<PathBuf>,
    /// Which part of an .npz they are
    #[arg(long, value_name = "SPLIT", help_heading = "Networks")]
    pub(crate) test_split: Option<String>,
    /// Pixels along a side that networks are given
    #[arg(long, value_name = "PIXELS", default_value_t = 32, value_parser = side, help_heading = "Networks")]
    pub(crate) side: usize,
}

/// Pixels along a side.
fn side(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(side @ 1..=1024) => Ok(side),
        _ => Err("a side is from 1 to 1024 pixels".into()),
    }
}

/// What is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TaskArg {
    /// Rows to label, by a proxy that knows only the labels bought so far.
    #[default]
    ActiveLearning,
    /// Rows to keep, by a proxy that learned from all of them.
    CoreSet,
}
