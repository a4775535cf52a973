//! `subsel methods`: what there is, from the library's one list.

use serde::Serialize;
use serde_json::{Map, Value, json};
use subsel::{Entry, MethodInfo, grammar, registry, scores};

use crate::args::MethodsArgs;
use crate::failure::{DONE, Failure};
use crate::messages::{self, wrapped};

const WIDTH: usize = 100;

/// A method in JSON. Fields are only ever added.
#[derive(Serialize)]
struct Method {
    name: &'static str,
    aliases: &'static [&'static str],
    summary: &'static str,
    needs: &'static str,
    rows: &'static str,
    nested: bool,
    random: bool,
    cost: &'static str,
    source: &'static str,
    not_when: &'static str,
    params: Vec<Param>,
}

/// A parameter in JSON.
#[derive(Serialize)]
struct Param {
    name: &'static str,
    values: &'static str,
    default: Value,
    doc: &'static str,
}

/// All methods in JSON.
#[derive(Serialize)]
struct Methods {
    methods: Vec<Method>,
}

/// Runs the command.
pub(crate) fn run(args: MethodsArgs) -> Result<u8, Failure> {
    match &args.name {
        None if args.json => messages::print_json(&methods_json())?,
        None => messages::print(&list())?,
        Some(name) => {
            let entry = find(name)?;
            if args.json { messages::print_json(&method(entry))? } else { messages::print(&page(entry))? }
        }
    }
    Ok(DONE)
}

fn find(name: &str) -> Result<&'static Entry, Failure> {
    registry::find(name).ok_or_else(|| {
        let names =
            registry::all().iter().flat_map(|entry| std::iter::once(&entry.info.name).chain(entry.info.aliases));
        let hint = match grammar::nearest(name, names.copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`subsel methods` lists what there is".into(),
        };
        Failure::usage(format!("there is no method `{name}`")).hint(hint)
    })
}

fn method(entry: &Entry) -> Method {
    let defaults = (entry.build)(Map::new()).map(|method| method.params()).unwrap_or_default();
    Method::new(entry.info, entry.info.summary, &defaults)
}

/// All methods as JSON: what `subsel methods --json` prints.
pub fn methods_json() -> Value {
    json!(Methods { methods: registry::all().iter().map(method).collect() })
}

/// All there is to score by as JSON, with the same fields.
pub fn scores_json() -> Value {
    let score = |entry: &subsel::ScoreEntry| {
        let defaults = (entry.build)(Map::new()).map(|score| score.params()).unwrap_or_default();
        Method::new(entry.info, entry.score, &defaults)
    };
    json!({ "scores": scores::all().iter().map(score).collect::<Vec<_>>() })
}

impl Method {
    fn new(info: &'static MethodInfo, summary: &'static str, defaults: &Map<String, Value>) -> Self {
        let MethodInfo { name, aliases, needs, rows, nested, random, cost, source, not_when, params, .. } = *info;
        let param = |param: &subsel::ParamInfo| Param {
            name: param.name,
            values: param.values,
            default: defaults.get(param.name).cloned().unwrap_or(Value::Null),
            doc: param.doc,
        };
        let params = params.iter().map(param).collect();
        Method { name, aliases, summary, needs, rows, nested, random, cost, source, not_when, params }
    }
}

fn list() -> String {
    let longest = registry::all().iter().map(|entry| entry.info.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for entry in registry::all() {
        let MethodInfo { name, summary, needs, nested, .. } = entry.info;
        let needs = if needs.is_empty() { String::new() } else { format!("; needs {needs}") };
        let nested = if *nested { "; nested" } else { "" };
        let line = wrapped(&format!("{summary}{needs}{nested}"), longest + 2, WIDTH);
        text.push_str(&format!("{name:longest$}  {line}\n"));
    }
    text.push_str("\n`auto`, the default of `subsel select`, takes the one that `subsel advise` names for the pool and the budget.\n");
    text.push_str("`A+B` takes more rows than wanted by A and keeps the best by B: `k-center+norm`. Nested: the first k picks are the\n");
    text.push_str(
        "picks for k. `subsel methods NAME` tells what a method costs, where it comes from and when not to use it.\n",
    );
    text
}

fn page(entry: &Entry) -> String {
    const INDENT: usize = 12;
    let info = entry.info;
    let yes_no = |yes: bool| if yes { "yes" } else { "no" };
    let mut text = format!("{}: {}\n\n", info.name, info.summary);
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("{label:INDENT$}{}\n", wrapped(value, INDENT, WIDTH)));
        }
    };
    line("aliases", &info.aliases.join(", "));
    line("needs", if info.needs.is_empty() { "embeddings only" } else { info.needs });
    line("rows", info.rows);
    line("nested", if info.nested { "yes: the first k picks are the picks for k" } else { "no" });
    line("random", yes_no(info.random));
    line("cost", info.cost);
    line("source", info.source);
    line("not when", info.not_when);
    if !info.params.is_empty() {
        text.push_str("\nparameters, written `name:key=value,key=value`\n");
    }
    let names = 4 + info.params.iter().map(|param| param.name.len()).max().unwrap_or(0);
    for param in method(entry).params {
        let default = match &param.default {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let indent = names.max(INDENT);
        text.push_str(&format!("  {:width$}{}\n", param.name, wrapped(param.doc, indent, WIDTH), width = indent - 2));
        text.push_str(&format!("{:indent$}{}; default {default}\n", "", param.values));
    }
    text
}
