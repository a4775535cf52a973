//! The text form of a method, which needs no shell quoting: `name[:key=value[,key=value]][+name...]`.
//!
//! Command line, Python objects and manifests share this one grammar and this one parser; aliases resolve here.
//! `A+B` is "A then B": A takes `refine * budget` rows (a key of B, default 2), B keeps `budget` of them.

use std::fmt;

use serde_json::{Map, Value};

use crate::method::{Build, BuildAs, MethodInfo, Selector};
use crate::methods::then::Then;
use crate::registry;

/// A method text that cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrammarError {
    /// The whole text.
    pub text: String,
    /// Offset in bytes of the offending character.
    pub at: usize,
    /// What is wrong.
    pub message: String,
    /// What to do, where that is known.
    pub hint: Option<String>,
}

impl GrammarError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

impl fmt::Display for GrammarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = self.text[..self.at].chars().count();
        write!(f, "{}\n  {}\n  {:column$}^", self.message, self.text, "")
    }
}

impl std::error::Error for GrammarError {}

/// Reads a method text.
///
/// # Errors
/// [`GrammarError`] that points at the first thing that cannot be read, with the nearest known name.
pub fn parse(text: &str) -> Result<Box<dyn Selector>, GrammarError> {
    let reader = Reader { text };
    let mut at = 0;
    let mut chain: Option<Box<dyn Selector>> = None;
    for stage in stages(text) {
        let (selector, refine) = reader.stage(stage, at, chain.is_some())?;
        chain = Some(match chain {
            None => selector,
            Some(first) => Box::new(Then { first, second: selector, refine: refine.unwrap_or(Then::REFINE) }),
        });
        at += stage.len() + 1;
    }
    chain.ok_or_else(|| reader.error(0, "a method is needed".into(), None))
}

fn methods() -> impl Iterator<Item = (&'static MethodInfo, Build)> + Clone {
    registry::all().iter().map(|entry| (entry.info, entry.build))
}

/// Reads the text of one thing of a list, without chains. `what` it is, for messages.
///
/// # Errors
/// [`GrammarError`] that points at the first thing that cannot be read, with the nearest known name.
pub fn parse_listed<T: ?Sized + 'static>(
    text: &str,
    what: &str,
    list: impl Iterator<Item = (&'static MethodInfo, BuildAs<T>)> + Clone,
) -> Result<Box<T>, GrammarError> {
    let reader = Reader { text };
    let (name, settings) = text.split_once(':').map_or((text, None), |(name, settings)| (name, Some(settings)));
    let (info, build) = reader.listed(name, 0, what, list)?;
    let found = match settings {
        Some(settings) => reader.settings(info, settings, name.len() + 1, false)?,
        None => Vec::new(),
    };
    reader.build(info, build, found, 0)
}

/// The stages of a chain: parts between single `+`; two in a row belong to a name (`k-means++`).
fn stages(text: &str) -> Vec<&str> {
    let mut stages = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(found) = text[at..].find('+').map(|i| at + i) {
        if text[found + 1..].starts_with('+') {
            at = found + 2;
        } else {
            stages.push(&text[from..found]);
            (from, at) = (found + 1, found + 1);
        }
    }
    stages.push(&text[from..]);
    stages
}

/// Writes settings as text, without those that have their defaults.
pub(crate) fn write(info: &MethodInfo, params: &Map<String, Value>) -> String {
    let plain = registry::find(info.name).and_then(|entry| (entry.build)(Map::new()).ok());
    let defaults = plain.map(|selector| selector.params()).unwrap_or_default();
    let settings: Vec<String> = params
        .iter()
        .filter(|(key, value)| defaults.get(*key) != Some(value))
        .map(|(key, value)| format!("{key}={}", value_text(value)))
        .collect();
    if settings.is_empty() { info.name.into() } else { format!("{}:{}", info.name, settings.join(",")) }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

struct Reader<'t> {
    text: &'t str,
}

