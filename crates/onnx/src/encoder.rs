//! A model as an encoder of images.

use std::path::{Path, PathBuf};

use subsel_images::{Encoder, Filter, Fit};
use xxhash_rust::xxh3::Xxh3;

use crate::input::Input;
use crate::output::{self, Reduced};
use crate::runtime::{self, Runtime, Tensor};
use crate::{Normalization, OnnxError, OnnxOptions, RuntimeUsed};

/// Pictures that a model of any batch is given at once: enough for matrix products to be fast, few enough for what
/// lies between its layers to stay small.
const BATCH: usize = 8;

/// An encoder of images in an ONNX file.
///
/// # Input
/// One input of 32-bit floats, `(b, 3, side, side)` or `(b, side, side, 3)`, of a fixed or any number of pictures; told by
/// the shape that the file declares. One output `(b, d)`, `(b, tokens, d)` or `(b, d, height, width)`, see
/// [`Pooling`](crate::Pooling).
/// # Guarantees
/// The values of a picture do not depend on the number of threads, and on what else is in its batch only by how the
/// runtime orders sums (below 1e-4 of models in single precision). Every batch runs on one thread.
/// # Errors
/// See [`OnnxError`]. A model is tried on one picture, and on two, when it is opened: what it cannot do is known then.
#[derive(Debug)]
pub struct OnnxEncoder {
    name: String,
    path: PathBuf,
    runtime: Box<dyn Runtime>,
    input: Input,
    output: usize,
    reduced: Reduced,
    dim: usize,
    fit: Fit,
    fingerprint: u64,
    notes: Vec<String>,
}

impl OnnxEncoder {
    /// Opens a model.
    ///
    /// # Errors
    /// See [`OnnxError`].
    /// # Cost
    /// Reading the file twice, and running the model on three pictures.
    pub fn open(path: &Path, options: &OnnxOptions) -> Result<Self, OnnxError> {
        options.normalization.check()?;
        let (runtime, instead) = runtime::load(path, options.runtime)?;
        let mut input = Input::of(runtime.signature(), options, path)?;
        let output = output::choose(runtime.signature(), options.output.as_ref(), path)?;
        let fit = fit(options, input.side)?;
        let mut notes = vec![match instead {
            Some(why) => format!("runs on {}, since the library of ONNX Runtime is not found: {why}", runtime.used()),
            None => format!("runs on {}", runtime.used()),
        }];
        let found = tried(&*runtime, &mut input, output, options, path, &mut notes)?;
        let (reduced, dim, shape) = found;
        notes.push(format!("pixels are normalized as {}", options.normalization));
        let assumed = if input.side_assumed { ", since the file takes any" } else { "" };
        notes.push(format!("pictures are of {0} x {0} pixels{assumed}", input.side));
        let name = &runtime.signature().outputs[output].name;
        notes.push(format!("an embedding is output `{name}` {shape}, {}: {dim} values", reduced.text()));
        let fingerprint = fingerprint(path, &*runtime, input, output, reduced, fit, options.normalization)?;
        let (name, path) = (path.display().to_string(), path.to_owned());
        Ok(OnnxEncoder { name, path, runtime, input, output, reduced, dim, fit, fingerprint, notes })
    }

    /// What runs the model.
    pub fn runtime(&self) -> RuntimeUsed {
        self.runtime.used()
    }

    /// What was decided and a user should read: runtime, normalization, side, output. A normalization that is not the
    /// model's own is the usual silent error.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Embeds pictures, in batches of the size that the model takes.
    ///
    /// # Errors
    /// [`OnnxError::Run`], [`OnnxError::OutputShape`].
    pub fn embed(&self, pixels: &[u8], out: &mut [f32]) -> Result<(), OnnxError> {
        let batch = self.input.batch.unwrap_or(BATCH);
        let pictures = pixels.chunks(batch * self.input.bytes()).zip(out.chunks_mut(batch * self.dim));
        for (pixels, out) in pictures {
            let count = self.input.batch.unwrap_or(pixels.len() / self.input.bytes());
            let given = self.runtime.run(self.input.tensor(pixels, count), self.output)?;
            self.check(&given, count)?;
            self.reduced.write(&given, self.dim, out);
        }
        Ok(())
    }

