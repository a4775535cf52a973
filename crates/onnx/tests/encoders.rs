//! Small models (`models/make.py`) as encoders, on the runtimes that are here.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::LazyLock;

use subsel_images::{Encoder, Filter, Fit};
use subsel_onnx::{
    Library, Normalization, OnnxEncoder, OnnxError, OnnxOptions, OutputChoice, Pooling, RuntimeChoice, RuntimeUsed,
};

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(format!("{name}.onnx"))
}

/// Whether the library of ONNX Runtime is here.
static IS_HERE: LazyLock<bool> = LazyLock::new(|| Library::find().next().is_some());

/// `rten`, and ONNX Runtime where its library is here; where it is not, that is said.
#[allow(clippy::print_stderr)] // what was not tested
fn runtimes() -> Vec<RuntimeChoice> {
    if !*IS_HERE {
        eprintln!("skipped on ONNX Runtime: its library is not here (ORT_DYLIB_PATH, `pip install onnxruntime`)");
        return vec![RuntimeChoice::Rten];
    }
    vec![RuntimeChoice::Rten, RuntimeChoice::OnnxRuntime]
}

fn plain() -> OnnxOptions {
    OnnxOptions { normalization: Normalization::None, ..OnnxOptions::default() }
}

/// Opens a model on each runtime.
fn open_all(name: &str, options: &OnnxOptions) -> Vec<OnnxEncoder> {
    let open = |runtime| {
        let found = OnnxEncoder::open(&model(name), &OnnxOptions { runtime, ..options.clone() });
        found.unwrap_or_else(|error| panic!("{name} on {runtime:?}: {error}"))
    };
    runtimes().into_iter().map(open).collect()
}

/// What each runtime says against a model.
fn refusals(name: &str, options: &OnnxOptions) -> Vec<OnnxError> {
    let refuse = |runtime| {
        let found = OnnxEncoder::open(&model(name), &OnnxOptions { runtime, ..options.clone() });
        found.err().unwrap_or_else(|| panic!("{name} on {runtime:?} is taken"))
    };
    runtimes().into_iter().map(refuse).collect()
}

/// Pictures of one color each.
fn plain_pictures(colors: &[[u8; 3]], side: usize) -> Vec<u8> {
    colors.iter().flat_map(|color| color.repeat(side * side)).collect()
}

fn embed(encoder: &OnnxEncoder, pixels: &[u8], pictures: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; pictures * encoder.dim()];
    encoder.encode(pixels, &mut out).unwrap_or_else(|error| panic!("{error}"));
    out
}

fn close(got: &[f32], want: &[f32], within: f32) {
    assert_eq!(got.len(), want.len());
    got.iter().zip(want).for_each(|(got, want)| assert!((got - want).abs() <= within, "{got} {want}"));
}

const COLORS: [[u8; 3]; 3] = [[255, 0, 51], [0, 255, 0], [51, 102, 204]];

/// Of the model `pooled`: red + 2 green, 4 blue, and the rectified red - green + 1/4, less 1.
fn pooled(colors: &[[f32; 3]]) -> Vec<f32> {
    let rectified = |value: f32| value.max(0.0);
    let of = |[r, g, b]: &[f32; 3]| {
        [rectified(*r) + 2.0 * rectified(*g), 4.0 * rectified(*b), rectified(r - g + 0.25) - 1.0]
    };
    colors.iter().flat_map(of).collect()
}

fn scaled(normalization: Normalization) -> Vec<[f32; 3]> {
    let (mean, std) = normalization.mean_std();
    let scale = |color: &[u8; 3]| std::array::from_fn(|c| (f32::from(color[c]) / 255.0 - mean[c]) / std[c]);
    COLORS.iter().map(scale).collect()
}

#[test]
fn values_are_those_worked_out_by_hand_whatever_the_batch() {
    for (name, batch, side) in [("pooled", 8, 5), ("fixed", 1, 4), ("fixed_two", 2, 4)] {
        let options = OnnxOptions { side: Some(side), ..plain() };
        for encoder in open_all(name, &options) {
            assert_eq!((encoder.dim(), encoder.batch(), encoder.fit().side), (3, batch, side));
            close(&embed(&encoder, &plain_pictures(&COLORS, side), 3), &pooled(&scaled(Normalization::None)), 1e-5);
        }
    }
}

