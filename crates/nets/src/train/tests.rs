use subsel::training::{Tracker, TrainingScore};
use subsel::{Context, Settings, Stream};
use subsel_images::Pixels;

use super::*;
use crate::{Augmentation, Batches, Device, Init, Length, Model, Optimizer, Per, Recipe, Schedule, SimclrRecipe};

/// Noisy pictures of 8 x 8 of two classes: bright above or bright below, of any color.
fn two_classes(n: usize, seed: u64) -> (Pixels, Vec<u32>) {
    let stream = Stream::new(seed, "pictures");
    let (mut bytes, mut labels) = (Vec::new(), Vec::new());
    for i in 0..n {
        let label = (i % 2) as u32;
        let color: [f64; 3] = std::array::from_fn(|c| 60.0 + 80.0 * stream.child(i as u64).unit(c as u64));
        for y in 0..8 {
            for x in 0..8 {
                for (c, color) in color.iter().enumerate() {
                    let bright = if (y < 4) == (label == 0) { 70.0 } else { 0.0 };
                    let noise = 50.0 * stream.child(i as u64).unit(100 + ((y * 8 + x) * 3 + c) as u64);
                    bytes.push((color + bright + noise).min(255.0) as u8);
                }
            }
        }
        labels.push(label);
    }
    (Pixels::new(8, bytes, None).expect("pictures"), labels)
}

fn context(threads: usize) -> Context {
    Context::new(&Settings { threads: Some(threads), ..Settings::default() }).expect("a context")
}

fn recipe() -> Recipe {
    Recipe {
        network: "resnet8".into(),
        init: Init::HeFanOut,
        length: Length::Epochs(4),
        batches: Batches::of(16),
        optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: true, weight_decay: 5e-4, decay_all: true },
        schedule: Schedule::Cosine { rate: 0.05, least: 0.0, per: Per::Step },
        augment: Augmentation::Named("svp".into()),
        normalize: None,
        label_smoothing: 0.1,
        dropout: 0.0,
    }
}

fn bits(model: &Model) -> Vec<u32> {
    model.values().iter().flatten().map(|v| v.to_bits()).collect()
}

struct Data {
    pixels: Pixels,
    labels: Vec<u32>,
    rows: Vec<usize>,
}

impl Data {
    fn new(n: usize, seed: u64) -> Self {
        let (pixels, labels) = two_classes(n, seed);
        Data { pixels, labels, rows: (0..n).collect() }
    }

    fn labeled(&self) -> Labeled<'_> {
        Labeled { pixels: &self.pixels, rows: &self.rows, labels: &self.labels, classes: 2 }
    }
}

#[test]
fn a_classifier_learns_what_is_there_to_learn() {
    let (train, test) = (Data::new(64, 1), Data::new(40, 2));
    let mut log: Vec<EpochLog> = Vec::new();
    let mut tracker = Tracker::new(64, Some(2)).expect("a tracker");
    let options = ClassifierOptions {
        test: Some((test.labeled(), 2)),
        tracker: Some(&mut tracker),
        watch: Some(&mut log),
        ..ClassifierOptions::default()
    };
    let ctx = context(2);
    let recipe = Recipe { length: Length::Epochs(8), ..recipe() };
    let trained = classifier(&recipe, train.labeled(), options, &ctx).expect("it trains");
    let accuracy = trained.test_accuracy.expect("there was a test");
    assert!(accuracy > 0.9 && trained.best_test_accuracy >= trained.test_accuracy, "{accuracy}");
    assert_eq!((trained.epochs, trained.steps, log.len()), (8, 32, 8));
    assert!(log[7].loss < log[0].loss && log[0].test_accuracy.is_none() && log[1].test_accuracy.is_some());
    assert_eq!(log[0].rate, 0.05 * (1.0 + (std::f64::consts::PI * 3.0 / 32.0).cos()) / 2.0);
    assert_eq!(tracker.observations(), vec![8; 64]);
    let el2n = tracker.scores(TrainingScore::El2n);
    assert!(el2n.iter().all(|score| score.is_finite() && *score > 0.0));
    // The model says of the test pictures what the training said it does.
    let outputs = trained.model.outputs(&test.pixels, &test.rows, Device::Cpu, &ctx).expect("outputs");
    assert_eq!(test.labeled().accuracy(outputs.classes_told()), accuracy);
    assert_eq!((outputs.features.len(), outputs.logits.len()), (40 * 64, 40 * 2));
}

