//! The page: one self-contained HTML file.

use serde_json::{Value, json};

use super::drawings::{Kind, SIDE};
use super::judge::{Comparison, Estimate};
use super::picture::{ACROSS, plane, sheet};
use super::{BUDGET, Method, Pool, SEEDS};
use crate::failure::Failure;

const TEMPLATE: &str = include_str!("page.html");

/// Where the template wants its data.
const SLOT: &str = "/*DATA*/null";

/// The page as text.
pub(super) fn page(pool: &Pool, methods: [&Method; 2], comparison: &[Comparison]) -> Result<String, Failure> {
    let sheet = sheet(pool.drawings.iter().map(|drawing| &drawing.pixels[..]));
    let sheet = sheet.map_err(|error| Failure::new(format!("cannot draw the page: {error}")))?;
    let data = json!({
        "budget": BUDGET,
        "seeds": SEEDS,
        "intro": super::intro(),
        "side": SIDE,
        "across": ACROSS,
        "common": Kind::COMMON,
        "kinds": Kind::ALL.map(Kind::name),
        "sheet": sheet,
        "points": points(pool),
        "methods": methods.map(method),
        "comparison": comparison.iter().map(line).collect::<Vec<_>>(),
    });
    // Inside a script element, `</` would end it; JSON may write it so.
    Ok(TEMPLATE.replacen(SLOT, &data.to_string().replace("</", "<\\/"), 1))
}

fn points(pool: &Pool) -> Vec<Value> {
    let places = plane(&pool.rows);
    let rounded = |v: f64| (v * 1e4).round() / 1e4;
    let point = |((x, y), drawing): ((f64, f64), &super::drawings::Drawing)| {
        json!([rounded(x), rounded(y), drawing.kind.index()])
    };
    places.into_iter().zip(&pool.drawings).map(point).collect()
}

fn method(method: &Method) -> Value {
    let first = method.qualities[0];
    json!({
        "name": method.name,
        "picks": method.picks,
        "kinds": first.kinds,
        "radius": format!("{:.2}", first.radius),
    })
}

fn line(comparison: &Comparison) -> Value {
    let text = |estimate: &Estimate| super::estimate_text(*estimate);
    json!({
        "what": comparison.what,
        "meaning": format!("{}; {}", comparison.meaning, comparison.wanted),
        "ours": text(&comparison.ours),
        "random": text(&comparison.random),
        "verdict": comparison.verdict.text(),
    })
}
