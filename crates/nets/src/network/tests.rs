use subsel::Stream;

use super::*;
use crate::engine::{Cpu, Engine};

fn values(n: usize, name: &str) -> Vec<f32> {
    let stream = Stream::new(3, name);
    (0..n).map(|i| (2.0 * stream.unit(i as u64) - 1.0) as f32).collect()
}

#[test]
fn weights_and_work_are_the_published_counts() {
    let counts = [
        ("resnet8", 10, 77_850, 12.5),
        ("resnet14", 10, 175_066, 26.7),
        ("resnet20", 10, 272_282, 40.8),
        ("resnet20", 100, 278_132, 40.8),
        ("resnet20-post", 10, 272_474, 40.8),
        ("resnet56", 10, 855_578, 125.7),
        ("resnet164", 10, 1_703_258, 247.6),
        ("resnet18", 10, 11_173_962, 555.4),
        ("resnet18", 100, 11_220_132, 555.5),
        ("resnet18-pooled", 10, 11_173_962, 140.2),
        ("resnet18-imagenet", 1000, 11_689_512, 37.6),
        ("resnet34-imagenet", 1000, 21_797_672, 75.3),
        ("wrn-28-2", 10, 1_467_626, 214.4),
        ("wrn-28-2", 100, 1_479_236, 214.4),
        ("wrn-28-2-usb", 10, 1_467_626, 214.4),
        ("wrn-28-8", 10, 23_354_858, 3_360.0),
        ("wrn-28-8", 100, 23_401_028, 3_360.0),
        ("wrn-28-10", 10, 36_479_210, 5_243.0),
        ("wrn-28-10", 100, 36_536_900, 5_243.0),
    ];
    for (name, classes, weights, mmac) in counts {
        let network = Network::named(name, classes).expect("a name");
        assert_eq!(network.weight_count(), weights, "{name}, {classes} classes");
        let got = network.macs(32) as f64 / 1e6;
        assert!((got - mmac).abs() < 0.002 * mmac + 0.05, "{name}: {got} MMAC, not {mmac}");
    }
    for (name, _) in NETWORKS {
        Network::named(name, 10).expect("a name of the list");
    }
}

#[test]
fn unknown_names_are_told_the_known_ones() {
    for name in ["resnet19", "wrn-28-0", "wrn-28-x", "wrn-28-65", ""] {
        let error = Network::named(name, 10).expect_err("no such network");
        assert!(error.hint().expect("names").contains("resnet20"), "{name}");
    }
    assert!(Network::named("resnet20", 0).is_err());
}

