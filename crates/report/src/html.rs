//! What pages are filled by: text made harmless, templates, data for scripts.

use minijinja::{AutoEscape, Environment};
use serde::Serialize;

use crate::Error;

/// What every page looks like.
const STYLE: &str = include_str!("pages/style.css");

/// Text for the content of an element or for an attribute in double quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

/// Data for a script element: JSON in which nothing ends the element or opens a comment.
pub(crate) fn script_data(value: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string(value).map_err(|error| Error::Template(error.to_string()))?;
    Ok(text.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"))
}

/// Fills a template. Everything is escaped but what the template marks as safe; `style` is there for all.
pub(crate) fn fill(template: &str, values: minijinja::Value) -> Result<String, Error> {
    let failed = |error: minijinja::Error| Error::Template(format!("{error:#}"));
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment.add_global("style", minijinja::Value::from_safe_string(STYLE.to_owned()));
    environment.render_str(template, values).map_err(failed)
}

/// Scripts for a page, one after the other, not to be escaped.
pub(crate) fn script(parts: &[&str]) -> minijinja::Value {
    minijinja::Value::from_safe_string(parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_an_element() {
        assert_eq!(escaped("<b a=\"1\">'&"), "&lt;b a=&quot;1&quot;&gt;&#39;&amp;");
        let page = fill("<p>{{ text }}</p>", minijinja::context! { text => "</p><script>" });
        assert_eq!(page.ok().as_deref(), Some("<p>&lt;&#x2f;p&gt;&lt;script&gt;</p>"));
    }

    #[test]
    fn data_cannot_end_their_script() {
        let text = script_data(&"</script><!--").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(text, "\"\\u003c/script>\\u003c!--\"");
        assert_eq!(serde_json::from_str::<String>(&text).ok().as_deref(), Some("</script><!--"));
    }

    #[test]
    fn what_a_template_asks_for_must_be_there() {
        assert!(fill("{{ nobody }}", minijinja::context! {}).is_err());
    }
}