/// One `key=value` and where it stands.
struct Setting {
    key: String,
    value: Value,
    value_at: usize,
}

impl Reader<'_> {
    fn error(&self, at: usize, message: String, hint: Option<String>) -> GrammarError {
        GrammarError { text: self.text.into(), at: at.min(self.text.len()), message, hint }
    }

    /// One stage and, for a later one, its `refine`.
    fn stage(&self, stage: &str, at: usize, later: bool) -> Result<(Box<dyn Selector>, Option<f64>), GrammarError> {
        let (name, settings) = match stage.split_once(':') {
            Some((name, settings)) => (name, Some(settings)),
            None => (stage, None),
        };
        let (info, build) = self.listed(name, at, "method", methods())?;
        let mut found = match settings {
            Some(settings) => self.settings(info, settings, at + name.len() + 1, later)?,
            None => Vec::new(),
        };
        let mut refine = None;
        if let Some(i) = found.iter().position(|setting| later && setting.key == "refine") {
            let setting = found.remove(i);
            let value = setting.value.as_f64().filter(|v| v.is_finite() && *v >= 1.0);
            refine = Some(value.ok_or_else(|| {
                let message = format!("`refine` must be finite and at least 1, got {}", value_text(&setting.value));
                self.error(setting.value_at, message, None)
            })?);
        }
        Ok((self.build(info, build, found, at)?, refine))
    }

    /// What is listed under this name.
    fn listed<B>(
        &self,
        name: &str,
        at: usize,
        what: &str,
        mut list: impl Iterator<Item = (&'static MethodInfo, B)> + Clone,
    ) -> Result<(&'static MethodInfo, B), GrammarError> {
        let all = list.clone();
        let listed = match what {
            "method" => "`subsel methods` lists them".to_owned(),
            "score" => "`subsel score --list` lists them".to_owned(),
            _ => format!("there are: {}", all.clone().map(|(info, _)| info.name).collect::<Vec<_>>().join(", ")),
        };
        if name.is_empty() {
            return Err(self.error(at, format!("a {what} name is missing"), Some(listed)));
        }
        list.find(|(info, _)| info.name == name || info.aliases.contains(&name)).ok_or_else(|| {
            let names = all.flat_map(|(info, _)| std::iter::once(&info.name).chain(info.aliases));
            let hint = match nearest(name, names.copied()) {
                _ if (what, name) == ("method", "auto") => {
                    "`auto` stands alone, in `subsel select` and `subsel plan`; `subsel advise` tells what it takes"
                        .into()
                }
                Some(near) => format!("did you mean `{near}`?"),
                None => listed,
            };
            self.error(at, format!("there is no {what} `{name}`"), Some(hint))
        })
    }

    fn settings(
        &self,
        info: &MethodInfo,
        settings: &str,
        mut at: usize,
        later: bool,
    ) -> Result<Vec<Setting>, GrammarError> {
        let mut found: Vec<Setting> = Vec::new();
        for setting in settings.split(',') {
            let Some((key, value)) = setting.split_once('=') else {
                return Err(self.error(at, format!("`{setting}` is not of the form key=value"), None));
            };
            let known = || info.params.iter().map(|p| p.name).chain(later.then_some("refine"));
            if !known().any(|name| name == key) {
                let hint = match (nearest(key, known()), known().next()) {
                    (Some(near), _) => format!("did you mean `{near}`?"),
                    (None, Some(_)) => {
                        format!("it has {}", known().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", "))
                    }
                    (None, None) => format!("`{}` has no parameters", info.name),
                };
                return Err(self.error(at, format!("`{}` has no parameter `{key}`", info.name), Some(hint)));
            }
            if found.iter().any(|setting| setting.key == key) {
                return Err(self.error(at, format!("`{key}` is given twice"), None));
            }
            let value_at = at + key.len() + 1;
            if value.is_empty() {
                return Err(self.error(value_at, format!("`{key}` has no value"), None));
            }
            found.push(Setting { key: key.into(), value: value_of(value), value_at });
            at += setting.len() + 1;
        }
        Ok(found)
    }

    fn build<T: ?Sized>(
        &self,
        info: &MethodInfo,
        build: BuildAs<T>,
        settings: Vec<Setting>,
        at: usize,
    ) -> Result<Box<T>, GrammarError> {
        // One by one first, so that the error can point at the setting that is wrong.
        for setting in &settings {
            let alone = Map::from_iter([(setting.key.clone(), setting.value.clone())]);
            if build(alone).is_err() {
                let values = info.params.iter().find(|p| p.name == setting.key).map_or("", |p| p.values);
                let message = format!(
                    "`{}` of `{}` must be {values}, got {}",
                    setting.key,
                    info.name,
                    value_text(&setting.value)
                );
                return Err(self.error(setting.value_at, message, None));
            }
        }
        let all = settings.into_iter().map(|setting| (setting.key, setting.value)).collect();
        build(all).map_err(|message| self.error(at, message, None))
    }
}