#[test]
fn pixels_are_normalized_as_asked_and_that_is_told() {
    let own = Normalization::from_str("0.1,0.2,0.3,0.5,-0.25,2").unwrap_or_else(|error| panic!("{error}"));
    for normalization in [Normalization::ImageNet, Normalization::Clip, Normalization::Half, Normalization::None, own] {
        for encoder in open_all("fixed", &OnnxOptions { normalization, ..OnnxOptions::default() }) {
            close(&embed(&encoder, &plain_pictures(&COLORS, 4), 3), &pooled(&scaled(normalization)), 1e-4);
            let told = format!("pixels are normalized as {normalization}");
            assert!(encoder.notes().contains(&told), "{:?}", encoder.notes());
        }
    }
    assert_eq!(OnnxOptions::default().normalization, Normalization::ImageNet);
    for wrong in ["imagnet", "1,2,3", "0,0,0,1,0,1", "0,0,0,1,nan,1"] {
        assert!(Normalization::from_str(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn pictures_are_fitted_as_the_models_authors_do() {
    let fit = |name: &str, options: OnnxOptions| open_all(name, &options).remove(0).fit();
    let of = |normalization| OnnxOptions { normalization, ..OnnxOptions::default() };
    let (bilinear, bicubic) = (Filter::Bilinear, Filter::Bicubic);
    assert_eq!(fit("pooled", of(Normalization::ImageNet)), Fit { side: 224, resize: 256, filter: bilinear });
    assert_eq!(fit("pooled", of(Normalization::Clip)), Fit { side: 224, resize: 224, filter: bicubic });
    let own = OnnxOptions { side: Some(32), resize: Some(40), filter: Some(bicubic), ..plain() };
    assert_eq!(fit("pooled", own), Fit { side: 32, resize: 40, filter: bicubic });
    for error in refusals("pooled", &OnnxOptions { side: Some(32), resize: Some(31), ..plain() }) {
        assert!(matches!(error, OnnxError::Option { option: "resize", .. }), "{error}");
    }
    for error in refusals("fixed", &OnnxOptions { side: Some(8), ..plain() }) {
        assert!(matches!(error, OnnxError::Size { height: 4, width: 4, .. }), "{error}");
    }
    for error in refusals("oblong", &plain()) {
        assert!(matches!(error, OnnxError::Size { height: 4, width: 6, .. }), "{error}");
    }
}

#[test]
fn channels_may_come_last() {
    for encoder in open_all("channels_last", &plain()) {
        let expected: Vec<f32> = scaled(Normalization::None).concat().iter().map(|v| 2.0 * v).collect();
        close(&embed(&encoder, &plain_pictures(&COLORS, 4), 3), &expected, 1e-5);
    }
}

/// Bytes 0, 1, 2 and so on.
fn ramp(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| at as u8).collect()
}

#[test]
fn tokens_give_the_first_or_their_mean_and_maps_the_mean_over_places() {
    let pixels = ramp(2 * 48);
    let first: Vec<f32> = [0, 1, 2, 48, 49, 50].map(|v| v as f32 / 255.0).to_vec();
    let mean: Vec<f32> = [22.5, 23.5, 24.5, 70.5, 71.5, 72.5].map(|v: f32| v / 255.0).to_vec();
    for (pooling, expected) in [(Pooling::Auto, &first), (Pooling::First, &first), (Pooling::Mean, &mean)] {
        for encoder in open_all("tokens", &OnnxOptions { pooling, ..plain() }) {
            close(&embed(&encoder, &pixels, 2), expected, 1e-6);
        }
    }
    for encoder in open_all("map", &plain()) {
        assert_eq!(encoder.dim(), 4);
        let of = |m: &[f32]| [m[0], m[1], m[2], 0.25 - 1.0 / 255.0];
        close(&embed(&encoder, &pixels, 2), &[of(&mean[..3]), of(&mean[3..])].concat(), 1e-6);
        assert!(encoder.notes().iter().any(|note| note.contains("`r` (?, 4, 4, 4), the mean of 16 vectors: 4 values")));
    }
    for error in refusals("map", &OnnxOptions { pooling: Pooling::First, ..plain() }) {
        assert!(matches!(error, OnnxError::OutputShape { .. }), "{error}");
    }
}

#[test]
fn of_several_outputs_one_is_chosen_by_name_or_number() {
    for error in refusals("two_outputs", &plain()) {
        let text = error.to_string();
        assert!(text.contains("2 outputs") && text.contains("`r` f32 (?, 4, 4, 4), `y` f32 (?, 3)"), "{text}");
        assert!(error.hint().is_some());
    }
    for choice in ["y", "1"] {
        let output = choice.parse().ok();
        for encoder in open_all("two_outputs", &OnnxOptions { output, ..plain() }) {
            close(&embed(&encoder, &plain_pictures(&COLORS, 4), 3), &pooled(&scaled(Normalization::None)), 1e-5);
        }
    }
    for output in [OutputChoice::Index(2), OutputChoice::Name("z".into())] {
        for error in refusals("two_outputs", &OnnxOptions { output: Some(output.clone()), ..plain() }) {
            assert!(matches!(error, OnnxError::Output { .. }), "{error}");
        }
    }
}

#[test]
fn a_file_that_takes_one_picture_only_is_found_out() {
    for encoder in open_all("one_at_a_time", &plain()) {
        assert_eq!((encoder.batch(), encoder.dim()), (1, 16));
        assert!(encoder.notes().iter().any(|note| note.contains("one picture at a time")), "{:?}", encoder.notes());
        let pixels = ramp(5 * 12);
        let together = embed(&encoder, &pixels, 5);
        let alone: Vec<f32> = pixels.chunks(12).flat_map(|picture| embed(&encoder, picture, 1)).collect();
        assert_eq!(together, alone);
    }
}

#[test]
fn pictures_do_not_depend_on_each_other_and_runtimes_agree() {
    let encoders = open_all("transformer", &OnnxOptions::default());
    let bytes = 16 * 16 * 3;
    let pixels: Vec<u8> = (0..19 * bytes).map(|at| (at * at % 241 + at / bytes) as u8).collect();
    let all: Vec<Vec<f32>> = encoders.iter().map(|encoder| embed(encoder, &pixels, 19)).collect();
    for (encoder, all) in encoders.iter().zip(&all) {
        let alone: Vec<f32> = pixels.chunks(bytes).flat_map(|picture| embed(encoder, picture, 1)).collect();
        close(all, &alone, 1e-5);
        let spread = all.iter().fold(0f32, |most, value| most.max(value.abs()));
        assert!(spread > 0.5, "{spread}");
        // Several threads at once, with the same bits each time.
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| embed(encoder, &pixels, 19))).collect();
            runs.into_iter().for_each(|run| assert_eq!(&run.join().expect("no panic"), all));
        });
    }
    all.windows(2).for_each(|pair| close(&pair[0], &pair[1], 1e-4));
}