    /// Refuses an output of another shape than the first.
    fn check(&self, given: &Tensor, count: usize) -> Result<(), OnnxError> {
        let rest = match self.reduced {
            Reduced::AsIs => 1,
            Reduced::First(count) | Reduced::MeanOfRows(count) | Reduced::MeanOfColumns(count) => count,
        };
        if given.shape.first() == Some(&count) && given.values.len() == count * rest * self.dim {
            return Ok(());
        }
        let name = &self.runtime.signature().outputs[self.output].name;
        Err(output::wrong(&self.path, name, &given.shape, count, "it was of another shape before"))
    }
}

/// What becomes of pictures.
fn fit(options: &OnnxOptions, side: usize) -> Result<Fit, OnnxError> {
    let resize = options.resize.unwrap_or_else(|| options.normalization.resize(side));
    if resize < side {
        let got = format!("{resize} for a side of {side}");
        return Err(OnnxError::Option { option: "resize", rule: "at least the side of pictures", got });
    }
    let usual = if options.normalization == Normalization::Clip { Filter::Bicubic } else { Filter::Bilinear };
    Ok(Fit { side, resize, filter: options.filter.unwrap_or(usual) })
}

/// Runs the model on a picture, and where it takes any number on two: many files say that and do not. Gives how its output
/// becomes an embedding, values of one, and the shape.
fn tried(
    runtime: &dyn Runtime,
    input: &mut Input,
    output: usize,
    options: &OnnxOptions,
    path: &Path,
    notes: &mut Vec<String>,
) -> Result<(Reduced, usize, String), OnnxError> {
    let name = &runtime.signature().outputs[output].name;
    let run = |count: usize| -> Result<(Reduced, usize, String), OnnxError> {
        // No picture is as plain as one of zeros.
        let pixels: Vec<u8> = (0..input.bytes()).map(|at| (at * 37 % 251) as u8).collect();
        let given = runtime.run(input.tensor(&pixels, count), output)?;
        let wrong = |detail: &str| output::wrong(path, name, &given.shape, count, detail);
        let (reduced, dim) = Reduced::of(&given.shape, count, input.layout, options.pooling).map_err(wrong)?;
        let shape = std::iter::once(None).chain(given.shape[1..].iter().map(|size| Some(*size)));
        Ok((reduced, dim, runtime::shape_text(shape)))
    };
    let found = run(input.batch.unwrap_or(1))?;
    if input.batch.is_none() && !run(2).is_ok_and(|two| two == found) {
        notes.push("takes one picture at a time, though the file says any number".into());
        input.batch = Some(1);
    }
    Ok(found)
}

/// A hash of the file and of all settings. Of weights in files beside it only the names and places are in it.
fn fingerprint(
    path: &Path,
    runtime: &dyn Runtime,
    input: Input,
    output: usize,
    reduced: Reduced,
    fit: Fit,
    normalization: Normalization,
) -> Result<u64, OnnxError> {
    let read = |source| OnnxError::Read { path: path.to_owned(), source };
    let mut hash = Xxh3::new();
    let mut buffer = vec![0; 1 << 16];
    // Weights beside the model, as exporters name them.
    let beside = PathBuf::from(format!("{}.data", path.display()));
    for path in [Some(path), beside.is_file().then_some(&*beside)].into_iter().flatten() {
        let mut file = std::fs::File::open(path).map_err(read)?;
        loop {
            match std::io::Read::read(&mut file, &mut buffer).map_err(read)? {
                0 => break,
                count => hash.update(&buffer[..count]),
            }
        }
    }
    let (mean, std) = normalization.mean_std();
    let runtime = runtime.used().name();
    let settings = format!("{runtime} {:?} {output} {reduced:?} {fit:?} {mean:?} {std:?}", input.layout);
    hash.update(settings.as_bytes());
    Ok(hash.digest())
}

impl Encoder for OnnxEncoder {
    fn name(&self) -> &str {
        &self.name
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn fit(&self) -> Fit {
        self.fit
    }

    fn batch(&self) -> usize {
        self.input.batch.unwrap_or(BATCH)
    }

    fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    fn encode(&self, pixels: &[u8], out: &mut [f32]) -> Result<(), subsel_images::Error> {
        self.embed(pixels, out)
            .map_err(|error| subsel_images::Error::Encoder { encoder: self.name.clone(), detail: error.to_string() })
    }
}
