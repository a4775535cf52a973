//! How networks are trained, as plain data: the published recipes by name, and any other as TOML.

use serde::{Deserialize, Serialize};
use subsel_images::{Augment, Normalize, Step};

use crate::Error;
use crate::network::Init;
use crate::schedule::{Optimizer, Per, Schedule};

/// How long a training is. On small sets the two differ greatly: say which was meant beside every figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// Passes over the rows, whatever their number.
    Epochs(usize),
    /// Steps, whatever the number of rows; the last epoch is cut short.
    Steps(usize),
}

/// How rows become batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batches {
    /// Rows of a step.
    pub size: usize,
    /// Where there are more rows than `size`, all of them make one batch: one step per epoch.
    #[serde(default)]
    pub whole: bool,
    /// Where there are fewer rows than `size`, they are doubled until there are not: an epoch is one batch of the repeated
    /// rows. Otherwise the batch is smaller.
    #[serde(default)]
    pub repeat: bool,
    /// What is left when no full batch is, is not used in that epoch.
    #[serde(default)]
    pub drop_last: bool,
}

impl Batches {
    /// Batches of this size, the last one smaller.
    pub fn of(size: usize) -> Self {
        Batches { size, whole: false, repeat: false, drop_last: false }
    }

    /// Entries of an epoch and of a batch, for `n` rows: how often the rows are repeated, rows of a step, steps.
    pub(crate) fn plan(self, n: usize) -> BatchPlan {
        let n = n.max(1);
        let mut repeats = 1;
        while self.repeat && n * repeats < self.size {
            repeats *= 2;
        }
        let entries = n * repeats;
        let size = if self.whole { n.max(self.size) } else { self.size }.min(entries);
        let steps = if self.drop_last { entries / size } else { entries.div_ceil(size) };
        BatchPlan { repeats, size, steps }
    }
}

/// See [`Batches::plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchPlan {
    pub(crate) repeats: usize,
    pub(crate) size: usize,
    pub(crate) steps: usize,
}

impl BatchPlan {
    /// Epochs and steps of a training of this length.
    pub(crate) fn span(self, length: Length) -> (usize, usize) {
        match length {
            Length::Epochs(epochs) => (epochs, epochs * self.steps),
            Length::Steps(steps) => (steps.div_ceil(self.steps), steps),
        }
    }
}

/// What happens to pictures in training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Augmentation {
    /// A published one, by [name](Augment::NAMES).
    Named(String),
    /// Steps of one's own.
    Custom(Augment),
}

impl Augmentation {
    /// The steps, for pictures of this side.
    ///
    /// # Errors
    /// [`Error::Images`] for an unknown name.
    pub fn steps(&self, side: usize) -> Result<Augment, Error> {
        match self {
            Augmentation::Named(name) => Ok(Augment::named(name, side)?),
            Augmentation::Custom(steps) => Ok(steps.clone()),
        }
    }
}

/// How a classifier is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The network, by [name](crate::network::NETWORKS).
    pub network: String,
    /// How weights begin.
    #[serde(default)]
    pub init: Init,
    /// How long.
    pub length: Length,
    /// Rows of a step.
    pub batches: Batches,
    /// How steps are taken.
    pub optimizer: Optimizer,
    /// The learning rate.
    pub schedule: Schedule,
    /// What happens to pictures.
    pub augment: Augmentation,
    /// How bytes become numbers. Default: by mean and deviation of the pictures given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<Normalize>,
    /// Share of the target spread over all classes.
    #[serde(default)]
    pub label_smoothing: f64,
    /// Share of the features that a step drops before the linear layer; those it keeps are scaled up to make up for it.
    #[serde(default)]
    pub dropout: f64,
}

/// How features are learned without labels (SimCLR).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimclrRecipe {
    /// The network, by [name](crate::network::NETWORKS); its linear layer is not trained.
    pub network: String,
    /// How weights begin.
    #[serde(default)]
    pub init: Init,
    /// How long.
    pub length: Length,
    /// Pictures of a step; each is seen in two views.
    pub batches: Batches,
    /// How steps are taken.
    pub optimizer: Optimizer,
    /// The learning rate.
    pub schedule: Schedule,
    /// What makes the views.
    pub augment: Augmentation,
    /// How bytes become numbers. Default: by mean and deviation of the pictures given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<Normalize>,
    /// Cosines are divided by it.
    pub temperature: f64,
    /// Whether only first views are anchors, as in SCAN's code.
    #[serde(default)]
    pub one_sided: bool,
    /// Values after the first layer of the projector; 0 takes those of the features.
    #[serde(default)]
    pub hidden: usize,
    /// Values of a projection.
    pub projection: usize,
}

