//! Against PyTorch: tests/golden.py wrote what it computes.

use serde_json::Value;
use subsel_kernels::{Isa, Kernels};

use crate::engine::{AdamStep, Cpu, Engine, Kind, SgdStep};
use crate::loss::{cross_entropy, nt_xent};
use crate::network::{Network, Weights};

/// The formula of tests/golden.py: values between -0.5 and 0.5 from the name and the place alone.
fn formula(name: &str, n: usize) -> Vec<f64> {
    let seed = name.bytes().fold(2_166_136_261_u32, |seed, byte| (seed ^ u32::from(byte)).wrapping_mul(16_777_619));
    let value = |i: usize| {
        let x = (i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed);
        let x = (x ^ (x >> 15)).wrapping_mul(2_246_822_519);
        let x = (x ^ (x >> 13)).wrapping_mul(3_266_489_917);
        f64::from(x ^ (x >> 16)) / 4_294_967_296.0 - 0.5
    };
    (0..n).map(value).collect()
}

fn tensor(name: &str, kind: Kind) -> Vec<f32> {
    let shape = kind.shape();
    let scaled = |u: f64| match shape[..] {
        [output, _, height, width] => u * (24.0 / (output * height * width) as f64).sqrt(),
        _ if name.starts_with("fc.") => 0.2 * u,
        _ if name.ends_with("running_var") => 1.0 + 0.5 * u,
        _ if name.ends_with("running_mean") => 0.1 * u,
        _ if name.ends_with("weight") => 1.0 + 0.2 * u,
        _ => 0.2 * u,
    };
    formula(name, kind.len()).into_iter().map(|u| scaled(u) as f32).collect()
}

fn golden() -> Value {
    serde_json::from_str(include_str!("../tests/golden/torch.json")).expect("JSON")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(number).collect()
}

fn near(got: &[f32], want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let scale = want.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    for (got, want) in got.iter().zip(want) {
        assert!((f64::from(*got) - want).abs() <= tolerance * scale, "{what}: {got}, not {want} (of {scale})");
    }
}

/// A tensor against a few values, length, and sum along a direction.
fn near_digest(got: &[f32], digest: &Value, tolerance: f64, what: &str) {
    let name = digest["name"].as_str().expect("a name");
    let what = format!("{what}, {name}");
    let norm = number(&digest["norm"]);
    let first = numbers(&digest["first"]);
    let spread = norm / (got.len() as f64).sqrt();
    for (got, want) in got.iter().zip(&first) {
        assert!(
            (f64::from(*got) - want).abs() <= 4.0 * tolerance * spread.max(want.abs()),
            "{what}: {got}, not {want}"
        );
    }
    let length = got.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
    assert!((length - norm).abs() <= tolerance * norm, "{what}: length {length}, not {norm}");
    let way = formula(&format!("way {name}"), got.len());
    let along: f64 = got.iter().zip(way).map(|(v, way)| f64::from(*v) * way).sum();
    let want = number(&digest["along"]);
    assert!((along - want).abs() <= tolerance * norm, "{what}: along {along}, not {want}");
}

/// A case's network, weights and pictures.
fn case(case: &Value, engine: &Cpu) -> (Network, Weights<Cpu>, crate::engine::Array, Vec<u32>) {
    let whole = |name: &str| case[name].as_u64().expect("a whole number") as usize;
    let network = Network::named(case["network"].as_str().expect("a name"), whole("classes")).expect("a network");
    let values: Vec<Vec<f32>> = network.tensors().iter().map(|(name, kind)| tensor(name, *kind)).collect();
    let weights = network.place(engine, &values);
    let (n, side) = (whole("n"), whole("side"));
    let pictures = formula("pictures", n * 3 * side * side).into_iter().map(|u| 2.0 * u as f32).collect();
    let labels = (0..n).map(|i| (i * 3 % whole("classes")) as u32).collect();
    (network, weights, engine.maps([n, 3, side, side], pictures), labels)
}

#[test]
fn evaluation_is_torchvisions() {
    let engine = Cpu::new();
    for golden in golden()["resnets"].as_array().expect("cases") {
        let (network, weights, pictures, _) = case(golden, &engine);
        let features = network.features(&engine, &weights, &pictures);
        let rows = engine.row_values(&features);
        for (row, digest) in rows.chunks_exact(network.dim()).zip(golden["features"].as_array().expect("rows")) {
            near_digest(row, digest, 1e-4, network.name());
        }
        let logits = engine.row_values(&network.logits(&engine, &weights, &features));
        near(&logits, &numbers(&golden["logits"]), 1e-4, network.name());
    }
}

