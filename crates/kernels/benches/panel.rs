//! Rates of the panel verbs beside the bare product, and of the norms: `name,shape,isa,gflops,note` on stdout.
//!
//! `cargo bench -p subsel-kernels` runs the sizes of the record, on one thread; `-- --tiny` runs small ones and checks
//! the answers. Rates are 2 m n d operations (for norms: bytes read) per second of this thread's processor time, the
//! best of a few samples. Rows that matter are those of one run side by side: machines differ and are shared.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;
use subsel_kernels::{
    Block, CodeWidth, Codes, CodesFrame, CodesPanel, CodesScratch, Dtype, Isa, Kernels, Nearest, Panel, PanelScratch,
    Rows, bf16, f16,
};

/// Rows, values per row, centers.
struct Shape {
    m: usize,
    d: usize,
    k: usize,
}

impl Shape {
    fn name(&self) -> String {
        format!("{}x{}x{}", self.m, self.d, self.k)
    }

    fn gflop(&self) -> f64 {
        2.0 * self.m as f64 * self.d as f64 * self.k as f64 / 1e9
    }
}

fn main() {
    // Cargo passes `--bench`, and tests of all targets pass nothing: only the full name asks for the long run.
    let tiny = std::env::args().any(|arg| arg == "--tiny") || !std::env::args().any(|arg| arg == "--bench");
    println!("name,shape,isa,gflops,note");
    let isas: Vec<Kernels> = match tiny {
        true => Isa::ALL.into_iter().filter_map(Kernels::new).collect(),
        false => vec![Kernels::best()],
    };
    for kernels in isas {
        match tiny {
            true => {
                panel_verbs(kernels, &Shape { m: 200, d: 48, k: 37 }, 1);
                row_verbs(kernels, 100, 96, 1);
            }
            false => {
                panel_verbs(kernels, &Shape { m: 8192, d: 512, k: 8192 }, 3);
                // A part of 1.28M rows: the same work over and over.
                panel_verbs(kernels, &Shape { m: 80_000, d: 384, k: 32 }, 3);
                panel_verbs(kernels, &Shape { m: 50_000, d: 512, k: 500 }, 3);
                row_verbs(kernels, 100_000, 512, 3);
            }
        }
    }
}

/// Nanoseconds this thread has run, where the system tells; else the time of day.
fn thread_nanos(start: Instant) -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or_else(|| start.elapsed().as_nanos() as f64)
}

/// Seconds of one run, averaged over half a second of them (the clock of a thread may tick in hundredths); the best of
/// `times` such averages, after one run to warm up.
fn best_secs(times: usize, mut run: impl FnMut()) -> f64 {
    run();
    let start = Instant::now();
    (0..times).fold(f64::INFINITY, |best, _| {
        let before = thread_nanos(start);
        let mut runs = 0;
        loop {
            run();
            runs += 1;
            let secs = (thread_nanos(start) - before) / 1e9;
            if secs >= SAMPLE_SECS || times == 1 {
                return best.min(secs / f64::from(runs));
            }
        }
    })
}

/// Processor time of one sample.
const SAMPLE_SECS: f64 = 0.5;

fn report(name: &str, shape: &str, kernels: Kernels, rate: f64, note: &str) {
    println!("{name},{shape},{},{rate:.1},{note}", kernels.isa().name());
}

/// About normal values around the means of some clusters, as embeddings are.
fn values(len: usize, dim: usize, mut seed: u64) -> Vec<f32> {
    let mut unit = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f32 / (1_u32 << 24) as f32
    };
    let mut normal = move || unit() + unit() + unit() + unit() - 2.0;
    let means: Vec<f32> = (0..10 * dim).map(|_| normal()).collect();
    (0..len).flat_map(|row| (0..dim).map(move |i| (row % 10) * dim + i)).map(|at| means[at] + normal()).collect()
}

fn panel_verbs(kernels: Kernels, shape: &Shape, times: usize) {
    let (m, d, k) = (shape.m, shape.d, shape.k);
    let (left, right) = (values(m, d, 1), values(k, d, 2));
    let (rows, gflop, name) = (Rows::from_f32(&left, d), shape.gflop(), shape.name());
    let mut scratch = PanelScratch::default();
    let mut line = |verb: &str, note: &str, run: &mut dyn FnMut(&mut PanelScratch)| {
        let secs = best_secs(times, || run(&mut scratch));
        report(verb, &name, kernels, gflop / secs, note);
    };

    let mut products = vec![0.0; m * k];
    line("panel_dots", "the bare product", &mut |_| kernels.panel_dots(&left, &right, d, &mut products));
    drop(products);

    let mut norms = vec![0.0; m];
    kernels.sq_norms(rows, &mut norms);
    let panel = Panel::new(kernels, &right, d, None);
    let mut nearest = vec![Nearest { index: 0, sq_dist: 0.0, second: 0.0, error: 0.0 }; m];
    line("nearest", "", &mut |scratch| kernels.nearest(rows, Some(&norms), &panel, scratch, &mut nearest));
    let mut assigned = vec![0; m];
    let doubtful = nearest.iter().filter(|n| !n.is_certain()).count();
    let note = format!("{doubtful} rows doubtful");
    line("assign", &note, &mut |scratch| kernels.assign(rows, Some(&norms), &panel, scratch, &mut assigned));
    check_assigned(kernels, &left, &panel, &assigned);

    let limits: Vec<f64> = nearest.iter().map(|n| (n.sq_dist - n.error) * 0.98).collect();
    let mut visited = 0;
    line("candidates_below", "almost nothing survives", &mut |scratch| {
        kernels.candidates_below(rows, Some(&norms), &panel, &limits, scratch, |_, _| visited += 1);
    });
    let limits: Vec<f64> = nearest.iter().map(|n| n.sq_dist + n.error).collect();
    line("candidates_below", "the nearest survives", &mut |scratch| {
        kernels.candidates_below(rows, Some(&norms), &panel, &limits, scratch, |_, _| visited += 1);
    });
    assert!(visited >= m, "the nearest center of each row is visited");
    for width in CodeWidth::ALL {
        coarse_verbs(kernels, width, shape, times, rows, &panel, &nearest);
    }

    let halves = Block::F16(left.iter().map(|v| f16::from_f32(*v)).collect());
    line("nearest", "rows f16", &mut |scratch| {
        kernels.nearest(halves.rows(d), Some(&norms), &panel, scratch, &mut nearest);
    });
    let mean = vec![0.25; d];
    let centered = Panel::new(kernels, &right, d, Some(&mean));
    line("nearest", "with offset, norms computed", &mut |scratch| {
        kernels.nearest(rows, None, &centered, scratch, &mut nearest);
    });
}

