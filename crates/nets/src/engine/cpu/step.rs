//! Steps of optimizers.

use super::vector::Kernel;
use crate::engine::{AdamStep, SgdStep};

/// A step of stochastic gradient descent.
pub(super) struct Sgd<'a> {
    pub(super) how: SgdStep,
    pub(super) weight: &'a mut [f32],
    pub(super) velocity: &'a mut [f32],
    pub(super) gradient: &'a [f32],
}

impl Kernel for Sgd<'_> {
    #[inline(always)]
    fn run(self) {
        let SgdStep { rate, momentum, decay, nesterov } = self.how;
        for ((weight, velocity), gradient) in self.weight.iter_mut().zip(self.velocity).zip(self.gradient) {
            let gradient = gradient + decay * *weight;
            *velocity = momentum * *velocity + gradient;
            *weight -= rate * if nesterov { gradient + momentum * *velocity } else { *velocity };
        }
    }
}

/// A step of Adam.
pub(super) struct Adam<'a> {
    pub(super) how: AdamStep,
    pub(super) weight: &'a mut [f32],
    pub(super) means: &'a mut [f32],
    pub(super) squares: &'a mut [f32],
    pub(super) gradient: &'a [f32],
}

impl Kernel for Adam<'_> {
    #[inline(always)]
    fn run(self) {
        let how = self.how;
        let (first, second) = how.corrections();
        let state = self.means.iter_mut().zip(self.squares);
        for ((weight, (mean, square)), gradient) in self.weight.iter_mut().zip(state).zip(self.gradient) {
            let gradient = gradient + how.decay * *weight;
            *mean = how.beta1 * *mean + (1.0 - how.beta1) * gradient;
            *square = how.beta2 * *square + (1.0 - how.beta2) * gradient * gradient;
            *weight -= how.rate * (*mean / first) / ((*square / second).sqrt() + how.eps);
        }
    }
}
