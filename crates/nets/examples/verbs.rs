//! temporary
#![allow(clippy::all)]
use std::time::Instant;
use subsel_nets::engine::{Conv, Cpu, Engine, Kind, Norm};
fn best(mut f: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..40 {
        let t = Instant::now();
        f();
        best = best.min(t.elapsed().as_secs_f64());
    }
    best
}
fn main() {
    let e = Cpu::new();
    for (input, output, side, stride, n) in [
        (3, 16, 32, 1, 4),
        (16, 16, 32, 1, 4),
        (16, 32, 32, 2, 4),
        (32, 32, 16, 1, 8),
        (64, 64, 8, 1, 16),
        (64, 64, 32, 1, 2),
        (128, 128, 16, 1, 4),
        (256, 256, 8, 1, 8),
        (512, 512, 4, 1, 16),
    ] {
        let conv = Conv { input, output, kernel: 3, stride, padding: 1 };
        let o = conv.side(side);
        let x = e.maps([n, input, side, side], vec![0.5; n * input * side * side]);
        let dy = e.maps([n, output, o, o], vec![0.5; n * output * o * o]);
        let f = e.param(conv.kind(), &vec![0.1; conv.kind().len()]);
        let fl = 2.0 * (n * o * o * conv.kind().len()) as f64 / 1e9;
        let a = best(|| {
            e.conv(conv, &f, None, &x, None);
        });
        let b = if input >= 16 {
            best(|| {
                e.conv_input(conv, &f, [side; 2], &dy, None);
            })
        } else {
            1.0
        };
        let c = best(|| {
            e.conv_filter(conv, &x, &dy);
        });
        let g = e.param(Kind::Vector(output), &vec![1.0; output]);
        let m = e.moments(&dy);
        let norm = || Norm { gamma: &g, beta: &g, moments: &m, eps: 1e-5 };
        let gb = (n * o * o * output * 4) as f64 / 1e9;
        let mm = best(|| {
            e.moments(&dy);
        });
        let ap = best(|| {
            e.norm_frozen(norm(), &dy, None, Some(0.0));
        });
        let nb = best(|| {
            e.norm_back(norm(), (&dy, &dy), Some(0.0), &dy, None, false);
        });
        println!(
            "{input}->{output} @{side} s{stride}: GF/s fwd {:.0} input {:.0} filter {:.0} | GB/s of one map: moments {:.1} apply {:.1} back {:.1} | us {:.0} {:.0} {:.0} {:.0} {:.0} {:.0}",
            fl / a,
            fl / b,
            fl / c,
            gb / mm,
            gb / ap,
            gb / nb,
            a * 1e6,
            b * 1e6,
            c * 1e6,
            mm * 1e6,
            ap * 1e6,
            nb * 1e6
        );
    }
}