#[test]
fn what_serves_is_told_and_may_be_forced() {
    for (encoder, choice) in open_all("fixed", &plain()).iter().zip(runtimes()) {
        let name = if choice == RuntimeChoice::Rten { "rten" } else { "onnxruntime" };
        assert_eq!(encoder.runtime().name(), name);
        assert!(encoder.notes()[0].starts_with(&format!("runs on {}", encoder.runtime())), "{:?}", encoder.notes());
    }
    let auto = OnnxEncoder::open(&model("fixed"), &plain()).unwrap_or_else(|error| panic!("{error}"));
    match *IS_HERE {
        false => {
            assert_eq!(auto.runtime(), RuntimeUsed::Rten);
            assert!(auto.notes()[0].contains("is not found"), "{:?}", auto.notes());
            let forced = OnnxOptions { runtime: RuntimeChoice::OnnxRuntime, ..plain() };
            let error = OnnxEncoder::open(&model("fixed"), &forced).err();
            assert!(matches!(error, Some(OnnxError::NoLibrary { .. })), "{error:?}");
        }
        true => assert_eq!(auto.runtime().name(), "onnxruntime"),
    }
}

#[test]
fn fingerprints_are_of_the_file_and_all_settings() {
    let of = |name: &str, options: OnnxOptions| {
        let options = OnnxOptions { runtime: RuntimeChoice::Rten, ..options };
        OnnxEncoder::open(&model(name), &options).unwrap_or_else(|error| panic!("{error}")).fingerprint()
    };
    let side = |side| OnnxOptions { side: Some(side), ..plain() };
    assert_eq!(of("pooled", side(8)), of("pooled", side(8)));
    let others = [
        of("pooled", side(8)),
        of("pooled", side(9)),
        of("pooled", OnnxOptions { normalization: Normalization::Half, ..side(8) }),
        of("pooled", OnnxOptions { filter: Some(Filter::Bicubic), ..side(8) }),
        of("fixed", side(4)),
        of("tokens", side(4)),
        of("tokens", OnnxOptions { pooling: Pooling::Mean, ..side(4) }),
    ];
    let distinct: std::collections::HashSet<u64> = others.into_iter().collect();
    assert_eq!(distinct.len(), others.len());
}

#[test]
fn what_is_no_image_encoder_is_refused_by_what_it_takes() {
    for (name, takes) in [("text_model", "`ids`"), ("two_inputs", "`x` f32 (?, 3, 4, 4), `z` f32 (?, 3, 4, 4)")] {
        for error in refusals(name, &plain()) {
            assert!(matches!(error, OnnxError::NoImageInput { .. }), "{error}");
            assert!(error.to_string().contains(takes), "{error}");
        }
    }
    for error in refusals("no_batch", &plain()) {
        assert!(matches!(error, OnnxError::OutputShape { .. }), "{error}");
    }
}

#[test]
fn operators_that_a_runtime_lacks_are_named() {
    for error in refusals("unknown_operator", &plain()) {
        assert!(matches!(error, OnnxError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("Unheard"), "{error}");
    }
}

#[test]
fn files_that_hold_no_model_are_refused() {
    let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let whole = std::fs::read(model("transformer")).unwrap_or_else(|error| panic!("{error}"));
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap_or_else(|error| panic!("{error}"));
        path
    };
    let bad = [
        write("truncated.onnx", &whole[..whole.len() / 2]),
        write("empty.onnx", &[]),
        write("text.onnx", b"this is a note about a model, and no model"),
        write("picture.onnx", b"\x89PNG\r\n\x1a\n0000000000000000"),
    ];
    for runtime in runtimes() {
        let options = OnnxOptions { runtime, ..plain() };
        for path in &bad {
            let error = OnnxEncoder::open(path, &options).err().unwrap_or_else(|| panic!("{}", path.display()));
            assert!(matches!(error, OnnxError::NotOnnx { .. } | OnnxError::Refused { .. }), "{runtime:?} {error}");
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
        let error = OnnxEncoder::open(&dir.path().join("absent.onnx"), &options).err();
        assert!(matches!(error, Some(OnnxError::Read { .. })), "{error:?}");
    }
}