/// Name and summary of each named recipe of a classifier.
pub const RECIPES: [(&str, &str); 12] = [
    ("svp-cifar", "Selection via Proxy: ResNet-20, 181 epochs of SGD in steps"),
    ("svp-cifar-50", "the same in 50 epochs, for proxies"),
    ("ngs-supervised", "NGS, framework i: pooled ResNet-18, 200 epochs, one step per epoch"),
    ("ngs-imagenet", "NGS on ImageNet: ResNet-18, 100 epochs in batches of 50; give `--side 224`"),
    ("deep-al-cifar", "TypiClust's code on CIFAR: batches of 100, indices doubled, half of the features dropped"),
    ("deep-al-tiny", "the same on Tiny-ImageNet: 100 epochs of Adam at a constant rate"),
    ("ccs", "CCS and D2: ResNet-18, 40,000 steps whatever the number of rows"),
    ("ccs-full", "the same for 200 epochs"),
    ("ccs-imagenet", "CCS on ImageNet: ResNet-34, 300,000 steps whatever the number of rows; give `--side 224`"),
    ("deepcore", "DeepCore: ResNet-18, 200 epochs"),
    ("deepcore-selection", "DeepCore's model for selection: 40 epochs at a constant rate"),
    ("data-diet", "Data Diet: ResNet-18, 200 epochs in steps, Nesterov"),
];

/// Name and summary of each named recipe of SimCLR.
pub const SIMCLR_RECIPES: [(&str, &str); 2] = [
    (
        "simclr-scan",
        "SCAN, as TypiClust, ProbCover and NGS use it: ResNet-18, 500 epochs; a task for a GPU. On CIFAR-10 SCAN normalizes by `cifar10-simclr`",
    ),
    ("simclr-small", "ours, for a processor: ResNet-20, 20 epochs, both views as anchors"),
];

fn sgd(nesterov: bool, weight_decay: f64) -> Optimizer {
    Optimizer::Sgd { momentum: 0.9, nesterov, weight_decay, decay_all: true }
}

fn cosine(rate: f64, least: f64, per: Per) -> Schedule {
    Schedule::Cosine { rate, least, per }
}

/// Settings that trainings of both kinds have, each within its range.
fn check(length: Length, batches: Batches, schedule: &Schedule, optimizer: &Optimizer) -> Result<(), Error> {
    let wrong = |name, rule: &str, got: String| Err(Error::Setting { name, rule: rule.into(), got });
    if let Length::Epochs(0) | Length::Steps(0) = length {
        return wrong("length", "at least 1", "0".into());
    }
    if batches.size == 0 {
        return wrong("batches.size", "at least 1", "0".into());
    }
    let rates: Vec<f64> = match schedule {
        Schedule::Constant { rate } | Schedule::SlowCosine { rate } => vec![*rate],
        Schedule::Cosine { rate, least, .. } => vec![*rate, *least],
        Schedule::Steps { table } => {
            if !table.iter().all(|(_, epochs)| *epochs > 0.0 && epochs.is_finite()) || table.is_empty() {
                return wrong("schedule.table", "rates and positive numbers of epochs", format!("{table:?}"));
            }
            table.iter().map(|(rate, _)| *rate).collect()
        }
    };
    if let Some(rate) = rates.iter().find(|rate| !(rate.is_finite() && **rate >= 0.0)) {
        return wrong("schedule.rate", "finite and not negative", rate.to_string());
    }
    let (momentum, decay) = match optimizer {
        Optimizer::Sgd { momentum, weight_decay, .. } => (*momentum, *weight_decay),
        Optimizer::Adam { weight_decay } => (0.0, *weight_decay),
    };
    if !(0.0..1.0).contains(&momentum) {
        return wrong("optimizer.momentum", "from 0 to below 1", momentum.to_string());
    }
    if !(decay.is_finite() && decay >= 0.0) {
        return wrong("optimizer.weight_decay", "finite and not negative", decay.to_string());
    }
    Ok(())
}

