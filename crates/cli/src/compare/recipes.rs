//! The recipes that come with the program, and those of the user.

use std::path::PathBuf;

use subsel_metrics::compare::{Comparison, Data, Draw, Recipe};

use crate::args::CompareArgs;
use crate::failure::Failure;
use crate::messages;

macro_rules! recipes {
    ($($name:literal),* $(,)?) => {
        /// Name and text of each.
        pub(super) const RECIPES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../../recipes/", $name, ".toml")))),*];
    };
}

recipes!(
    "linear-probe",
    "labeling",
    "pruning",
    "norm-types",
    "randomization",
    "initial-pool",
    "random-network",
    "fig2-cifar10",
    "supervised-small",
    "norm-correlation",
    "norm-correlation-small",
    "norm-histograms",
    "frechet",
);

/// Where recipes find their data: `SUBSEL_DATA`, or beside the repository.
pub(super) fn data_dir() -> PathBuf {
    std::env::var_os("SUBSEL_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from)
}

/// The recipe of a name or in a file.
pub(super) fn find(name: &str) -> Result<Recipe, Failure> {
    if let Some((_, text)) = RECIPES.iter().find(|(known, _)| *known == name) {
        return Ok(Recipe::parse(text, name)?);
    }
    let path = PathBuf::from(name);
    if path.extension().is_none_or(|extension| extension != "toml") {
        let known: Vec<&str> = RECIPES.iter().map(|(name, _)| *name).collect();
        return Err(Failure::usage(format!("there is no recipe `{name}`"))
            .hint(format!("there are: {}; or name a .toml file", known.join(", "))));
    }
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::io("read", &path, &error))?;
    Ok(Recipe::parse(&text, name)?)
}

/// What a command line without a recipe begins with.
pub(super) fn blank(args: &CompareArgs) -> Recipe {
    let text = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let inputs: Vec<String> = args.read.inputs.iter().map(|path| path.display().to_string()).collect();
    let name = args.read.inputs.first().and_then(|path| path.file_stem()).unwrap_or_default().to_string_lossy();
    Recipe {
        title: if name.is_empty() { "Methods compared".into() } else { format!("Methods compared on {name}") },
        about: String::new(),
        notes: Vec::new(),
        data: Data {
            features: inputs.join(" "),
            labels: text(&args.known.labels),
            first_labels: false,
            test_features: text(&args.test_features),
            test_labels: text(&args.test_labels),
            images: Vec::new(),
            test_images: Vec::new(),
        },
        compare: Comparison::default(),
        supervised: None,
        draw: Draw::usual(),
    }
}

/// The recipes there are.
pub(super) fn list() -> Result<String, Failure> {
    let rows: Result<Vec<Vec<String>>, Failure> =
        RECIPES.iter().map(|(name, text)| Ok(vec![(*name).into(), Recipe::parse(text, name)?.title])).collect();
    Ok(messages::table(&rows?))
}