#[test]
fn names_of_tensors_are_torchvisions() {
    let network = Network::named("resnet18-imagenet", 1000).expect("a name");
    let names: Vec<String> = network.tensors().into_iter().map(|tensor| tensor.0).collect();
    for name in [
        "conv1.weight",
        "bn1.running_var",
        "layer1.0.bn2.bias",
        "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.running_mean",
        "layer4.1.conv2.weight",
        "fc.bias",
    ] {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
    // 102 in torchvision without the 20 counters of batches.
    assert_eq!(names.len(), 102);
}

#[test]
fn initial_weights_have_their_spread_and_depend_on_the_name_alone() {
    let network = Network::named("resnet18", 10).expect("a name");
    let entry = |name: &str| network.entries().iter().find(|entry| entry.name == name).expect("a parameter").clone();
    let moments = |values: &[f32]| {
        let n = values.len() as f64;
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        (mean, (values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n).sqrt())
    };
    let conv = entry("layer3.0.conv2.weight");
    let sigma = (2.0 / (9.0 * 256.0_f64)).sqrt();
    let (mean, deviation) = moments(&Init::HeFanOut.values(&conv, 1));
    assert!(mean.abs() < 1e-3 * sigma * 10.0 && (deviation / sigma - 1.0).abs() < 0.01, "{mean}, {deviation}");
    let bound = 1.0 / (9.0 * 256.0_f64).sqrt();
    let (_, deviation) = moments(&Init::UniformFanIn.values(&conv, 1));
    assert!((deviation / (bound / 3.0_f64.sqrt()) - 1.0).abs() < 0.01);
    let fc = entry("fc.weight");
    let largest = |values: &[f32]| values.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
    let most = largest(&Init::HeFanOut.values(&fc, 1));
    assert!(most <= 1.0 / 512.0_f32.sqrt() && most > 0.99 / 512.0_f32.sqrt());
    let (_, deviation) = moments(&Init::XavierHead.values(&fc, 1));
    assert!((deviation / (2.0 / 522.0_f64).sqrt() - 1.0).abs() < 0.05);
    assert!(Init::XavierHead.values(&entry("fc.bias"), 1).iter().all(|v| *v == 0.0));
    assert!(Init::default().values(&entry("bn1.weight"), 1).iter().all(|v| *v == 1.0));
    // Another head leaves the rest as it was; another seed does not.
    let other = Network::named("resnet18", 100).expect("a name");
    assert_eq!(other.entries()[3], network.entries()[3]);
    assert_eq!(Init::default().values(&conv, 1), Init::default().values(&conv, 1));
    assert_ne!(Init::default().values(&conv, 1), Init::default().values(&conv, 2));
}

/// Some pictures, and a loss that is the sum of the logits times some weights.
struct Probe {
    network: Network,
    engine: Cpu,
    pictures: Vec<f32>,
    ways: Vec<f32>,
    n: usize,
    side: usize,
}

impl Probe {
    fn new(name: &str, side: usize) -> Self {
        let n = 4;
        let network = Network::named(name, 3).expect("a name");
        let (pictures, ways) = (values(n * 3 * side * side, "pictures"), values(n * 3, "ways"));
        Probe { network, engine: Cpu::new(), pictures, ways, n, side }
    }

    fn maps(&self) -> crate::engine::Array {
        self.engine.maps([self.n, 3, self.side, self.side], self.pictures.clone())
    }

    fn loss(&self, weights: &Weights<Cpu>) -> f64 {
        let tape = self.network.train(&self.engine, &mut weights.clone(), &self.maps());
        let logits = self.network.logits(&self.engine, weights, tape.features());
        let logits = self.engine.row_values(&logits);
        logits.iter().zip(&self.ways).map(|(z, way)| f64::from(*z) * f64::from(*way)).sum()
    }

    fn gradients(&self, weights: &Weights<Cpu>) -> Gradients<Cpu> {
        let tape = self.network.train(&self.engine, &mut weights.clone(), &self.maps());
        let features = tape.features().clone();
        let slope = self.engine.rows(3, self.ways.clone());
        let mut gradients = self.network.gradients();
        let by_features = self.network.head_back(&self.engine, weights, &features, &slope, &mut gradients);
        self.network.back(&self.engine, weights, tape, &by_features, &mut gradients);
        gradients
    }
}

#[test]
fn gradients_of_whole_networks_are_slopes() {
    for name in ["resnet14", "resnet20-post", "resnet164", "resnet18-pooled", "wrn-28-1", "wrn-28-1-usb"] {
        let probe = Probe::new(name, 8);
        let weights = probe.network.init(&probe.engine, Init::HeFanOut, 5);
        let gradients = probe.gradients(&weights);
        // Along the gradient itself the loss grows by its squared length; that is the largest slope there is, and any wrong
        // part of it shows.
        for part in 0..4 {
            let is_in = |i: usize| i % 4 == part;
            let mut squared = 0.0;
            for gradient in gradients.0.iter().enumerate().filter(|(i, _)| is_in(*i)).filter_map(|(_, g)| g.as_ref()) {
                squared += gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>();
            }
            let step = 5e-3 / squared;
            let at = |sign: f64| {
                let mut moved = weights.clone();
                for (i, (param, gradient)) in moved.params.iter_mut().zip(&gradients.0).enumerate() {
                    if let Some(gradient) = gradient.as_ref().filter(|_| is_in(i)) {
                        let step = (sign * step) as f32;
                        param.iter_mut().zip(gradient).for_each(|(v, g)| *v += step * g);
                    }
                }
                probe.loss(&moved)
            };
            let slope = (at(1.0) - at(-1.0)) / (2.0 * step);
            assert!((slope / squared - 1.0).abs() < 0.05, "{name}, part {part}: {slope}, not {squared}");
        }
    }
}

#[test]
fn parameters_without_influence_have_no_gradient() {
    let probe = Probe::new("wrn-28-2-usb", 8);
    let weights = probe.network.init(&probe.engine, Init::HeFanOut, 5);
    let gradients = probe.gradients(&weights);
    let without: Vec<&str> = probe
        .network
        .entries()
        .iter()
        .zip(&gradients.0)
        .filter(|(_, gradient)| gradient.is_none())
        .map(|(entry, _)| entry.name.as_str())
        .collect();
    let want = ["layer2.0.bn1.weight", "layer2.0.bn1.bias", "layer3.0.bn1.weight", "layer3.0.bn1.bias"];
    assert_eq!(without, want);
    let plain = Probe::new("wrn-28-2", 8);
    let gradients = plain.gradients(&plain.network.init(&plain.engine, Init::HeFanOut, 5));
    assert!(gradients.0.iter().all(Option::is_some));
}

#[test]
fn running_moments_make_evaluation_what_training_was() {
    // After many passes over one batch they are its moments, but for the divisor of the variance.
    let probe = Probe::new("resnet20-post", 32);
    let mut weights = probe.network.init(&probe.engine, Init::HeFanOut, 5);
    let mut last = Vec::new();
    for _ in 0..100 {
        let tape = probe.network.train(&probe.engine, &mut weights, &probe.maps());
        last = probe.engine.row_values(tape.features());
    }
    let features = probe.engine.row_values(&probe.network.features(&probe.engine, &weights, &probe.maps()));
    let scale = last.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
    for (got, want) in features.iter().zip(&last) {
        assert!((got - want).abs() < 0.1 * scale, "{got} and {want}");
    }
}

#[test]
fn weights_come_back_as_they_were_read() {
    let network = Network::named("resnet8", 10).expect("a name");
    let engine = Cpu::new();
    let weights = network.init(&engine, Init::HeFanOut, 9);
    let read: Vec<Vec<f32>> = network.read(&engine, &weights).into_iter().map(|tensor| tensor.values).collect();
    let placed = network.place(&engine, &read);
    assert_eq!(weights.params, placed.params);
    assert_eq!(network.read(&engine, &placed), network.read(&engine, &weights));
}

/// Logits, gradients and what the network holds after a step.
#[cfg(feature = "burn")]
fn step<E: Engine>(
    engine: &E,
    network: &Network,
    pictures: &[f32],
    side: usize,
) -> (Vec<f32>, Vec<Vec<f32>>, Vec<Named>) {
    let mut weights = network.init(engine, Init::HeFanOut, 5);
    let n = pictures.len() / (3 * side * side);
    let x = engine.maps([n, 3, side, side], pictures.to_vec());
    let tape = network.train(engine, &mut weights, &x);
    let features = tape.features().clone();
    let logits = engine.row_values(&network.logits(engine, &weights, &features));
    let slope = engine.rows(3, values(3 * n, "ways"));
    let mut gradients = network.gradients();
    let by_features = network.head_back(engine, &weights, &features, &slope, &mut gradients);
    network.back(engine, &weights, tape, &by_features, &mut gradients);
    let entries = network.entries().iter().zip(&gradients.0);
    let gradients = entries.map(|(entry, g)| g.as_ref().map_or(Vec::new(), |g| engine.values(entry.kind, g)));
    (logits, gradients.collect(), network.read(engine, &weights))
}

#[cfg(feature = "burn")]
#[test]
fn burn_and_the_processor_agree_on_a_step() {
    use crate::engine::OnBurn;

    let near = |one: &[f32], other: &[f32], what: &str| {
        let scale = one.iter().fold(1e-3_f32, |most, v| most.max(v.abs()));
        assert_eq!(one.len(), other.len());
        for (one, other) in one.iter().zip(other) {
            assert!((one - other).abs() < 2e-3 * scale, "{what}: {one} and {other}");
        }
    };
    for name in ["resnet8", "resnet18-pooled", "wrn-28-1-usb"] {
        let network = Network::named(name, 3).expect("a name");
        let pictures = values(4 * 3 * 64, "pictures");
        let ours = step(&Cpu::new(), &network, &pictures, 8);
        let burns = step(&OnBurn::<burn::backend::Flex>::new(Default::default()), &network, &pictures, 8);
        near(&ours.0, &burns.0, name);
        for ((ours, burns), entry) in ours.1.iter().zip(&burns.1).zip(network.entries()) {
            near(ours, burns, &format!("{name}: {}", entry.name));
        }
        for (ours, burns) in ours.2.iter().zip(&burns.2) {
            near(&ours.values, &burns.values, &format!("{name}: {}", ours.name));
        }
    }
}

#[cfg(feature = "burn")]
#[test]
fn a_step_on_burn_in_mixed_precision_goes_the_same_way() {
    use crate::engine::OnBurn;

    let cosine = |one: &[f32], other: &[f32]| {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
    };
    type Flex = OnBurn<burn::backend::Flex>;
    let (full, mixed) = (Flex::new(Default::default()), Flex::mixed(Default::default()));
    // PyTorch's own bf16 (autocast) comes to cosines of 0.992, 0.949 to 0.957 and 0.989 with its f32 on such gradients.
    for (name, least) in [("resnet8", 0.98), ("resnet20-post", 0.94), ("wrn-28-1-usb", 0.98)] {
        let network = Network::named(name, 3).expect("a name");
        let pictures = values(64 * 3 * 256, "pictures");
        let (full, mixed) = (step(&full, &network, &pictures, 16), step(&mixed, &network, &pictures, 16));
        assert!(full.0 != mixed.0, "{name}: maps are to be rounded");
        assert!(cosine(&full.0, &mixed.0) > 0.999, "{name}: {:?} and {:?}", full.0, mixed.0);
        let cosine = cosine(&full.1.concat(), &mixed.1.concat());
        assert!(cosine > least, "{name}: {cosine}");
    }
    fn features<E: Engine>(engine: &E) -> Vec<f32> {
        let network = Network::named("resnet18-imagenet", 3).expect("a name");
        let weights = network.init(engine, Init::HeFanOut, 5);
        let pictures = engine.maps([4, 3, 8, 8], values(4 * 3 * 64, "pictures"));
        engine.row_values(&network.features(engine, &weights, &pictures))
    }
    assert!(cosine(&features(&full), &features(&mixed)) > 0.999);
    // Whole numbers are not rounded.
    fn pooled<E: Engine>(engine: &E) -> (Vec<f32>, Vec<f32>) {
        let x = engine.maps([1, 1, 8, 8], (0..64).map(|i| (i * 37 % 64) as f32).collect());
        let dy = engine.maps([1, 1, 4, 4], (0..16).map(|i| (i % 5) as f32).collect());
        (engine.map_values(&engine.max_pool(&x)), engine.map_values(&engine.max_pool_back(&x, &dy)))
    }
    assert_eq!(pooled(&full), pooled(&mixed));
}
