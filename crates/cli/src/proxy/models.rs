//! The models that options name: a program of the user's, or one of those built in.

use serde::{Deserialize, Serialize};
use subsel::Context;
use subsel_images::encoders::model::{read, settings};
use subsel_nets::{Device, NetLearner};
use subsel_proxy::probe::{Probe, ProbeLearner};
use subsel_proxy::{Command, CommandSettings, Given, Learner, Plan, Role};

use super::given::Pictures;
use crate::args::ProxyArgs;
use crate::failure::Failure;
use crate::train;

/// The options of one of the two models.
struct Asked<'a> {
    role: Role,
    model: Option<&'a str>,
    /// The option that gave the command, and the command.
    command: Option<(&'static str, &'a str)>,
    epochs: Option<usize>,
}

impl<'a> Asked<'a> {
    fn of(args: &'a ProxyArgs, role: Role) -> Self {
        let (model, own, option, epochs) = match role {
            Role::Proxy => (&args.proxy, &args.proxy_cmd, "--proxy-cmd", args.proxy_epochs),
            Role::Target => (&args.target, &args.target_cmd, "--target-cmd", args.target_epochs),
        };
        let own = own.as_deref().map(|command| (option, command));
        let both = args.train_cmd.as_deref().map(|command| ("--train-cmd", command));
        Asked { role, model: model.as_deref(), command: own.or(both), epochs }
    }
}

/// What models that are built in learn from beside the pool of embeddings.
pub(super) struct Rows<'a> {
    /// Test rows with their embeddings.
    pub(super) examples: Option<&'a subsel_metrics::Examples>,
    /// Pictures of pool and test rows.
    pub(super) pictures: Option<&'a Pictures>,
}

/// Settings of a network, `resnet8:epochs=10,recipe=svp-cifar`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Network {
    recipe: Option<String>,
    epochs: Option<usize>,
    batch: Option<usize>,
    device: Option<String>,
}

/// The recipe of networks where none is named: the proxies' of the paper.
const RECIPE: &str = "svp-cifar-50";

/// Whether a name is that of a network.
fn is_network(model: &str) -> bool {
    let name = model.split(':').next().unwrap_or_default();
    subsel_nets::Network::named(name, 2).is_ok()
}

/// Whether a model that is built in is a network.
pub(super) fn are_networks(args: &ProxyArgs) -> bool {
    let is_one = |role| {
        let asked = Asked::of(args, role);
        asked.command.is_none() && asked.model.is_some_and(is_network)
    };
    is_one(Role::Proxy) || is_one(Role::Target)
}

fn check_network(model: &str, args: &ProxyArgs, role: Role) -> Result<(), Failure> {
    network(model)?;
    if Asked::of(args, role).epochs.is_some() {
        return Err(Failure::usage(format!("`--{role}-epochs` is for commands"))
            .hint(format!("`--{role} {}:epochs=20`", model.split(':').next().unwrap_or_default())));
    }
    if args.images.test_images.is_empty() && role == Role::Target {
        return Err(Failure::usage(format!("nothing tells how good `--{role} {model}` is"))
            .hint("`--test-images INPUT` are examined"));
    }
    Ok(())
}

/// The recipe of a network and where it is trained.
fn network(text: &str) -> Result<(subsel_nets::Recipe, Device), Failure> {
    let (name, given) = settings(text)?;
    let Network { recipe, epochs, batch, device } = read(text, given)?;
    let mut recipe = train::recipe(recipe.as_deref().unwrap_or(RECIPE))?;
    recipe.network = name.into();
    if let Some(epochs) = epochs {
        recipe = recipe.in_epochs(epochs);
    }
    recipe.batches.size = batch.unwrap_or(recipe.batches.size);
    recipe.check()?;
    let device: Device = device.as_deref().unwrap_or("cpu").parse()?;
    device.check()?;
    Ok((recipe, device))
}

/// Refuses models that cannot be, before anything is read.
pub(super) fn check(args: &ProxyArgs) -> Result<(), Failure> {
    for role in [Role::Proxy, Role::Target] {
        let asked = Asked::of(args, role);
        match (asked.command, asked.model) {
            (None, None) => {
                return Err(Failure::usage(format!("no {role} is named")).hint(format!(
                    "`--{role} linear-probe` learns from embeddings; `--{role}-cmd` and `--train-cmd` run a program of yours"
                )));
            }
            (None, Some(model)) if is_network(model) => check_network(model, args, role)?,
            (None, Some(model)) if are_networks(args) => {
                return Err(Failure::usage(format!(
                    "`--{role} {model}` learns from embeddings, the other model from images"
                ))
                .hint("two networks, two probes, or a command beside either"));
            }
            (None, Some(model)) => {
                Probe::parse(model).map_err(subsel::Error::from)?;
                if asked.epochs.is_some() {
                    return Err(Failure::usage(format!("`--{role}-epochs` is for commands"))
                        .hint(format!("`--{role} linear-probe:epochs=20`")));
                }
                if args.read.inputs.is_empty() || args.labels.is_none() {
                    return Err(Failure::usage(format!("`--{role} {model}` learns from embeddings and labels"))
                        .hint("such as `subsel proxy features.npy --labels labels.npy`"));
                }
                if args.test_features.is_none() && role == Role::Target {
                    return Err(Failure::usage(format!("nothing tells how good `--{role} {model}` is"))
                        .hint("`--test-features FILE --test-labels FILE` are examined"));
                }
            }
            (Some(_), _) => {}
        }
    }
    Ok(())
}

/// The model of a role.
pub(super) fn learner<'a>(
    args: &ProxyArgs,
    role: Role,
    plan: &Plan,
    given: &Given<'a>,
    rows: &Rows<'a>,
    ctx: &Context,
) -> Result<Box<dyn Learner + 'a>, Failure> {
    let asked = Asked::of(args, role);
    if let Some((option, command)) = asked.command {
        return Ok(Box::new(Command::new(CommandSettings {
            option: option.into(),
            command: command.into(),
            role: asked.role,
            model: asked.model.map(str::to_owned),
            epochs: asked.epochs,
            timeout: args.timeout,
            n: plan.n,
            score: plan.score,
        })?));
    }
    let model = asked.model.unwrap_or_default();
    if let (true, Some(Pictures { pool, test }), Some(labels)) = (is_network(model), rows.pictures, given.labels) {
        let (recipe, device) = network(model)?;
        let test = test.as_ref().zip(given.test).map(|(pixels, classes)| (pixels, &*classes.codes));
        return Ok(Box::new(NetLearner::new(model, recipe, (pool, labels), test, device)?));
    }
    let probe = Probe::parse(model).map_err(subsel::Error::from)?;
    match (given.pool, given.labels) {
        (Some(pool), Some(labels)) => Ok(Box::new(ProbeLearner::new(probe, pool, labels, rows.examples, ctx)?)),
        _ => Err(Failure::usage("a probe learns from embeddings and labels")),
    }
}
