//! Recipes: comparisons with the data they are made on and the page they make, as TOML files.

use serde::{Deserialize, Serialize};

use super::setting::Comparison;
use crate::error::Error;

/// A study that can be repeated with one command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recipe {
    /// The title of its page; names evaluator and encoder where they are not the paper's.
    pub title: String,
    /// What it asks and how to read it.
    pub about: String,
    /// What the paper did and found, and where this departs from it: one line each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What it is made on.
    pub data: Data,
    /// What is compared.
    pub compare: Comparison,
    /// What the evaluator `supervised` trains on the picks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervised: Option<Training>,
    /// What is drawn, in this order.
    #[serde(default = "default_draws")]
    pub draw: Vec<Draw>,
}

/// Files below the data directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Data {
    /// Embeddings of the pool.
    pub features: String,
    /// Classes of the pool.
    pub labels: Option<String>,
    /// Whether the file of classes goes on beyond the rows of the pool.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first_labels: bool,
    /// Embeddings of the test rows.
    pub test_features: Option<String>,
    /// Their classes.
    pub test_labels: Option<String>,
    /// Images of the pool, for evaluators that train on these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Images of the test rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test_images: Vec<String>,
}

/// A network trained from scratch on the picks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Training {
    /// How, by the name of a recipe of networks or its TOML file.
    pub recipe: String,
    /// The network; by default the recipe's.
    pub network: Option<String>,
    /// Passes over the picks; by default the recipe's.
    pub epochs: Option<usize>,
}

/// A part of the page of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Draw {
    /// Every judge over the budgets, a line per method.
    Curves,
    /// Paired differences to random at the mean of all budgets.
    Differences,
    /// Labels saved.
    LabelsSaved,
    /// How a metric goes together with the first evaluator over the seeds of random, budget by budget.
    Correlation(String),
    /// Norms of the picks beside those of the pool, budget by budget.
    Norms,
    /// All values.
    Table,
}

/// What is drawn where nothing is said.
fn default_draws() -> Vec<Draw> {
    Draw::usual()
}

impl Draw {
    /// What is drawn where nothing is said.
    pub fn usual() -> Vec<Draw> {
        vec![Draw::Curves, Draw::Differences, Draw::LabelsSaved, Draw::Table]
    }
}

impl Recipe {
    /// Reads a recipe; `name` is for messages.
    ///
    /// # Errors
    /// [`Error::Results`] with the place and what is wrong there.
    pub fn parse(text: &str, name: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error| Error::Results { path: name.into(), error: error.to_string() })
    }

    /// The recipe as TOML.
    ///
    /// # Errors
    /// [`Error::Results`] for what TOML cannot hold.
    pub fn text(&self) -> Result<String, Error> {
        toml::to_string_pretty(self).map_err(|error| Error::Results { path: "recipe".into(), error: error.to_string() })
    }
}