#[test]
fn threads_change_no_bit_and_seeds_do() {
    let data = Data::new(40, 1);
    let train = |threads, seed| {
        let options = ClassifierOptions { seed, ..ClassifierOptions::default() };
        bits(&classifier(&recipe(), data.labeled(), options, &context(threads)).expect("it trains").model)
    };
    let one = train(1, 5);
    assert!(train(1, 5) == one && train(2, 5) == one && train(3, 5) == one);
    assert!(train(2, 6) != one);
    // Within a pool of many jobs each job trains alone, to the same weights.
    let ctx = context(2);
    let within = ctx.threads().install(|| {
        let options = ClassifierOptions { seed: 5, ..ClassifierOptions::default() };
        bits(&classifier(&recipe(), data.labeled(), options, &ctx).expect("it trains").model)
    });
    assert!(within == one);
}

/// Stops a training after some epochs.
struct Stop<'a> {
    after: usize,
    ctx: &'a Context,
}

impl Watch for Stop<'_> {
    fn epoch(&mut self, log: &EpochLog) -> Result<(), crate::Error> {
        if log.epoch + 1 == self.after {
            self.ctx.cancel_flag().store(true, std::sync::atomic::Ordering::Relaxed);
        }
        Ok(())
    }
}

#[test]
fn a_training_that_was_stopped_goes_on_as_if_it_had_not_been() {
    let data = Data::new(40, 1);
    let folder = tempfile::tempdir().expect("a folder");
    let keep = |name: &str| Keep { path: folder.path().join(name), every: 1, resume: true };
    for adam in [false, true] {
        let mut recipe = Recipe { length: Length::Steps(11), ..recipe() };
        if adam {
            recipe.optimizer = Optimizer::Adam { weight_decay: 3e-4 };
            recipe.schedule = Schedule::Constant { rate: 1e-3 };
        }
        let run = |path: &str, stop: Option<usize>| {
            let ctx = context(2);
            let mut tracker = Tracker::new(40, Some(2)).expect("a tracker");
            let mut watch = stop.map(|after| Stop { after, ctx: &ctx });
            let options = ClassifierOptions {
                seed: 3,
                tracker: Some(&mut tracker),
                watch: watch.as_mut().map(|watch| watch as &mut dyn Watch),
                keep: Some(keep(path)),
                ..ClassifierOptions::default()
            };
            let trained = classifier(&recipe, data.labeled(), options, &ctx);
            (trained, tracker)
        };
        let (whole, whole_tracker) = run(&format!("whole {adam}"), None);
        let whole = whole.expect("it trains");
        let parts = format!("parts {adam}");
        let (stopped, _) = run(&parts, Some(2));
        assert!(matches!(stopped, Err(crate::Error::Subsel(subsel::Error::Interrupted))), "{stopped:?}");
        let (resumed, tracker) = run(&parts, None);
        let resumed = resumed.expect("it goes on");
        assert!(bits(&resumed.model) == bits(&whole.model) && tracker == whole_tracker, "adam: {adam}");
        assert_eq!((resumed.steps, resumed.epochs), (11, 4));
        // The file is a model too, and a training that is over is only read.
        let read = Model::load(&folder.path().join(&parts)).expect("a model");
        assert!(bits(&read) == bits(&whole.model));
        assert!(bits(&run(&parts, None).0.expect("it is over").model) == bits(&whole.model));
    }
    let ctx = context(1);
    let keep = keep("parts false");
    let options = ClassifierOptions { seed: 4, keep: Some(keep), ..ClassifierOptions::default() };
    let recipe = Recipe { length: Length::Steps(11), ..recipe() };
    let error = classifier(&recipe, data.labeled(), options, &ctx).expect_err("another seed");
    assert!(error.to_string().ends_with("is of another training: seed differs"), "{error}");
}

#[test]
fn faults_of_the_data_are_named() {
    let data = Data::new(10, 1);
    let ctx = context(1);
    let train = |labeled: Labeled<'_>, recipe: &Recipe| {
        classifier(recipe, labeled, ClassifierOptions::default(), &ctx).expect_err("a fault").to_string()
    };
    let labeled = data.labeled();
    assert_eq!(train(Labeled { rows: &[], ..labeled }, &recipe()), "there are no rows to train on");
    assert_eq!(
        train(Labeled { rows: &[3, 10], ..labeled }, &recipe()),
        "row 10 is named for training, but there are pictures 0 to 9"
    );
    assert_eq!(
        train(Labeled { classes: 1, ..labeled }, &recipe()),
        "row 1 is of class 1, but there are classes 0 to 0"
    );
    assert_eq!(train(Labeled { labels: &[0; 9], ..labeled }, &recipe()), "9 labels for 10 pictures");
    let wild = Recipe { schedule: Schedule::Constant { rate: 1e30 }, ..recipe() };
    assert!(train(labeled, &wild).starts_with("the loss is "), "{}", train(labeled, &wild));
    let none = Recipe { batches: Batches::of(0), ..recipe() };
    assert_eq!(train(labeled, &none), "`batches.size` must be at least 1, got 0");
}

