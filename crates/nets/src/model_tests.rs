use std::path::PathBuf;

use super::*;

fn about(network: &str, classes: usize) -> About {
    About {
        network: network.into(),
        classes,
        side: 32,
        normalize: Normalize::CIFAR10,
        class_names: vec!["cat".into(), "dog".into()],
        training: serde_json::json!({ "kind": "untrained" }),
    }
}

fn model() -> Model {
    Model::untrained(about("resnet8", 2), Init::HeFanOut, 1).expect("a model")
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().expect("a folder"))
    }

    /// A file of these tensors.
    fn file(&self, tensors: &[Named]) -> PathBuf {
        let path = self.0.path().join("weights.safetensors");
        let bytes: Vec<Vec<u8>> =
            tensors.iter().map(|tensor| tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
        let views = tensors.iter().zip(&bytes).map(|(tensor, bytes)| {
            (tensor.name.clone(), TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).expect("a tensor"))
        });
        std::fs::write(&path, safetensors::serialize(views, None).expect("bytes")).expect("a file");
        path
    }
}

#[test]
fn models_are_read_back_as_they_were_written() {
    let folder = Folder::new();
    let path = folder.0.path().join("model.safetensors");
    let model = model();
    model.save(&path).expect("a file");
    let read = Model::load(&path).expect("a model");
    assert_eq!((read.about(), read.values()), (model.about(), model.values()));
    assert_eq!(std::fs::read_dir(folder.0.path()).expect("a folder").count(), 1, "nothing temporary is left");
}

#[test]
fn weights_of_other_programs_are_read_by_their_names() {
    let folder = Folder::new();
    let model = Model::untrained(about("resnet18", 2), Init::HeFanOut, 1).expect("a model");
    let mut tensors = model.tensors();
    for tensor in &mut tensors {
        tensor.name = format!("module.backbone.{}", tensor.name.replace("downsample", "shortcut"));
        tensor.name = tensor.name.replace("backbone.fc", "linear");
    }
    tensors.push(Named { name: "module.backbone.bn1.num_batches_tracked".into(), shape: vec![1], values: vec![3.0] });
    let read = Model::import(&folder.file(&tensors), about("resnet18", 2)).expect("a model");
    assert_eq!(read.values(), model.values());
    tensors.retain(|tensor| !tensor.name.contains("linear"));
    let read = Model::import(&folder.file(&tensors), about("resnet18", 2)).expect("features need no head");
    assert_eq!(read.values()[..60], model.values()[..60]);
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let folder = Folder::new();
    let mut tensors = model().tensors();
    tensors.retain(|tensor| tensor.name != "layer1.0.conv2.weight" && tensor.name != "bn.running_var");
    tensors[0].shape = vec![16, 3, 9];
    tensors.push(Named { name: "layer9.weight".into(), shape: vec![1], values: vec![1.0] });
    let path = folder.file(&tensors);
    let error = Model::import(&path, about("resnet8", 2)).expect_err("it does not fit");
    let want = format!(
        "{} does not fit resnet8: it lacks `layer1.0.conv2.weight`, `bn.running_var`; it has unknown `layer9.weight`; \
         `conv1.weight` is [16, 3, 9], not [16, 3, 3, 3]",
        path.display()
    );
    assert_eq!(error.to_string(), want);
    let error = Model::load(&path).expect_err("it does not say what it is");
    assert!(error.to_string().ends_with("it does not say what network it is of"), "{error}");
}

#[test]
fn files_that_are_none_are_refused() {
    let folder = Folder::new();
    let path = folder.0.path().join("x.safetensors");
    assert!(matches!(Model::load(&path), Err(Error::File { .. })), "there is none");
    for bytes in [&b""[..], b"not a file of tensors", &[255; 64]] {
        std::fs::write(&path, bytes).expect("a file");
        let error = Model::load(&path).expect_err("no tensors").to_string();
        assert!(error.contains("not safetensors"), "{error}");
    }
}

#[test]
fn half_precision_is_read() {
    let folder = Folder::new();
    let model = model();
    let tensors = model.tensors();
    for dtype in [Dtype::F16, Dtype::BF16, Dtype::F64] {
        let narrow = |v: &f32| match dtype {
            Dtype::F16 => half::f16::from_f32(*v).to_le_bytes().to_vec(),
            Dtype::BF16 => half::bf16::from_f32(*v).to_le_bytes().to_vec(),
            _ => f64::from(*v).to_le_bytes().to_vec(),
        };
        let bytes: Vec<Vec<u8>> =
            tensors.iter().map(|tensor| tensor.values.iter().flat_map(narrow).collect()).collect();
        let views = tensors.iter().zip(&bytes).map(|(tensor, bytes)| {
            (tensor.name.clone(), TensorView::new(dtype, tensor.shape.clone(), bytes).expect("a tensor"))
        });
        let path = folder.0.path().join("narrow.safetensors");
        std::fs::write(&path, safetensors::serialize(views, None).expect("bytes")).expect("a file");
        let read = Model::import(&path, about("resnet8", 2)).expect("a model");
        for (read, values) in read.values().iter().flatten().zip(model.values().iter().flatten()) {
            assert!((read - values).abs() <= 0.01 * values.abs() + 1e-6, "{dtype:?}: {read} and {values}");
        }
    }
}