#[test]
fn steps_of_training_are_pytorchs() {
    let engine = Cpu::new();
    let how = SgdStep { rate: 0.02, momentum: 0.9, decay: 5e-4, nesterov: true };
    for golden in golden()["resnets"].as_array().expect("cases") {
        let (network, mut weights, pictures, labels) = case(golden, &engine);
        let mut velocities: Vec<Vec<f32>> = weights.params.iter().map(|param| engine.zeros(param)).collect();
        for (i, step) in golden["steps"].as_array().expect("steps").iter().enumerate() {
            let what = format!("{}, step {i}", network.name());
            // What rounds differently grows from step to step.
            let tolerance = [1e-3, 3e-3, 1e-2][i];
            let tape = network.train(&engine, &mut weights, &pictures);
            let features = tape.features().clone();
            let logits = engine.row_values(&network.logits(&engine, &weights, &features));
            near(&logits, &numbers(&step["logits"]), tolerance, &what);
            let (loss, slope) = cross_entropy(&logits, &labels, network.classes(), 0.1);
            assert!((loss - number(&step["loss"])).abs() < tolerance * loss, "{what}: {loss}, not {}", step["loss"]);
            let mut gradients = network.gradients();
            let slope = engine.rows(network.classes(), slope);
            let by_features = network.head_back(&engine, &weights, &features, &slope, &mut gradients);
            network.back(&engine, &weights, tape, &by_features, &mut gradients);
            for digest in step["gradients"].as_array().expect("digests") {
                let entries = network.entries().iter().zip(&gradients.0);
                let (entry, gradient) = entries
                    .into_iter()
                    .find(|(entry, _)| digest["name"] == entry.name.as_str())
                    .expect("a parameter of that name");
                let values = engine.values(entry.kind, gradient.as_ref().expect("a gradient"));
                near_digest(&values, digest, 2e-3, &what);
            }
            for ((param, velocity), gradient) in weights.params.iter_mut().zip(&mut velocities).zip(&gradients.0) {
                // Of a normalization that is not used there is none.
                if let Some(gradient) = gradient {
                    engine.sgd(how, param, velocity, gradient);
                }
            }
        }
        let tensors = network.read(&engine, &weights);
        for digest in golden["after"].as_array().expect("digests") {
            let tensor = tensors.iter().find(|tensor| digest["name"] == tensor.name.as_str()).expect("a tensor");
            near_digest(&tensor.values, digest, 3e-3, network.name());
        }
    }
}

#[test]
fn optimizers_are_pytorchs() {
    let engine = Cpu::new();
    let small = |name: &str| -> Vec<f32> { formula(name, 5).into_iter().map(|u| u as f32).collect() };
    for golden in golden()["optimizers"].as_array().expect("cases") {
        let kind = golden["kind"].as_str().expect("a kind");
        let mut weight = small("weight");
        let (mut first, mut second) = (vec![0.0; 5], vec![0.0; 5]);
        for i in 0..4 {
            let gradient = small(&format!("gradient {i}"));
            if kind == "adam" {
                let (beta1, beta2, eps, decay) = (0.9, 0.999, 1e-8, 3e-4);
                let how = AdamStep { rate: 0.01, beta1, beta2, eps, decay, step: i + 1 };
                engine.adam(how, &mut weight, &mut first, &mut second, &gradient);
            } else {
                let how = SgdStep { rate: 0.1, momentum: 0.9, decay: 5e-2, nesterov: kind == "nesterov" };
                engine.sgd(how, &mut weight, &mut first, &gradient);
            }
        }
        near(&weight, &numbers(&golden["weight"]), 1e-6, kind);
    }
}

#[test]
fn nt_xent_is_pytorchs() {
    let kernels = Kernels::new(Isa::best()).expect("the best there is");
    let views: Vec<f32> = formula("projections", 60).into_iter().map(|u| u as f32).collect();
    for golden in golden()["nt_xent"].as_array().expect("cases") {
        let one_sided = golden["one_sided"].as_bool().expect("yes or no");
        let (loss, gradient) = nt_xent(kernels, &views, 5, 0.1, one_sided);
        assert!((loss - number(&golden["loss"])).abs() < 1e-5, "{loss}, not {}", golden["loss"]);
        near(&gradient, &numbers(&golden["gradient"]), 1e-5, "gradient");
    }
}