fn simclr_recipe() -> SimclrRecipe {
    SimclrRecipe {
        network: "resnet8".into(),
        init: Init::HeFanOut,
        length: Length::Epochs(4),
        batches: Batches { drop_last: true, ..Batches::of(32) },
        optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false, weight_decay: 1e-4, decay_all: true },
        schedule: Schedule::Cosine { rate: 0.1, least: 1e-4, per: Per::Epoch },
        augment: Augmentation::Named("simclr".into()),
        normalize: None,
        temperature: 0.2,
        one_sided: false,
        hidden: 0,
        projection: 32,
    }
}

#[test]
fn features_learned_without_labels_are_judged_and_resume() {
    let data = Data::new(72, 1);
    let held_out = Data::new(40, 2);
    let folder = tempfile::tempdir().expect("a folder");
    let run = |path: &str, threads: usize, stop: Option<usize>| {
        let ctx = context(threads);
        let mut log: Vec<EpochLog> = Vec::new();
        let mut stop = stop.map(|after| Stop { after, ctx: &ctx });
        let watch: &mut dyn Watch = match &mut stop {
            Some(stop) => stop,
            None => &mut log,
        };
        let options = SimclrOptions {
            seed: 2,
            judge: Some((data.labeled(), held_out.labeled(), 2)),
            watch: Some(watch),
            keep: Some(Keep { path: folder.path().join(path), every: 1, resume: true }),
            ..SimclrOptions::default()
        };
        let trained = simclr(&simclr_recipe(), &data.pixels, &data.rows, options, &ctx);
        (trained, log)
    };
    let (whole, log) = run("whole", 2, None);
    let whole = whole.expect("it trains");
    assert_eq!((whole.epochs, whole.steps), (4, 8));
    assert!(log[3].loss < log[0].loss, "{log:?}");
    assert!(log[0].neighbors_accuracy.is_none() && log[3].neighbors_accuracy.is_some());
    let gate = whole.gate.expect("it was judged");
    assert_eq!(Some(gate.trained), log[3].neighbors_accuracy);
    assert!(run("parts", 1, Some(2)).0.is_err());
    let resumed = run("parts", 1, None).0.expect("it goes on");
    assert!(bits(&resumed.model) == bits(&whole.model) && resumed.gate == whole.gate);
}

#[test]
fn the_gate_is_ten_points() {
    assert!(Gate { untrained: 0.30, trained: 0.45 }.passes());
    assert!(!Gate { untrained: 0.30, trained: 0.39 }.passes());
    assert!(!Gate { untrained: 0.30, trained: f64::NAN }.passes());
}

#[test]
fn logs_are_lines_of_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.jsonl");
    let data = Data::new(20, 1);
    for _ in 0..2 {
        let mut file = LogFile::open(&path).expect("a file");
        let options = ClassifierOptions { watch: Some(&mut file), ..ClassifierOptions::default() };
        classifier(&recipe(), data.labeled(), options, &context(1)).expect("it trains");
    }
    assert_eq!(epochs_in(&path), [0, 1, 2, 3], "the second training is another one, and begins anew");
}

fn log_in(path: &std::path::Path) -> Vec<EpochLog> {
    let text = std::fs::read_to_string(path).expect("lines");
    text.lines().map(|line| serde_json::from_str(line).expect("an epoch")).collect()
}

fn epochs_in(path: &std::path::Path) -> Vec<usize> {
    log_in(path).iter().map(|log| log.epoch).collect()
}

/// Writes epochs down, and stops after some.
struct StopAndLog<'a> {
    stop: Stop<'a>,
    file: LogFile,
    began: Vec<usize>,
}

impl Watch for StopAndLog<'_> {
    fn begin(&mut self, epoch: usize, epochs: usize) -> Result<(), crate::Error> {
        self.began.push(epoch);
        self.file.begin(epoch, epochs)
    }

    fn epoch(&mut self, log: &EpochLog) -> Result<(), crate::Error> {
        self.file.epoch(log)?;
        self.stop.epoch(log)
    }
}

