//! What a network says of pictures.

use subsel::{Context, Stream};
use subsel_images::{Augment, Batcher, Normalize, Pixels, Scratch};

use crate::device::Job;
use crate::engine::{Engine, team};
use crate::network::{Network, Weights};
use crate::{Device, Error, Model};

/// Features and logits of pictures, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    /// Values of a row of features.
    pub dim: usize,
    /// Classes.
    pub classes: usize,
    /// Features `(n, dim)`: what the linear layer is given, not normalized.
    pub features: Vec<f32>,
    /// Logits `(n, classes)`.
    pub logits: Vec<f32>,
}

impl Outputs {
    /// The class that each row is told to be: the largest logit, the first of equals.
    pub fn classes_told(&self) -> impl Iterator<Item = u32> + '_ {
        self.logits.chunks_exact(self.classes).map(largest)
    }
}

/// The place of the largest value, the first of equals; NaN is never larger.
pub(crate) fn largest(values: &[f32]) -> u32 {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best as u32
}

impl Model {
    /// Features and logits of the pictures `rows`, in evaluation mode, without augmentation. Those of a picture depend on
    /// nothing else, on the processor bit for bit.
    ///
    /// # Errors
    /// [`Error::Side`] for pictures of another size; [`Error::Row`]; the device's; interruption.
    pub fn outputs(&self, pixels: &Pixels, rows: &[usize], device: Device, ctx: &Context) -> Result<Outputs, Error> {
        if pixels.side() != self.about().side {
            return Err(Error::Side { got: pixels.side(), side: self.about().side });
        }
        check_rows(pixels, rows)?;
        device.run(Score { model: self, pixels, rows, ctx })
    }
}

pub(crate) fn check_rows(pixels: &Pixels, rows: &[usize]) -> Result<(), Error> {
    match rows.iter().find(|row| **row >= pixels.len()) {
        Some(row) => Err(Error::Row { row: *row, last: pixels.len().saturating_sub(1) }),
        None => Ok(()),
    }
}

struct Score<'a> {
    model: &'a Model,
    pixels: &'a Pixels,
    rows: &'a [usize],
    ctx: &'a Context,
}

impl Job for Score<'_> {
    type Output = Outputs;

    fn run<E: Engine>(self, engine: E) -> Result<Outputs, Error> {
        let network = self.model.network();
        let weights = network.place(&engine, self.model.values());
        score(&engine, network, &weights, self.model.about().normalize, self.pixels, self.rows, self.ctx)
    }
}

/// [`Model::outputs`] of weights on an engine.
pub(crate) fn score<E: Engine>(
    engine: &E,
    network: &Network,
    weights: &Weights<E>,
    normalize: Normalize,
    pixels: &Pixels,
    rows: &[usize],
    ctx: &Context,
) -> Result<Outputs, Error> {
    let batcher = Batcher::new(pixels, Augment::default(), normalize, Stream::new(0, "plain"))?;
    let (side, at_once) = (pixels.side(), engine.at_once(network.largest_map(pixels.side())));
    let batch = |rows: &[usize]| -> Result<(Vec<f32>, Vec<f32>), Error> {
        ctx.go_on()?;
        let mut values = vec![0.0; rows.len() * batcher.image_len()];
        let mut scratch = Scratch::default();
        for (out, row) in values.chunks_exact_mut(batcher.image_len()).zip(rows) {
            batcher.view(*row, 0, 0, &mut scratch, out);
        }
        let pictures = engine.maps([rows.len(), 3, side, side], values);
        let features = network.features(engine, weights, &pictures);
        let logits = network.logits(engine, weights, &features);
        Ok((engine.row_values(&features), engine.row_values(&logits)))
    };
    let parts: Vec<_> = if E::SIDE_BY_SIDE {
        team::side_by_side(ctx.threads(), rows, at_once, batch)?
    } else {
        rows.chunks(at_once).map(batch).collect::<Result<_, _>>()?
    };
    let (mut features, mut logits) = (Vec::new(), Vec::new());
    for (some_features, some_logits) in parts {
        features.extend(some_features);
        logits.extend(some_logits);
    }
    Ok(Outputs { dim: network.dim(), classes: network.classes(), features, logits })
}