fn check_normalize(normalize: Option<Normalize>) -> Result<(), Error> {
    match normalize {
        Some(found) if !found.std.iter().all(|std| std.is_finite() && *std > 0.0) => {
            let got = format!("{:?}", found.std);
            Err(Error::Setting { name: "normalize.std", rule: "finite and above 0".into(), got })
        }
        _ => Ok(()),
    }
}

impl Recipe {
    /// Checks all settings.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self) -> Result<(), Error> {
        check(self.length, self.batches, &self.schedule, &self.optimizer)?;
        check_normalize(self.normalize)?;
        for (name, share) in [("label_smoothing", self.label_smoothing), ("dropout", self.dropout)] {
            if !(0.0..1.0).contains(&share) {
                return Err(Error::Setting { name, rule: "from 0 to below 1".into(), got: share.to_string() });
            }
        }
        Ok(())
    }

    /// In a few words: network, length, rows of a step, optimizer.
    pub fn gist(&self) -> String {
        let length = match self.length {
            Length::Epochs(epochs) => format!("{epochs} epochs"),
            Length::Steps(steps) => format!("{steps} steps"),
        };
        let batches = match self.batches {
            Batches { size, whole: true, .. } => format!("all rows a step, at least {size}"),
            Batches { size, .. } => format!("batches of {size}"),
        };
        let optimizer = match self.optimizer {
            Optimizer::Sgd { .. } => "SGD",
            Optimizer::Adam { .. } => "Adam",
        };
        format!("{}, {length}, {batches}, {optimizer}", self.network)
    }

    /// The recipe of this name.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub fn named(name: &str) -> Result<Self, Error> {
        let base = |network: &str, length, batches, optimizer, schedule, augment: &str| Recipe {
            network: network.into(),
            init: Init::HeFanOut,
            length,
            batches,
            optimizer,
            schedule,
            augment: Augmentation::Named(augment.into()),
            normalize: None,
            label_smoothing: 0.0,
            dropout: 0.0,
        };
        let steps = |table: &[(f64, f64)]| Schedule::Steps { table: table.to_vec() };
        let hundred = Batches { size: 100, whole: false, repeat: true, drop_last: true };
        let (epochs, batch) = (Length::Epochs, Batches::of);
        Ok(match name {
            "svp-cifar" => {
                let table = [(0.01, 1.0), (0.1, 90.0), (0.01, 45.0), (0.001, 45.0)];
                base("resnet20", epochs(181), batch(128), sgd(false, 5e-4), steps(&table), "svp")
            }
            "svp-cifar-50" => {
                let table = [(0.01, 1.0), (0.1, 45.0), (0.01, 4.0)];
                base("resnet20", epochs(50), batch(128), sgd(false, 5e-4), steps(&table), "svp")
            }
            "ngs-supervised" => {
                let whole = Batches { whole: true, ..hundred };
                let rate = cosine(0.025, 0.0, Per::Epoch);
                base("resnet18-pooled", epochs(200), whole, sgd(true, 3e-4), rate, "ngs-supervised")
            }
            "ngs-imagenet" => {
                let rate = cosine(0.025, 0.0, Per::Epoch);
                base("resnet18-imagenet", epochs(100), batch(50), sgd(true, 3e-4), rate, "imagenet")
            }
            "deep-al-cifar" => {
                // Its choice of epoch has no effect: what it keeps of the best one are references to weights that are
                // trained on, so what it tests are those of the last.
                let rate = cosine(0.025, 0.0, Per::Epoch);
                let recipe = base("resnet18-pooled", epochs(200), hundred, sgd(true, 3e-4), rate, "ngs-supervised");
                Recipe { dropout: 0.5, ..recipe }
            }
            "deep-al-tiny" => {
                let adam = Optimizer::Adam { weight_decay: 3e-4 };
                let rate = Schedule::Constant { rate: 1e-3 };
                let recipe = base("resnet18-pooled", epochs(100), hundred, adam, rate, "none");
                let crop = Step::ResizedCrop { scale: (0.5, 1.0), ratio: (3.0 / 4.0, 4.0 / 3.0) };
                let augment = Augment { steps: vec![crop, Step::Flip { p: 0.5 }] };
                Recipe { augment: Augmentation::Custom(augment), dropout: 0.5, ..recipe }
            }
            "ccs" | "ccs-full" => {
                let length = if name == "ccs" { Length::Steps(40_000) } else { epochs(200) };
                base("resnet18", length, batch(256), sgd(true, 5e-4), cosine(0.1, 1e-4, Per::Step), "ccs")
            }
            "ccs-imagenet" => {
                let rate = cosine(0.1, 1e-4, Per::Step);
                base("resnet34-imagenet", Length::Steps(300_000), batch(256), sgd(false, 1e-4), rate, "imagenet")
            }
            "deepcore" => {
                let rate = cosine(0.1, 1e-4, Per::Step);
                let recipe = base("resnet18", epochs(200), batch(256), sgd(true, 5e-4), rate, "deepcore");
                Recipe { init: Init::UniformFanIn, ..recipe }
            }
            "deepcore-selection" => {
                let rate = Schedule::Constant { rate: 0.1 };
                let recipe = base("resnet18", epochs(40), batch(256), sgd(true, 5e-4), rate, "none");
                Recipe { init: Init::UniformFanIn, ..recipe }
            }
            "data-diet" => {
                let table = [(0.1, 60.0), (0.02, 60.0), (0.004, 40.0), (0.0008, 40.0)];
                // 390 steps of an epoch of CIFAR's 50,000.
                let whole = Batches { drop_last: true, ..batch(128) };
                base("resnet18", epochs(200), whole, sgd(true, 5e-4), steps(&table), "svp")
            }
            _ => return Err(unknown("recipe", name, &RECIPES)),
        })
    }
}

