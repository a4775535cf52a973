//! How fast networks are trained and run on the processor: `speed NAME train|forward BATCH SIDE SECONDS THREADS`.
//! `benchmarks/nets.py` runs it beside PyTorch.

use std::io::Write;
use std::time::Instant;

use subsel::{Context, Settings, Stream};
use subsel_nets::engine::{Cpu, Engine, SgdStep, together};
use subsel_nets::loss::cross_entropy;
use subsel_nets::{Init, Network};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [name, what, batch, side, seconds, threads] = &given[..] else {
        return Err("speed NAME train|forward BATCH SIDE SECONDS THREADS".into());
    };
    let (batch, side): (usize, usize) = (batch.parse()?, side.parse()?);
    let seconds: f64 = seconds.parse()?;
    let ctx = Context::new(&Settings { threads: Some(threads.parse()?), ..Settings::default() })?;
    let network = Network::named(name, 10)?;
    let stream = Stream::new(0, "pictures");
    let values: Vec<f32> = (0..batch * 3 * side * side).map(|i| stream.unit(i as u64) as f32 - 0.5).collect();
    let rate = match what.as_str() {
        "train" => train(&network, batch, side, &values, seconds, &ctx),
        _ => forward(&network, batch, side, &values, seconds, &ctx),
    };
    writeln!(std::io::stdout(), "{rate}")?;
    Ok(())
}

/// Pictures per second of steps of training, the first not counted.
fn train(network: &Network, batch: usize, side: usize, values: &[f32], seconds: f64, ctx: &Context) -> f64 {
    let engine = Cpu::new();
    let mut weights = network.init(&engine, Init::HeFanOut, 0);
    let mut velocities: Vec<_> = weights.params.iter().map(|param| engine.zeros(param)).collect();
    let labels: Vec<u32> = (0..batch as u32).map(|i| i % 10).collect();
    let how = SgdStep { rate: 1e-3, momentum: 0.9, decay: 5e-4, nesterov: false };
    let mut step = || {
        let x = engine.maps([batch, 3, side, side], values.to_vec());
        let tape = network.train(&engine, &mut weights, &x);
        let features = tape.features().clone();
        let logits = engine.row_values(&network.logits(&engine, &weights, &features));
        let slope = engine.rows(10, cross_entropy(&logits, &labels, 10, 0.0).1);
        let mut gradients = network.gradients();
        let by_features = network.head_back(&engine, &weights, &features, &slope, &mut gradients);
        network.back(&engine, &weights, tape, &by_features, &mut gradients);
        for ((param, velocity), gradient) in weights.params.iter_mut().zip(&mut velocities).zip(&gradients.0) {
            if let Some(gradient) = gradient {
                engine.sgd(how, param, velocity, gradient);
            }
        }
    };
    together(ctx.threads(), || measured(batch, seconds, &mut step))
}

/// Pictures per second of features, threads side by side.
fn forward(network: &Network, batch: usize, side: usize, values: &[f32], seconds: f64, ctx: &Context) -> f64 {
    use rayon::prelude::*;

    let engine = Cpu::new();
    let weights = network.init(&engine, Init::HeFanOut, 0);
    let at_once = engine.at_once(network.largest_map(side));
    let mut pass = || {
        ctx.threads().install(|| {
            values.par_chunks(at_once * 3 * side * side).for_each(|values| {
                let n = values.len() / (3 * side * side);
                network.features(&engine, &weights, &engine.maps([n, 3, side, side], values.to_vec()));
            });
        });
    };
    measured(batch, seconds, &mut pass)
}

fn measured(batch: usize, seconds: f64, work: &mut (dyn FnMut() + Send)) -> f64 {
    work();
    let begin = Instant::now();
    let mut passes = 0;
    while begin.elapsed().as_secs_f64() < seconds {
        work();
        passes += 1;
    }
    (passes * batch) as f64 / begin.elapsed().as_secs_f64()
}