#[test]
fn what_is_said_of_a_training_that_went_on_is_of_all_its_parts() {
    let (data, test) = (Data::new(40, 1), Data::new(40, 2));
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log.jsonl");
    let recipe = Recipe { length: Length::Epochs(6), ..recipe() };
    let run = |test: &Data, stop: usize| {
        let ctx = context(1);
        let file = LogFile::open(&log).expect("a file");
        let mut watch = StopAndLog { stop: Stop { after: stop, ctx: &ctx }, file, began: Vec::new() };
        let options = ClassifierOptions {
            test: Some((test.labeled(), 1)),
            watch: Some(&mut watch),
            keep: Some(Keep { path: folder.path().join("net"), every: 2, resume: true }),
            ..ClassifierOptions::default()
        };
        let trained = classifier(&recipe, data.labeled(), options, &ctx);
        (trained, watch.began)
    };
    // Stopped after its third epoch, kept after its second: the third is done again, and half a line is left.
    assert!(run(&test, 3).0.is_err());
    assert_eq!(epochs_in(&log), [0, 1, 2]);
    let text = std::fs::read_to_string(&log).expect("lines");
    std::fs::write(&log, format!("{text}{{\"epoch\": 1, \"ep")).expect("written");
    let (whole, began) = run(&test, 0);
    let whole = whole.expect("it goes on");
    assert_eq!((began, epochs_in(&log)), (vec![2], vec![0, 1, 2, 3, 4, 5]));
    let lines = log_in(&log);
    let looks: Vec<f64> = lines.iter().map(|line| line.test_accuracy.expect("a look")).collect();
    let best = looks.iter().copied().fold(0.0, f64::max);
    assert_eq!((whole.test_accuracy, whole.best_test_accuracy), (looks.last().copied(), Some(best)));
    let seconds: f64 = lines.iter().map(|line| line.seconds).sum();
    assert!(whole.seconds >= seconds, "{} s, {seconds} s of epochs", whole.seconds);
    // What is over is only read: how long it took and what was best are still known, the latter of these pictures alone.
    let over = run(&test, 0).0.expect("it is over");
    assert!(over.seconds >= seconds && over.best_test_accuracy == Some(best), "{over:?}");
    let other = run(&Data::new(40, 3), 0).0.expect("it is over");
    assert_eq!(other.best_test_accuracy, other.test_accuracy);
}

#[test]
fn features_can_be_dropped() {
    let data = Data::new(64, 1);
    let train = |dropout: f64, threads: usize| {
        let recipe = Recipe { dropout, length: Length::Epochs(8), ..recipe() };
        let options = ClassifierOptions { test: Some((data.labeled(), 8)), seed: 5, ..ClassifierOptions::default() };
        let trained = classifier(&recipe, data.labeled(), options, &context(threads)).expect("it trains");
        (bits(&trained.model), trained.test_accuracy.expect("a look"))
    };
    let (half, accuracy) = train(0.5, 1);
    assert!(half != train(0.0, 1).0 && half == train(0.5, 3).0);
    assert!(accuracy > 0.9, "{accuracy}");
    let wrong = Recipe { dropout: 1.0, ..recipe() }.check().expect_err("nothing is left");
    assert_eq!(wrong.to_string(), "`dropout` must be from 0 to below 1, got 1");
}

#[test]
fn a_probe_learns_from_frozen_features() {
    use subsel_metrics::evaluators::LinearProbe;

    let (train, test) = (Data::new(40, 1), Data::new(40, 2));
    let ctx = context(2);
    let about = crate::About {
        network: "resnet8".into(),
        classes: 2,
        side: 8,
        normalize: subsel_images::Normalize::UNIT,
        class_names: Vec::new(),
        training: serde_json::Value::Null,
    };
    let model = Model::untrained(about, Init::HeFanOut, 1).expect("a model");
    let how = LinearProbe { rate: 0.1, epochs: 100, ..LinearProbe::default() };
    let both = (train.labeled(), test.labeled());
    let found = probe(&model, &how, both, 1, Device::Cpu, &ctx).expect("an evaluation");
    assert!(found.accuracy > 0.6 && found.ceiling == 1.0, "{found:?}");
    assert_eq!(probe(&model, &how, both, 1, Device::Cpu, &context(1)).expect("the same"), found);
    let (pixels, labels) = (Pixels::new(4, vec![0; 48], None).expect("a picture"), [0]);
    let other = Labeled { pixels: &pixels, rows: &[0], labels: &labels, classes: 2 };
    let error = probe(&model, &how, (other, other), 1, Device::Cpu, &ctx).expect_err("another size");
    assert_eq!(error.to_string(), "the pictures are of 4 x 4 pixels, the network's of 8 x 8");
}
