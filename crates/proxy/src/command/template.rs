//! A command as it is typed, with places to be filled: split as a shell splits, but no shell is run.

use crate::error::Error;

/// What a command may ask for, and what that is.
pub(super) const PLACEHOLDERS: [(&str, &str); 12] = [
    ("rows", "a .npy file of the rows to learn from, int64, ascending"),
    ("rows_txt", "the same as text, a row a line"),
    ("dir", "the directory to write to"),
    ("seed", "seed of the training, below 2^31"),
    ("round", "the round, from 0"),
    ("count", "how many rows there are to learn from"),
    ("n", "rows of the pool"),
    ("role", "`proxy` or `target`"),
    ("model", "what --proxy or --target says"),
    ("epochs", "what --proxy-epochs or --target-epochs says"),
    ("score", "what rows are chosen by"),
    ("wants", "what is to be written beside the accuracy: `logits`, `features`, `scores`, parted by commas"),
];

/// A command whose places are known to exist.
#[derive(Clone, Debug)]
pub(super) struct Template {
    words: Vec<Vec<Piece>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Place(&'static str),
}

impl Template {
    /// Reads a command given by an option.
    pub(super) fn parse(option: &str, command: &str) -> Result<Self, Error> {
        let wrong = |detail: String, hint: String| Error::Template {
            option: option.into(),
            command: command.into(),
            detail,
            hint,
        };
        let Some(words) = shlex::split(command) else {
            return Err(wrong("a quotation mark is not closed".into(), "close it, or escape it by `\\`".into()));
        };
        if words.is_empty() {
            return Err(wrong(
                "no program is named".into(),
                "such as 'python train.py --rows {rows} --out {dir}'".into(),
            ));
        }
        let words = words.iter().map(|word| pieces(word)).collect::<Result<Vec<_>, String>>().map_err(|name| {
            let known: Vec<String> = PLACEHOLDERS.iter().map(|(name, _)| format!("{{{name}}}")).collect();
            wrong(
                format!("`{{{name}}}` is nothing that can be filled in"),
                format!("there are {}; `{{{{` is a brace", known.join(", ")),
            )
        })?;
        Ok(Template { words })
    }

    /// Whether a place is asked for.
    pub(super) fn has(&self, name: &str) -> bool {
        self.words.iter().flatten().any(|piece| matches!(piece, Piece::Place(place) if *place == name))
    }

    /// The words, with every place filled.
    pub(super) fn filled(&self, values: &[(&'static str, String)]) -> Vec<String> {
        let of = |name: &str| values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        let word = |pieces: &Vec<Piece>| {
            let text = |piece: &Piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Place(name) => of(name).to_owned(),
            };
            pieces.iter().map(text).collect()
        };
        self.words.iter().map(word).collect()
    }
}

/// The pieces of a word, or the name of a place that there is not. Braces around anything but a name are text, and so are
/// doubled ones.
fn pieces(word: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = word;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let (brace, after) = rest[at..].split_at(1);
        if let Some(after) = after.strip_prefix(brace) {
            text.push_str(brace);
            rest = after;
            continue;
        }
        let name = after.split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
        match name {
            Some(name) if brace == "{" => {
                let known = PLACEHOLDERS.iter().find(|(known, _)| *known == name).ok_or(name)?;
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Place(known.0));
                rest = &after[name.len() + 1..];
            }
            _ => {
                text.push_str(brace);
                rest = after;
            }
        }
    }
    text.push_str(rest);
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(command: &str) -> Vec<String> {
        let template = Template::parse("--train-cmd", command).unwrap_or_else(|error| panic!("{error}"));
        template.filled(&[("rows", "/a b/rows.npy".into()), ("dir", "/a b".into()), ("seed", "7".into())])
    }

    #[test]
    fn places_are_filled_after_splitting_so_that_blanks_in_paths_part_nothing() {
        assert_eq!(
            filled("python 'my train.py' --rows={rows} --out {dir}/x --seed {seed}"),
            ["python", "my train.py", "--rows=/a b/rows.npy", "--out", "/a b/x", "--seed", "7"]
        );
    }

    #[test]
    fn braces_that_name_nothing_are_text() {
        assert_eq!(
            filled(r#"run '{"lr": 0.1}' {{seed}} {} {1} a}b {"#),
            ["run", r#"{"lr": 0.1}"#, "{seed}", "{}", "{1}", "a}b", "{"]
        );
        assert_eq!(filled("run x{seed}y{seed}"), ["run", "x7y7"]);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (command, detail) in [
            ("", "no program is named"),
            ("python 'train.py", "a quotation mark is not closed"),
            ("python {row}", "`{row}` is nothing that can be filled in"),
        ] {
            let error = Template::parse("--proxy-cmd", command).expect_err(command);
            assert!(error.to_string().starts_with("--proxy-cmd `") && error.to_string().contains(detail), "{error}");
            assert!(error.hint().is_some(), "{error}");
        }
    }
}