impl SimclrRecipe {
    /// Checks all settings.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self) -> Result<(), Error> {
        check(self.length, self.batches, &self.schedule, &self.optimizer)?;
        check_normalize(self.normalize)?;
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            let got = self.temperature.to_string();
            return Err(Error::Setting { name: "temperature", rule: "positive".into(), got });
        }
        if !self.hidden.is_multiple_of(16) {
            let got = self.hidden.to_string();
            return Err(Error::Setting { name: "hidden", rule: "a multiple of 16, or 0".into(), got });
        }
        if self.projection == 0 {
            return Err(Error::Setting { name: "projection", rule: "at least 1".into(), got: "0".into() });
        }
        Ok(())
    }

    /// The recipe of this name.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub fn named(name: &str) -> Result<Self, Error> {
        let (network, length, one_sided) = match name {
            "simclr-scan" => ("resnet18", Length::Epochs(500), true),
            "simclr-small" => ("resnet20", Length::Epochs(20), false),
            _ => return Err(unknown("SimCLR recipe", name, &SIMCLR_RECIPES)),
        };
        Ok(SimclrRecipe {
            network: network.into(),
            init: Init::HeFanOut,
            length,
            batches: Batches { drop_last: true, ..Batches::of(512) },
            optimizer: sgd(false, 1e-4),
            schedule: cosine(0.4, 4e-4, Per::Epoch),
            augment: Augmentation::Named("simclr".into()),
            normalize: None,
            temperature: 0.1,
            one_sided,
            hidden: 0,
            projection: 128,
        })
    }
}

