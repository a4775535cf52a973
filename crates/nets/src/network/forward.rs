//! Networks forwards: to be scored, and to be trained.

use super::{Block, ConvLayer, Network, NormLayer, Weights};
use crate::engine::{Engine, Kind, Moments, Norm};

/// What a normalization was given and gave in training.
#[derive(Debug)]
pub(super) struct Normed<E: Engine> {
    pub(super) x: E::Maps,
    pub(super) y: E::Maps,
    pub(super) moments: Moments<E>,
}

/// What a block was given, and its normalizations.
#[derive(Debug)]
pub(super) struct Passed<E: Engine> {
    pub(super) input: E::Maps,
    pub(super) steps: Vec<Option<Normed<E>>>,
    pub(super) shortcut: Option<Normed<E>>,
}

/// What a training's forward pass leaves for the way back.
#[derive(Debug)]
pub struct Tape<E: Engine> {
    pub(super) pictures: E::Maps,
    pub(super) stem: Option<Normed<E>>,
    /// What the max-pool was given.
    pub(super) pooled: Option<E::Maps>,
    pub(super) blocks: Vec<Passed<E>>,
    pub(super) last: Option<Normed<E>>,
    pub(super) sides: [usize; 2],
    pub(super) features: E::Rows,
}

impl<E: Engine> Tape<E> {
    /// The features of the batch `(n, dim)`.
    pub fn features(&self) -> &E::Rows {
        &self.features
    }
}

impl Network {
    /// Features `(n, dim)` of pictures `(n, 3, side, side)`, by running moments. Each picture's are its own, whatever else
    /// is in the batch.
    pub fn features<E: Engine>(&self, engine: &E, weights: &Weights<E>, pictures: &E::Maps) -> E::Rows {
        let slope = Some(self.slope);
        let net = Eval { engine, weights };
        let mut x = match self.stem_norm {
            Some(norm) => net.conv_norm(self.stem, norm, pictures, None, slope),
            None => net.conv(self.stem, pictures, None),
        };
        if self.stem_pool {
            x = engine.max_pool(&x);
        }
        for block in &self.blocks {
            x = match block {
                Block::After { steps, shortcut } => {
                    let short = shortcut.map(|(conv, norm)| net.conv_norm(conv, norm, &x, None, None));
                    let short = short.unwrap_or_else(|| x.clone());
                    for (i, (conv, norm)) in steps.iter().enumerate() {
                        let add = (i + 1 == steps.len()).then_some(&short);
                        x = net.conv_norm(*conv, *norm, &x, add, slope);
                    }
                    x
                }
                Block::Before { steps, shortcut, raw } => {
                    let mut active = if *raw { x.clone() } else { net.norm(steps[0].0, &x, slope) };
                    let short = match shortcut {
                        Some(conv) => net.conv(*conv, &active, None),
                        None => x,
                    };
                    for (i, (_, conv)) in steps.iter().enumerate() {
                        active = match steps.get(i + 1) {
                            Some((next, _)) => net.conv_norm(*conv, *next, &active, None, slope),
                            None => net.conv(*conv, &active, Some(&short)),
                        };
                    }
                    active
                }
            };
        }
        if let Some(norm) = self.last_norm {
            x = net.norm(norm, &x, slope);
        }
        engine.mean_pool(&x)
    }

    /// Logits `(n, classes)` of features.
    pub fn logits<E: Engine>(&self, engine: &E, weights: &Weights<E>, features: &E::Rows) -> E::Rows {
        engine.linear((self.head_kind(), &weights.params[self.weight]), &weights.params[self.bias], features)
    }

    pub(super) fn head_kind(&self) -> Kind {
        Kind::Matrix { output: self.classes, input: self.dim }
    }

    /// The same in training: normalized by the moments of the batch, toward which the running moments move.
    pub fn train<E: Engine>(&self, engine: &E, weights: &mut Weights<E>, pictures: &E::Maps) -> Tape<E> {
        let slope = Some(self.slope);
        let momentum = self.momentum;
        let mut net = Train { engine, weights, momentum };
        let mut x = net.conv(self.stem, pictures, None);
        let mut stem = None;
        if let Some(norm) = self.stem_norm {
            let normed = net.norm(norm, x, None, slope);
            x = normed.y.clone();
            stem = Some(normed);
        }
        let pooled = self.stem_pool.then(|| {
            let pooled = engine.max_pool(&x);
            std::mem::replace(&mut x, pooled)
        });
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            let (passed, y) = match block {
                Block::After { steps, shortcut } => net.after(steps, *shortcut, x, slope),
                Block::Before { steps, shortcut, raw } => net.before(steps, *shortcut, *raw, x, slope),
            };
            blocks.push(passed);
            x = y;
        }
        let sides = engine.sides(&x);
        let mut last = None;
        if let Some(norm) = self.last_norm {
            let normed = net.norm(norm, x, None, slope);
            x = normed.y.clone();
            last = Some(normed);
        }
        let features = engine.mean_pool(&x);
        Tape { pictures: pictures.clone(), stem, pooled, blocks, last, sides, features }
    }
}

