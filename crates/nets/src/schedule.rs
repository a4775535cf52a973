//! How the learning rate goes, and how steps are taken.

use serde::{Deserialize, Serialize};

use crate::engine::{AdamStep, Engine, SgdStep};
use crate::network::Role;

/// The learning rate in the course of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// The same all the time.
    Constant {
        /// The rate.
        rate: f64,
    },
    /// Rates, each for so many epochs. Where a training is longer or shorter than their sum, they stretch with it.
    Steps {
        /// Rate and epochs.
        table: Vec<(f64, f64)>,
    },
    /// Half a cosine, `least + (rate - least) (1 + cos(pi t)) / 2`.
    Cosine {
        /// Where it begins.
        rate: f64,
        /// Where it ends.
        #[serde(default)]
        least: f64,
        /// How often it moves.
        #[serde(default)]
        per: Per,
    },
    /// `rate cos(7 pi t / 16)` from step to step, as semi-supervised training has it: it ends at a fifth.
    SlowCosine {
        /// Where it begins.
        rate: f64,
    },
}

/// How often a schedule moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// From epoch to epoch.
    #[default]
    Epoch,
    /// From step to step.
    Step,
}

/// A place in a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Step, from 0, over all epochs.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
}

impl Schedule {
    /// The rate there.
    pub fn rate(&self, at: Place) -> f64 {
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        match self {
            Schedule::Constant { rate } => *rate,
            Schedule::Steps { table } => {
                let whole: f64 = table.iter().map(|(_, epochs)| epochs).sum();
                let now = share(at.epoch, at.epochs) * whole;
                let mut end = 0.0;
                for (rate, epochs) in table {
                    end += epochs;
                    // A hair of room: shares of whole numbers of epochs are not exact.
                    if now + 1e-9 * whole < end {
                        return *rate;
                    }
                }
                table.last().map_or(0.0, |(rate, _)| *rate)
            }
            Schedule::Cosine { rate, least, per } => {
                let t = match per {
                    Per::Epoch => share(at.epoch, at.epochs),
                    Per::Step => share(at.step, at.steps),
                };
                least + (rate - least) * (1.0 + libm::cos(std::f64::consts::PI * t)) / 2.0
            }
            Schedule::SlowCosine { rate } => {
                rate * libm::cos(7.0 * std::f64::consts::PI * share(at.step, at.steps) / 16.0)
            }
        }
    }
}

/// How steps are taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Optimizer {
    /// Stochastic gradient descent with momentum; weight decay is part of the gradient.
    Sgd {
        /// Share of the last step that is taken again.
        momentum: f64,
        /// Whether the momentum looks ahead.
        #[serde(default)]
        nesterov: bool,
        /// What is added to the gradient per unit of weight.
        #[serde(default)]
        weight_decay: f64,
        /// Whether normalizations and biases decay too.
        #[serde(default = "yes")]
        decay_all: bool,
    },
    /// Adam; weight decay is part of the gradient.
    Adam {
        /// What is added to the gradient per unit of weight.
        #[serde(default)]
        weight_decay: f64,
    },
}

fn yes() -> bool {
    true
}

/// What an optimizer remembers of a parameter, as many values as that has: the velocity; or means and squares.
pub(crate) type Memory<E> = Vec<<E as Engine>::Param>;