/// The same by products of codes.
fn coarse_verbs(
    kernels: Kernels,
    width: CodeWidth,
    shape: &Shape,
    times: usize,
    rows: Rows<'_>,
    panel: &Panel,
    nearest: &[Nearest],
) {
    let (gflop, name) = (shape.gflop(), shape.name());
    let frame = CodesFrame::new(&vec![0.0; shape.d]);
    let (mut codes, mut coarse) = (Codes::default(), CodesPanel::default());
    kernels.encode(Rows::from_f32(panel.centers(), shape.d), &frame, width, &mut codes);
    coarse.pack(&codes);
    let secs = best_secs(times, || kernels.encode(rows, &frame, width, &mut codes));
    let gigabytes = (4 * shape.m * shape.d) as f64 / 1e9;
    report("encode", &name, kernels, gigabytes / secs, &format!("GB/s of f32, {width:?}"));
    let mut scratch = CodesScratch::default();
    for (note, share) in [("almost nothing survives", 0.9), ("the nearest survives", 1.0)] {
        let mut limits: Vec<f64> = nearest.iter().map(|n| ((n.sq_dist + n.error) * share).max(0.0)).collect();
        let mut none = vec![0.0; shape.k];
        let mut visited = 0;
        let secs = best_secs(times, || {
            visited = 0;
            kernels.coarse_candidates_both(&codes, &coarse, &mut limits, &mut none, &mut scratch, |_, _, _, _, _| {
                visited += 1;
            });
        });
        let note = format!("{width:?}, {note}: {:.1} a row", f64::from(visited) / shape.m as f64);
        report("coarse_candidates_both", &name, kernels, gflop / secs, &note);
    }
}

/// Compares some rows with a search through all centers.
fn check_assigned(kernels: Kernels, left: &[f32], panel: &Panel, assigned: &[u32]) {
    let mut sq_dists = vec![0.0; panel.len()];
    for (row, assigned) in left.chunks_exact(panel.dim()).zip(assigned).step_by(97) {
        kernels.sq_dists(row, panel.centers(), &mut sq_dists);
        let least = sq_dists.iter().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(sq_dists.iter().position(|v| *v == least), Some(*assigned as usize));
    }
}

/// Verbs bound by memory: GB/s in the column of the rate. Over more than most caches hold.
fn row_verbs(kernels: Kernels, n: usize, d: usize, times: usize) {
    let raw = values(n, d, 3);
    let shape = format!("{n}x{d}");
    let gigabytes = |dtype: Dtype| (n * d * dtype.size()) as f64 / 1e9;
    let mut out = vec![0.0; n];
    let blocks = [
        Block::F32(raw.clone()),
        Block::F16(raw.iter().map(|v| f16::from_f32(*v)).collect()),
        Block::Bf16(raw.iter().map(|v| bf16::from_f32(*v)).collect()),
        Block::I8(raw.iter().map(|v| (*v * 40.0) as i8).collect()),
    ];
    for block in &blocks {
        let dtype = block.dtype();
        let secs = best_secs(times, || kernels.sq_norms(block.rows(d), &mut out));
        report("sq_norms", &shape, kernels, gigabytes(dtype) / secs, &format!("GB/s of {}", dtype.name()));
        let secs = best_secs(times, || {
            black_box(kernels.non_finite(black_box(block.rows(d))));
        });
        report("non_finite", &shape, kernels, gigabytes(dtype) / secs, &format!("GB/s of {}", dtype.name()));
    }
    let rows = Rows::from_f32(&raw, d);
    let y: Vec<f64> = raw[..d].iter().map(|v| f64::from(*v)).collect();
    let secs = best_secs(times, || kernels.dots_rows(rows, &y, &mut out));
    report("dots_rows", &shape, kernels, gigabytes(Dtype::F32) / secs, "GB/s of f32");
    let secs = best_secs(times, || kernels.sq_dists(&raw[..d], &raw, &mut out));
    report("sq_dists", &shape, kernels, gigabytes(Dtype::F32) / secs, "GB/s of f32");
    let mut sums = vec![0.0; d];
    let secs = best_secs(times, || kernels.sums(rows, &mut sums));
    report("sums", &shape, kernels, gigabytes(Dtype::F32) / secs, "GB/s of f32");
    let panel: Vec<f64> = raw[..n.min(200) * d].iter().map(|v| f64::from(*v)).collect();
    let mut dots = vec![0.0; n.min(200)];
    let secs = best_secs(times, || kernels.dots(&y, &panel, &mut dots));
    report(
        "dots",
        &format!("{}x{d}", dots.len()),
        kernels,
        (panel.len() * 8) as f64 / 1e9 / secs,
        "GB/s of f64 in cache",
    );
}
