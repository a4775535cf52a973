//! The models that options name: a program of the user's, or one of those built in.

use subsel::Context;
use subsel_proxy::probe::{Probe, ProbeLearner};
use subsel_proxy::{Command, CommandSettings, Given, Learner, Plan, Role};

use crate::args::ProxyArgs;
use crate::failure::Failure;

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
    test: Option<&subsel_metrics::Examples>,
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
    let probe = Probe::parse(asked.model.unwrap_or_default()).map_err(subsel::Error::from)?;
    match (given.pool, given.labels) {
        (Some(pool), Some(labels)) => Ok(Box::new(ProbeLearner::new(probe, pool, labels, test, ctx)?)),
        _ => Err(Failure::usage("a probe learns from embeddings and labels")),
    }
}