fn unknown(what: &'static str, name: &str, all: &[(&str, &str)]) -> Error {
    let known = all.iter().map(|recipe| recipe.0).collect::<Vec<_>>().join(", ");
    Error::Unknown { what, name: name.into(), known }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_recipes_are_read_back_from_their_toml() {
        for (name, _) in RECIPES {
            let recipe = Recipe::named(name).expect("a name");
            let text = toml::to_string(&recipe).expect("TOML");
            assert_eq!(toml::from_str::<Recipe>(&text).expect("the same"), recipe, "{text}");
        }
        for (name, _) in SIMCLR_RECIPES {
            let recipe = SimclrRecipe::named(name).expect("a name");
            let text = toml::to_string(&recipe).expect("TOML");
            assert_eq!(toml::from_str::<SimclrRecipe>(&text).expect("the same"), recipe, "{text}");
        }
        let error = Recipe::named("svp-cifra").expect_err("no such name");
        assert!(error.hint().expect("names").contains("svp-cifar-50"));
    }

    /// Numbers of the specification, by recipe: network, epochs, rows of a step, first and last learning rate of a
    /// training on 50,000 rows, weight decay, Nesterov.
    #[test]
    fn named_recipes_are_those_of_their_papers() {
        let at = |recipe: &Recipe, end: bool| {
            let plan = recipe.batches.plan(50_000);
            let (epochs, steps) = plan.span(recipe.length);
            let place = if end { (epochs - 1, steps - 1) } else { (0, 0) };
            recipe.schedule.rate(crate::schedule::Place { epoch: place.0, epochs, step: place.1, steps })
        };
        let table = [
            ("svp-cifar", "resnet20", 181, 128, (0.01, 0.001), 5e-4, false),
            ("svp-cifar-50", "resnet20", 50, 128, (0.01, 0.01), 5e-4, false),
            ("ngs-supervised", "resnet18-pooled", 200, 50_000, (0.025, 1.5421e-6), 3e-4, true),
            ("ngs-imagenet", "resnet18-imagenet", 100, 50, (0.025, 6.1679e-6), 3e-4, true),
            ("deep-al-cifar", "resnet18-pooled", 200, 100, (0.025, 1.5421e-6), 3e-4, true),
            ("ccs-full", "resnet18", 200, 256, (0.1, 1e-4), 5e-4, true),
            ("deepcore", "resnet18", 200, 256, (0.1, 1e-4), 5e-4, true),
            ("deepcore-selection", "resnet18", 40, 256, (0.1, 0.1), 5e-4, true),
            ("data-diet", "resnet18", 200, 128, (0.1, 0.0008), 5e-4, true),
        ];
        for (name, network, epochs, size, (first, last), decay, looks_ahead) in table {
            let recipe = Recipe::named(name).expect("a name");
            let plan = recipe.batches.plan(50_000);
            assert_eq!(
                (recipe.network.as_str(), recipe.length, plan.size),
                (network, Length::Epochs(epochs), size),
                "{name}"
            );
            let near = |got: f64, want: f64| (got - want).abs() <= 1e-4 * want;
            assert!(near(at(&recipe, false), first), "{name}: begins with {}", at(&recipe, false));
            assert!(near(at(&recipe, true), last), "{name}: ends with {}", at(&recipe, true));
            let want = Optimizer::Sgd { momentum: 0.9, nesterov: looks_ahead, weight_decay: decay, decay_all: true };
            assert_eq!(recipe.optimizer, want, "{name}");
        }
        let ccs = Recipe::named("ccs").expect("a name");
        assert_eq!(ccs.gist(), "resnet18, 40000 steps, batches of 256, SGD");
        assert_eq!((ccs.length, ccs.batches.plan(5_000).span(ccs.length)), (Length::Steps(40_000), (2_000, 40_000)));
        let tiny = Recipe::named("deep-al-tiny").expect("a name");
        assert_eq!((tiny.dropout, at(&tiny, true)), (0.5, 1e-3));
        let scan = SimclrRecipe::named("simclr-scan").expect("a name");
        assert_eq!((scan.temperature, scan.one_sided, scan.projection, scan.batches.size), (0.1, true, 128, 512));
        assert_eq!(scan.length, Length::Epochs(500));
    }

    #[test]
    fn few_rows_are_doubled_until_a_batch_is_full() {
        let hundred = Batches { size: 100, whole: false, repeat: true, drop_last: true };
        assert_eq!(hundred.plan(10), BatchPlan { repeats: 16, size: 100, steps: 1 });
        assert_eq!(hundred.plan(60), BatchPlan { repeats: 2, size: 100, steps: 1 });
        assert_eq!(hundred.plan(160), BatchPlan { repeats: 1, size: 100, steps: 1 });
        assert_eq!(hundred.plan(250), BatchPlan { repeats: 1, size: 100, steps: 2 });
        let whole = Batches { whole: true, ..hundred };
        assert_eq!(whole.plan(250), BatchPlan { repeats: 1, size: 250, steps: 1 });
        assert_eq!(whole.plan(10), BatchPlan { repeats: 16, size: 100, steps: 1 });
        assert_eq!(Batches::of(128).plan(50_000), BatchPlan { repeats: 1, size: 128, steps: 391 });
        assert_eq!(Batches::of(128).plan(5), BatchPlan { repeats: 1, size: 5, steps: 1 });
    }

    #[test]
    fn lengths_are_epochs_or_steps() {
        let plan = Batches::of(256).plan(5_000);
        assert_eq!(plan.span(Length::Epochs(200)), (200, 4_000));
        assert_eq!(plan.span(Length::Steps(40_000)), (2_000, 40_000));
        assert_eq!(plan.span(Length::Steps(41)), (3, 41));
    }
}