/// Numbers and truth values as such, all else as text.
fn value_of(text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ => Value::String(text.into()),
    }
}

/// The nearest of some names, if it is near enough to have been meant.
pub fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    names
        .map(|known| (edit_distance(name, known), known))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, known)| *distance <= 1 + known.len().min(name.len()) / 3)
        .map(|(_, known)| known)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != *y)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> GrammarError {
        parse(text).expect_err("the text is wrong")
    }

    #[test]
    fn reads_names_aliases_settings_and_chains() {
        for (text, written) in [
            ("random", "random"),
            ("coreset", "k-center"),
            ("norm:norm=l1,pick=largest", "norm:norm=l1,pick=largest"),
            ("gram-schmidt:norm=l2", "gram-schmidt"),
            ("k-center:start=3", "k-center:start=3"),
            ("k-means++", "k-means-pp"),
            ("k-means+++norm", "k-means-pp+norm"),
            ("norm+k-means++:start=2", "norm+k-means-pp:start=2"),
            ("k-center+norm", "k-center+norm"),
            ("k-center+norm:refine=3,norm=linf", "k-center+norm:norm=linf,refine=3"),
            ("random+norm+gram-schmidt", "random+norm+gram-schmidt"),
        ] {
            let selector = parse(text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(selector.text(), written, "for {text}");
            let again = parse(&selector.text()).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(again.params(), selector.params());
        }
    }

    #[test]
    fn points_at_the_offending_character_and_suggests_the_nearest_name() {
        let wrong = error("random+gram-shmidt:pick=largest");
        assert_eq!((wrong.at, wrong.hint.as_deref()), (7, Some("did you mean `gram-schmidt`?")));
        let wrong = error("norm:nrom=l1");
        assert_eq!((wrong.at, wrong.hint.as_deref()), (5, Some("did you mean `norm`?")));
        assert_eq!(error("norm:norm=l3").at, 10);
        assert_eq!(error("norm:norm=").at, 10);
        assert_eq!(error("norm:norm").at, 5);
        assert_eq!(error("norm:norm=l1,norm=l2").at, 13);
        assert_eq!(error("").at, 0);
        assert_eq!(error("random+").at, 7);
        assert_eq!(error("random+norm:refine=0.5").at, 19);
        assert_eq!(error("random+norm:refine=nan").at, 19);
        assert_eq!(error("random:refine=2").at, 7);
        assert_eq!(
            error("norm:norm=l3").to_string(),
            "`norm` of `norm` must be l1, l2 or linf, got l3\n  norm:norm=l3\n            ^"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            if let Err(error) = parse(&text) {
                let _ = error.to_string();
            }
        }

        #[test]
        fn nothing_near_the_grammar_makes_it_panic(text in "[a-z:=,+0-9-]{0,30}|(norm|random|k-center)[:+](norm|start|é)=[l0-9é]*,?") {
            let _ = parse(&text).map_err(|error| error.to_string());
        }
    }
}