impl Optimizer {
    /// Arrays that it remembers of each parameter.
    pub(crate) fn arrays(&self) -> &'static [&'static str] {
        match self {
            Optimizer::Sgd { .. } => &["velocity"],
            Optimizer::Adam { .. } => &["mean", "square"],
        }
    }

    /// Moves one parameter; `step` counts from 0.
    pub(crate) fn step<E: Engine>(
        &self,
        engine: &E,
        (rate, step): (f64, usize),
        role: Role,
        weight: &mut E::Param,
        memory: &mut Memory<E>,
        gradient: &E::Param,
    ) {
        match (self, &mut memory[..]) {
            (Optimizer::Sgd { momentum, nesterov, weight_decay, decay_all }, [velocity]) => {
                let decay = if *decay_all || role.is_weight() { *weight_decay } else { 0.0 };
                let how =
                    SgdStep { rate: rate as f32, momentum: *momentum as f32, decay: decay as f32, nesterov: *nesterov };
                engine.sgd(how, weight, velocity, gradient);
            }
            (Optimizer::Adam { weight_decay }, [means, squares]) => {
                let how = AdamStep {
                    rate: rate as f32,
                    beta1: 0.9,
                    beta2: 0.999,
                    eps: 1e-8,
                    decay: *weight_decay as f32,
                    step: step as u64 + 1,
                };
                engine.adam(how, weight, means, squares, gradient);
            }
            _ => unreachable!("an optimizer remembers as many arrays as it says"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Cpu, Kind};

    fn at(step: usize, steps: usize) -> Place {
        Place { epoch: step, epochs: steps, step, steps }
    }

    #[test]
    fn rates_are_the_published_ones() {
        let cosine = |rate, least, per| Schedule::Cosine { rate, least, per };
        let cases = [
            (Schedule::SlowCosine { rate: 0.03 }, [0.03, 0.028246, 0.023190, 0.015423, 0.005853]),
            (cosine(0.025, 0.0, Per::Epoch), [0.025, 0.021339, 0.0125, 0.003661, 0.0]),
            (cosine(0.4, 4e-4, Per::Step), [0.4, 0.34148, 0.2002, 0.05892, 0.0004]),
        ];
        for (schedule, want) in cases {
            for (i, want) in want.iter().enumerate() {
                let got = schedule.rate(at(i, 4));
                assert!((got - want).abs() < 1e-6 * want.max(0.5), "{schedule:?} at {i}: {got}, not {want}");
            }
        }
    }

    #[test]
    fn steps_change_where_the_table_says_and_stretch() {
        let table = vec![(0.01, 1.0), (0.1, 90.0), (0.01, 45.0), (0.001, 45.0)];
        let schedule = Schedule::Steps { table };
        let rate = |epoch, epochs| schedule.rate(Place { epoch, epochs, step: 0, steps: 1 });
        let whole: Vec<f64> = [0, 1, 90, 91, 135, 136, 180].map(|epoch| rate(epoch, 181)).to_vec();
        assert_eq!(whole, [0.01, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001]);
        assert_eq!((rate(0, 362), rate(1, 362), rate(2, 362)), (0.01, 0.01, 0.1));
    }

    /// Steps by the definition, in f64.
    fn by_hand(how: SgdStep, mut weight: f64, gradients: &[f64]) -> f64 {
        let (rate, mu, decay) = (f64::from(how.rate), f64::from(how.momentum), f64::from(how.decay));
        let mut velocity = None;
        for gradient in gradients {
            let g = gradient + decay * weight;
            let v = velocity.map_or(g, |v: f64| mu * v + g);
            weight -= rate * if how.nesterov { g + mu * v } else { v };
            velocity = Some(v);
        }
        weight
    }

    #[test]
    fn sgd_takes_the_steps_of_its_definition() {
        let engine = Cpu::new();
        let gradients = [0.5, -0.25, 1.0, 0.125];
        for nesterov in [false, true] {
            let how = SgdStep { rate: 0.1, momentum: 0.9, decay: 5e-4, nesterov };
            let mut weight = engine.param(Kind::Vector(1), &[2.0]);
            let mut velocity = engine.zeros(&weight);
            for gradient in gradients {
                engine.sgd(how, &mut weight, &mut velocity, &vec![gradient as f32]);
            }
            let want = by_hand(how, 2.0, &gradients);
            assert!((f64::from(weight[0]) - want).abs() < 1e-6, "{} and {want}", weight[0]);
        }
    }

    #[test]
    fn normalizations_and_biases_decay_only_where_all_do() {
        let engine = Cpu::new();
        for (decay_all, role, want) in [
            (true, Role::Gamma, 0.95),
            (false, Role::Gamma, 1.0),
            (false, Role::Filter, 0.95),
            (false, Role::Beta, 1.0),
        ] {
            let optimizer = Optimizer::Sgd { momentum: 0.9, nesterov: false, weight_decay: 0.5, decay_all };
            let mut weight = vec![1.0_f32];
            let mut memory = vec![vec![0.0]];
            optimizer.step(&engine, (0.1, 0), role, &mut weight, &mut memory, &vec![0.0]);
            assert_eq!(weight[0], want, "{role:?}, all: {decay_all}");
        }
    }

    #[test]
    fn adams_first_step_is_the_rate_whatever_the_gradient() {
        let engine = Cpu::new();
        for gradient in [1e-3_f32, 5.0] {
            let mut weight = vec![1.0_f32];
            let mut memory = vec![vec![0.0], vec![0.0]];
            let adam = Optimizer::Adam { weight_decay: 0.0 };
            adam.step(&engine, (0.01, 0), Role::Matrix, &mut weight, &mut memory, &vec![gradient]);
            assert!((weight[0] - 0.99).abs() < 1e-5, "{}", weight[0]);
        }
    }
}
