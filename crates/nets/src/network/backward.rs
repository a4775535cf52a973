//! Networks backwards: gradients of every parameter.

use super::forward::{Normed, Passed, Tape};
use super::{Block, ConvLayer, Network, NormLayer, Weights};
use crate::engine::{Engine, Norm};

/// Gradients, in the order of [`Network::entries`]; none of a parameter that the loss does not depend on.
#[derive(Debug)]
pub struct Gradients<E: Engine>(pub Vec<Option<E::Param>>);

impl Network {
    /// Gradients of the linear layer, and the gradient by the features, from that by the logits.
    pub fn head_back<E: Engine>(
        &self,
        engine: &E,
        weights: &Weights<E>,
        features: &E::Rows,
        by_logits: &E::Rows,
        gradients: &mut Gradients<E>,
    ) -> E::Rows {
        let (dx, weight, bias) =
            engine.linear_back((self.head_kind(), &weights.params[self.weight]), features, by_logits);
        gradients.0[self.weight] = Some(weight);
        gradients.0[self.bias] = Some(bias);
        dx
    }

    /// No gradients yet.
    pub fn gradients<E: Engine>(&self) -> Gradients<E> {
        Gradients(self.entries().iter().map(|_| None).collect())
    }

    /// Gradients of all but the linear layer, from that by the features.
    pub fn back<E: Engine>(
        &self,
        engine: &E,
        weights: &Weights<E>,
        tape: Tape<E>,
        by_features: &E::Rows,
        gradients: &mut Gradients<E>,
    ) {
        let slope = Some(self.slope);
        let mut net = Back { engine, weights, gradients };
        let mut dy = engine.mean_pool_back(tape.sides, by_features);
        if let Some((layer, normed)) = self.last_norm.zip(tape.last) {
            dy = net.norm(layer, normed, slope, &dy, None, false).0;
        }
        for (block, passed) in self.blocks.iter().zip(tape.blocks).rev() {
            dy = match block {
                Block::After { steps, shortcut } => net.after(steps, *shortcut, passed, slope, dy),
                Block::Before { steps, shortcut, .. } => net.before(steps, *shortcut, passed, slope, dy),
            };
        }
        if let Some(x) = &tape.pooled {
            dy = engine.max_pool_back(x, &dy);
        }
        if let Some((layer, normed)) = self.stem_norm.zip(tape.stem) {
            dy = net.norm(layer, normed, slope, &dy, None, false).0;
        }
        net.filter(self.stem, &tape.pictures, &dy);
    }
}

struct Back<'a, E: Engine> {
    engine: &'a E,
    weights: &'a Weights<E>,
    gradients: &'a mut Gradients<E>,
}

impl<E: Engine> Back<'_, E> {
    fn filter(&mut self, layer: ConvLayer, x: &E::Maps, dy: &E::Maps) {
        self.gradients.0[layer.filter] = Some(self.engine.conv_filter(layer.conv, x, dy));
        if let Some(bias) = layer.bias {
            self.gradients.0[bias] = Some(self.engine.channel_sums(dy));
        }
    }

    /// The gradient by the input of a convolution, plus `add`; that by its filter is kept.
    fn conv(&mut self, layer: ConvLayer, x: &E::Maps, dy: &E::Maps, add: Option<&E::Maps>) -> E::Maps {
        self.filter(layer, x, dy);
        self.engine.conv_input(layer.conv, &self.weights.params[layer.filter], self.engine.sides(x), dy, add)
    }

    /// The gradient by the input of a normalization, plus `add`, and by what was added to it where `added`.
    fn norm(
        &mut self,
        layer: NormLayer,
        normed: Normed<E>,
        slope: Option<f32>,
        dy: &E::Maps,
        add: Option<&E::Maps>,
        added: bool,
    ) -> (E::Maps, Option<E::Maps>) {
        let params = &self.weights.params;
        let (gamma, beta) = (&params[layer.gamma], &params[layer.beta]);
        let norm = Norm { gamma, beta, moments: &normed.moments, eps: layer.eps };
        let found = self.engine.norm_back(norm, (&normed.x, &normed.y), slope, dy, add, added);
        self.gradients.0[layer.gamma] = Some(found.gamma);
        self.gradients.0[layer.beta] = Some(found.beta);
        (found.input, found.added)
    }

    fn after(
        &mut self,
        steps: &[(ConvLayer, NormLayer)],
        shortcut: Option<(ConvLayer, NormLayer)>,
        passed: Passed<E>,
        slope: Option<f32>,
        mut dy: E::Maps,
    ) -> E::Maps {
        let mut normed: Vec<Normed<E>> = passed.steps.into_iter().flatten().collect();
        let mut short = None;
        for (i, (conv, norm)) in steps.iter().enumerate().rev() {
            let is_last = i + 1 == steps.len();
            let one = normed.pop().expect("a record of every step");
            let (dx, added) = self.norm(*norm, one, slope, &dy, None, is_last);
            if is_last {
                short = added;
            }
            dy = match normed.last() {
                Some(before) => {
                    let x = before.y.clone();
                    self.conv(*conv, &x, &dx, None)
                }
                None => {
                    let by_short = short.take().expect("the last step was the first on the way back");
                    let add = match (shortcut, passed.shortcut.as_ref()) {
                        (Some((conv, norm)), Some(one)) => {
                            let one = Normed { x: one.x.clone(), y: one.y.clone(), moments: one.moments.clone() };
                            let (dx, _) = self.norm(norm, one, None, &by_short, None, false);
                            self.conv(conv, &passed.input, &dx, None)
                        }
                        _ => by_short,
                    };
                    self.conv(*conv, &passed.input, &dx, Some(&add))
                }
            };
        }
        dy
    }

    fn before(
        &mut self,
        steps: &[(NormLayer, ConvLayer)],
        shortcut: Option<ConvLayer>,
        passed: Passed<E>,
        slope: Option<f32>,
        dy: E::Maps,
    ) -> E::Maps {
        let by_short = dy.clone();
        let mut dy = dy;
        for ((i, (norm, conv)), normed) in steps.iter().enumerate().zip(passed.steps).rev() {
            let is_first = i == 0;
            let x = normed.as_ref().map_or(&passed.input, |normed| &normed.y).clone();
            // A shortcut that is a convolution saw what the first convolution saw.
            let add = shortcut.filter(|_| is_first).map(|conv| self.conv(conv, &x, &by_short, None));
            dy = self.conv(*conv, &x, &dy, add.as_ref());
            if let Some(normed) = normed {
                let add = (is_first && shortcut.is_none()).then_some(&by_short);
                dy = self.norm(*norm, normed, slope, &dy, add, false).0;
            }
        }
        dy
    }
}