struct Eval<'a, E: Engine> {
    engine: &'a E,
    weights: &'a Weights<E>,
}

impl<E: Engine> Eval<'_, E> {
    fn conv(&self, layer: ConvLayer, x: &E::Maps, add: Option<&E::Maps>) -> E::Maps {
        let params = &self.weights.params;
        self.engine.conv(layer.conv, &params[layer.filter], layer.bias.map(|bias| &params[bias]), x, add)
    }

    fn moments(&self, layer: NormLayer) -> Norm<'_, E> {
        let Weights { params, running } = self.weights;
        let (gamma, beta) = (&params[layer.gamma], &params[layer.beta]);
        Norm { gamma, beta, moments: &running[layer.moments], eps: layer.eps }
    }

    fn norm(&self, layer: NormLayer, x: &E::Maps, slope: Option<f32>) -> E::Maps {
        self.engine.norm_frozen(self.moments(layer), x, None, slope)
    }

    fn conv_norm(
        &self,
        conv: ConvLayer,
        norm: NormLayer,
        x: &E::Maps,
        add: Option<&E::Maps>,
        slope: Option<f32>,
    ) -> E::Maps {
        self.engine.conv_norm(conv.conv, &self.weights.params[conv.filter], self.moments(norm), x, add, slope)
    }
}

struct Train<'a, E: Engine> {
    engine: &'a E,
    weights: &'a mut Weights<E>,
    momentum: f32,
}

impl<E: Engine> Train<'_, E> {
    fn conv(&self, layer: ConvLayer, x: &E::Maps, add: Option<&E::Maps>) -> E::Maps {
        Eval { engine: self.engine, weights: self.weights }.conv(layer, x, add)
    }

    fn norm(&mut self, layer: NormLayer, x: E::Maps, add: Option<&E::Maps>, slope: Option<f32>) -> Normed<E> {
        let moments = self.engine.moments(&x);
        let Weights { params, running } = &mut *self.weights;
        let norm = Norm { gamma: &params[layer.gamma], beta: &params[layer.beta], moments: &moments, eps: layer.eps };
        let y = self.engine.norm_frozen(norm, &x, add, slope);
        let pixels = self.engine.pixels(&x);
        self.engine.track(&mut running[layer.moments], &moments, self.momentum, pixels);
        Normed { x, y, moments }
    }

    fn after(
        &mut self,
        steps: &[(ConvLayer, NormLayer)],
        shortcut: Option<(ConvLayer, NormLayer)>,
        input: E::Maps,
        slope: Option<f32>,
    ) -> (Passed<E>, E::Maps) {
        let mut normed: Vec<Option<Normed<E>>> = Vec::with_capacity(steps.len());
        let mut x = input.clone();
        let shortcut = shortcut.map(|(conv, norm)| {
            let y = self.conv(conv, &input, None);
            self.norm(norm, y, None, None)
        });
        for (i, (conv, norm)) in steps.iter().enumerate() {
            let y = self.conv(*conv, &x, None);
            let short = shortcut.as_ref().map_or(&input, |short| &short.y);
            let one = self.norm(*norm, y, (i + 1 == steps.len()).then_some(short), slope);
            x = one.y.clone();
            normed.push(Some(one));
        }
        (Passed { input, steps: normed, shortcut }, x)
    }

    fn before(
        &mut self,
        steps: &[(NormLayer, ConvLayer)],
        shortcut: Option<ConvLayer>,
        raw: bool,
        input: E::Maps,
        slope: Option<f32>,
    ) -> (Passed<E>, E::Maps) {
        let mut normed = Vec::with_capacity(steps.len());
        let mut x = input.clone();
        let mut short = input.clone();
        for (i, (norm, conv)) in steps.iter().enumerate() {
            if i > 0 || !raw {
                let one = self.norm(*norm, x, None, slope);
                x = one.y.clone();
                normed.push(Some(one));
            } else {
                normed.push(None);
            }
            if let Some(conv) = shortcut.filter(|_| i == 0) {
                short = self.conv(conv, &x, None);
            }
            x = self.conv(*conv, &x, (i + 1 == steps.len()).then_some(&short));
        }
        (Passed { input, steps: normed, shortcut: None }, x)
    }
}
