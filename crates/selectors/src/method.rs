//! What a method is: plain settings, facts about it, and one `run`.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Error;
use crate::context::Context;
use crate::plan::{Shape, Work};
use crate::pool::CheckedPool;
use crate::selection::Pick;

/// Facts about a method; one list of them feeds the program, the documentation and the bindings.
#[derive(Debug)]
pub struct MethodInfo {
    /// Its name, kebab-case.
    pub name: &'static str,
    /// Other names it answers to.
    pub aliases: &'static [&'static str],
    /// One line: what it picks.
    pub summary: &'static str,
    /// What it needs besides embeddings; empty if nothing.
    pub needs: &'static str,
    /// Which normalization of the rows it is meant for.
    pub rows: &'static str,
    /// Whether the first k of its picks are its picks for k.
    pub nested: bool,
    /// Whether it draws at random.
    pub random: bool,
    /// Time and memory.
    pub cost: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// When something else serves better.
    pub not_when: &'static str,
    /// Its parameters.
    pub params: &'static [ParamInfo],
}

/// Facts about a parameter. Its default stands in the settings' `Default`.
#[derive(Debug)]
pub struct ParamInfo {
    /// Its name.
    pub name: &'static str,
    /// The values it takes.
    pub values: &'static str,
    /// What it does.
    pub doc: &'static str,
}

/// How a method keeps to the constraints of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Not at all: its picks are walked past those that are refused.
    Never,
    /// It asks before each pick, and leaves a row that is refused out of play.
    BeforeEach,
    /// It sees to it that the methods it is made of do.
    Itself,
}

/// A method with its settings.
pub trait Selector: Debug + Send + Sync {
    /// Facts about the method.
    fn info(&self) -> &'static MethodInfo;

    /// The settings, by name.
    fn params(&self) -> Map<String, Value>;

    /// The text form, `name:key=value,...`, with the settings that differ from their defaults.
    fn text(&self) -> String {
        crate::grammar::write(self.info(), &self.params())
    }

    /// Faults of the settings that show without data.
    ///
    /// # Errors
    /// [`Error::Param`].
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Whether, with these settings, the first k picks are the picks for k.
    fn nested(&self) -> bool {
        self.info().nested
    }

    /// Whether, with these settings, the seed changes the picks; those drawn where nothing is left to tell rows apart do not
    /// count.
    fn is_random(&self) -> bool {
        self.info().random
    }

    /// Whether, with these settings, a run may end with fewer picks than asked for.
    fn gives_fewer(&self) -> bool {
        false
    }

    /// How a run keeps to the pool's [`Constraints`](crate::Constraints).
    fn asks(&self) -> Asks {
        Asks::Never
    }

    /// What a run on a pool of this shape will cost beyond checking it.
    fn plan(&self, shape: &Shape, budget: usize) -> Work;

    /// Picks `budget` candidates of the pool into `picks`, best first. [`crate::select`] has checked that there are so
    /// many, and calls this for `1 <= budget <= pool.n_candidates()`.
    ///
    /// # Errors
    /// Reading, or [`Error::Interrupted`]; what `picks` holds then is a valid prefix if the method is nested.
    fn run(&self, pool: &CheckedPool<'_>, budget: usize, ctx: &mut Context, picks: &mut Vec<Pick>)
    -> Result<(), Error>;
}

/// Makes a selector from settings by name.
pub type Build = BuildAs<dyn Selector>;

/// Makes something from settings by name.
pub type BuildAs<T> = fn(Map<String, Value>) -> Result<Box<T>, String>;

/// A method of the registry: its facts, and how settings become a selector.
pub struct Entry {
    /// Facts about the method.
    pub info: &'static MethodInfo,
    /// Builds a selector from settings by name; those not named keep their defaults.
    pub build: Build,
}

/// Builds a selector from its settings, for [`Entry::build`].
pub(crate) fn build<S: Selector + DeserializeOwned + 'static>(
    params: Map<String, Value>,
) -> Result<Box<dyn Selector>, String> {
    settings_of::<S>(params).map(|selector| Box::new(selector) as Box<dyn Selector>)
}

/// Settings from their values by name; those not named keep their defaults.
pub(crate) fn settings_of<S: DeserializeOwned>(params: Map<String, Value>) -> Result<S, String> {
    serde_json::from_value(Value::Object(params)).map_err(|error| error.to_string())
}

/// The settings of a selector by name, for [`Selector::params`].
pub(crate) fn params_of(settings: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(map)) => map,
        other => unreachable!("settings are plain structs of plain values, got {other:?}"),
    }
}
