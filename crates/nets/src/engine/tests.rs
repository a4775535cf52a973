use subsel::Stream;

use super::*;

/// Values between -1 and 1.
fn values(n: usize, name: &str) -> Vec<f32> {
    let stream = Stream::new(7, name);
    (0..n).map(|i| (2.0 * stream.unit(i as u64) - 1.0) as f32).collect()
}

fn near(got: &[f32], want: &[f32], tolerance: f32, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let scale = want.iter().fold(1.0_f32, |most, v| most.max(v.abs()));
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= tolerance * scale, "{what} at {i}: {got}, not {want}");
    }
}

fn threads(n: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("threads")
}

/// Every `(output place, input place, filter place)` of a convolution of maps `(n, c, side, side)`.
fn each_product(conv: Conv, n: usize, side: usize, mut product: impl FnMut(usize, usize, usize)) {
    let out = conv.side(side);
    for picture in 0..n {
        for o in 0..conv.output {
            for (y, x) in (0..out).flat_map(|y| (0..out).map(move |x| (y, x))) {
                for i in 0..conv.input {
                    for (ky, kx) in (0..conv.kernel).flat_map(|y| (0..conv.kernel).map(move |x| (y, x))) {
                        let (from_y, from_x) = (y * conv.stride + ky, x * conv.stride + kx);
                        let inside = |at: usize| (conv.padding..conv.padding + side).contains(&at);
                        if inside(from_y) && inside(from_x) {
                            let to = ((picture * conv.output + o) * out + y) * out + x;
                            let from = ((picture * conv.input + i) * side + from_y - conv.padding) * side;
                            let tap = ((o * conv.input + i) * conv.kernel + ky) * conv.kernel + kx;
                            product(to, from + from_x - conv.padding, tap);
                        }
                    }
                }
            }
        }
    }
}

const CONVS: [(Conv, usize); 9] = [
    (Conv { input: 3, output: 16, kernel: 3, stride: 1, padding: 1 }, 8),
    (Conv { input: 16, output: 16, kernel: 3, stride: 1, padding: 1 }, 7),
    (Conv { input: 16, output: 32, kernel: 3, stride: 2, padding: 1 }, 8),
    (Conv { input: 16, output: 32, kernel: 3, stride: 2, padding: 1 }, 7),
    (Conv { input: 32, output: 64, kernel: 1, stride: 2, padding: 0 }, 6),
    (Conv { input: 64, output: 16, kernel: 1, stride: 1, padding: 0 }, 4),
    (Conv { input: 3, output: 64, kernel: 7, stride: 2, padding: 3 }, 9),
    (Conv { input: 32, output: 48, kernel: 3, stride: 1, padding: 1 }, 1),
    (Conv { input: 16, output: 96, kernel: 3, stride: 2, padding: 1 }, 1),
];

/// Convolutions and their gradients against sums of all products.
fn convolutions_are_sums_of_products(engine: &impl Engine) {
    for (conv, side) in CONVS {
        let n = 3;
        let out = conv.side(side);
        let x = values(n * conv.input * side * side, "x");
        let filter = values(conv.kind().len(), "filter");
        let dy = values(n * conv.output * out * out, "dy");
        let (bias, add) = (values(conv.output, "bias"), values(dy.len(), "add"));
        let (mut y, mut dx, mut df) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; filter.len()]);
        each_product(conv, n, side, |to, from, tap| {
            y[to] += x[from] * filter[tap];
            dx[from] += dy[to] * filter[tap];
            df[tap] += dy[to] * x[from];
        });
        let what = format!("{conv:?} of {side}");
        let maps = |values: &[f32], c, side| engine.maps([n, c, side, side], values.to_vec());
        let (x_maps, dy_maps) = (maps(&x, conv.input, side), maps(&dy, conv.output, out));
        let param = engine.param(conv.kind(), &filter);
        let got = engine.conv(conv, &param, None, &x_maps, None);
        near(&engine.map_values(&got), &y, 1e-5, &what);
        let plus = Kind::Vector(conv.output);
        let add_maps = maps(&add, conv.output, out);
        let got = engine.conv(conv, &param, Some(&engine.param(plus, &bias)), &x_maps, Some(&add_maps));
        let sum: Vec<f32> = (0..y.len()).map(|i| y[i] + bias[i / (out * out) % conv.output] + add[i]).collect();
        near(&engine.map_values(&got), &sum, 1e-5, &format!("{what} with bias and sum"));
        if conv.input >= 16 {
            let got = engine.conv_input(conv, &param, [side; 2], &dy_maps, None);
            near(&engine.map_values(&got), &dx, 1e-5, &format!("{what} by input"));
            let got = engine.conv_input(conv, &param, [side; 2], &dy_maps, Some(&x_maps));
            let sum: Vec<f32> = dx.iter().zip(&x).map(|(dx, x)| dx + x).collect();
            near(&engine.map_values(&got), &sum, 1e-5, &format!("{what} by input, with sum"));
        }
        let got = engine.conv_filter(conv, &x_maps, &dy_maps);
        near(&engine.values(conv.kind(), &got), &df, 2e-5, &format!("{what} by filter"));
        let sums: Vec<f32> =
            (0..conv.output).map(|o| dy.chunks(out * out).skip(o).step_by(conv.output).flatten().sum()).collect();
        near(&engine.values(plus, &engine.channel_sums(&dy_maps)), &sums, 1e-5, &format!("{what} by bias"));
    }
}

/// What a normalization gives, in f64, and its gradients by slopes of that.
fn normalizations_are_their_formula(engine: &impl Engine) {
    let (n, c, side, eps) = (3, 16, 5, 1e-5_f32);
    let area = side * side;
    let x: Vec<f32> = values(n * c * area, "x").iter().map(|v| 3.0 * v + 1.0).collect();
    let (gamma, beta, add) = (values(c, "gamma"), values(c, "beta"), values(x.len(), "add"));
    let dy = values(x.len(), "dy");
    let channel = |i: usize| i / area % c;
    for slope in [None, Some(0.0), Some(0.1_f32)] {
        for with_add in [false, true] {
            let formula = |x: &[f32], gamma: &[f32], beta: &[f32], add: &[f32]| -> Vec<f64> {
                let (mut mean, mut variance) = (vec![0.0; c], vec![0.0; c]);
                let count = (n * area) as f64;
                x.iter().enumerate().for_each(|(i, v)| mean[channel(i)] += f64::from(*v) / count);
                let away = |i: usize, mean: &[f64]| f64::from(x[i]) - mean[channel(i)];
                (0..x.len()).for_each(|i| variance[channel(i)] += away(i, &mean).powi(2) / count);
                let value = |i: usize| {
                    let unit = away(i, &mean) / (variance[channel(i)] + f64::from(eps)).sqrt();
                    let y = f64::from(gamma[channel(i)]) * unit + f64::from(beta[channel(i)]);
                    let y = if with_add { y + f64::from(add[i]) } else { y };
                    if y < 0.0 { y * slope.map_or(1.0, f64::from) } else { y }
                };
                (0..x.len()).map(value).collect()
            };
            let what = format!("slope {slope:?}, sum {with_add}");
            let maps = |values: &[f32]| engine.maps([n, c, side, side], values.to_vec());
            let vector = |values: &[f32]| engine.param(Kind::Vector(c), values);
            let (x_maps, add_maps, dy_maps) = (maps(&x), maps(&add), maps(&dy));
            let (gamma_param, beta_param) = (vector(&gamma), vector(&beta));
            let moments = engine.moments(&x_maps);
            let norm = || Norm { gamma: &gamma_param, beta: &beta_param, moments: &moments, eps };
            let y = engine.norm_frozen(norm(), &x_maps, with_add.then_some(&add_maps), slope);
            let want: Vec<f32> = formula(&x, &gamma, &beta, &add).iter().map(|v| *v as f32).collect();
            near(&engine.map_values(&y), &want, 1e-5, &what);
            let found = engine.norm_back(norm(), (&x_maps, &y), slope, &dy_maps, None, with_add);
            let plus = engine.norm_back(norm(), (&x_maps, &y), slope, &dy_maps, Some(&add_maps), false);
            // Along a direction each: the slope of the sum of y dy.
            let loss = |y: Vec<f64>| y.iter().zip(&dy).map(|(y, dy)| y * f64::from(*dy)).sum::<f64>();
            let moved = |from: &[f32], step: f32, name: &str| -> Vec<f32> {
                from.iter().zip(values(from.len(), name)).map(|(v, way)| v + step * way).collect()
            };
            let along = |gradient: &[f32], name: &str| -> f64 {
                gradient.iter().zip(values(gradient.len(), name)).map(|(g, way)| f64::from(*g) * f64::from(way)).sum()
            };
            let step = 1e-3;
            let check = |name: &str, gradient: &[f32], at: &dyn Fn(f32) -> f64| {
                let slope = (at(step) - at(-step)) / (2.0 * f64::from(step));
                let got = along(gradient, name);
                assert!((got - slope).abs() < 2e-2 * (1.0 + slope.abs()), "{what} by {name}: {got}, not {slope}");
            };
            let by_x = engine.map_values(&found.input);
            // Not along x itself, to which a normalization is blind.
            check("way of x", &by_x, &|step| loss(formula(&moved(&x, step, "way of x"), &gamma, &beta, &add)));
            let by_gamma = engine.values(Kind::Vector(c), &found.gamma);
            check("gamma", &by_gamma, &|step| loss(formula(&x, &moved(&gamma, step, "gamma"), &beta, &add)));
            let by_beta = engine.values(Kind::Vector(c), &found.beta);
            check("beta", &by_beta, &|step| loss(formula(&x, &gamma, &moved(&beta, step, "beta"), &add)));
            if with_add {
                let added = engine.map_values(found.added.as_ref().expect("it was wanted"));
                check("added", &added, &|step| loss(formula(&x, &gamma, &beta, &moved(&add, step, "added"))));
            }
            let sum: Vec<f32> = by_x.iter().zip(&add).map(|(dx, add)| dx + add).collect();
            near(&engine.map_values(&plus.input), &sum, 1e-6, &format!("{what}, with sum"));
        }
    }
}

fn pools_are_their_definitions(engine: &impl Engine) {
    for side in [5, 8] {
        let (n, c) = (2, 16);
        let out = (side - 1) / 2 + 1;
        let x = values(n * c * side * side, "x");
        let dy = values(n * c * out * out, "dy");
        let (mut y, mut dx) = (Vec::new(), vec![0.0; x.len()]);
        for (plane, dy) in (0..n * c).zip(dy.chunks_exact(out * out)) {
            for (at, dy) in dy.iter().enumerate() {
                let (oy, ox) = (at / out, at % out);
                let rows = (2 * oy).saturating_sub(1)..(2 * oy + 2).min(side);
                let places =
                    rows.flat_map(|y| ((2 * ox).saturating_sub(1)..(2 * ox + 2).min(side)).map(move |x| (y, x)));
                let places = places.map(|(y, x)| plane * side * side + y * side + x);
                let best =
                    places.reduce(|best, place| if x[place] > x[best] { place } else { best }).expect("a window");
                y.push(x[best]);
                dx[best] += dy;
            }
        }
        let maps = engine.maps([n, c, side, side], x.clone());
        near(&engine.map_values(&engine.max_pool(&maps)), &y, 0.0, "largest");
        let dy_maps = engine.maps([n, c, out, out], dy);
        near(&engine.map_values(&engine.max_pool_back(&maps, &dy_maps)), &dx, 1e-6, "largest, back");
        let mean: Vec<f32> =
            x.chunks_exact(side * side).map(|plane| plane.iter().sum::<f32>() / (side * side) as f32).collect();
        near(&engine.row_values(&engine.mean_pool(&maps)), &mean, 1e-6, "mean");
        let back = engine.mean_pool_back([side; 2], &engine.rows(c, mean.clone()));
        let spread: Vec<f32> =
            mean.iter().flat_map(|v| std::iter::repeat_n(v / (side * side) as f32, side * side)).collect();
        near(&engine.map_values(&back), &spread, 1e-6, "mean, back");
    }
}

fn linear_layers_are_products(engine: &impl Engine) {
    for (input, output) in [(64, 10), (16, 1), (128, 40), (32, 32)] {
        let n = 5;
        let kind = Kind::Matrix { output, input };
        let (x, weight, bias, dy) = (
            values(n * input, "x"),
            values(input * output, "weight"),
            values(output, "bias"),
            values(n * output, "dy"),
        );
        let (mut y, mut dx, mut dw, mut db) =
            (vec![0.0; n * output], vec![0.0; n * input], vec![0.0; weight.len()], vec![0.0; output]);
        for (row, o) in (0..n).flat_map(|row| (0..output).map(move |o| (row, o))) {
            let slope = dy[row * output + o];
            y[row * output + o] = bias[o];
            db[o] += slope;
            for i in 0..input {
                y[row * output + o] += x[row * input + i] * weight[o * input + i];
                dx[row * input + i] += slope * weight[o * input + i];
                dw[o * input + i] += slope * x[row * input + i];
            }
        }
        let (rows, slopes) = (engine.rows(input, x), engine.rows(output, dy));
        let (weight, bias) = (engine.param(kind, &weight), engine.param(Kind::Vector(output), &bias));
        let what = format!("{kind:?}");
        near(&engine.row_values(&engine.linear((kind, &weight), &bias, &rows)), &y, 1e-5, &what);
        let (by_x, by_weight, by_bias) = engine.linear_back((kind, &weight), &rows, &slopes);
        near(&engine.row_values(&by_x), &dx, 1e-5, &what);
        near(&engine.values(kind, &by_weight), &dw, 1e-5, &what);
        near(&engine.values(Kind::Vector(output), &by_bias), &db, 1e-5, &what);
    }
}

fn everything(engine: &impl Engine) {
    convolutions_are_sums_of_products(engine);
    normalizations_are_their_formula(engine);
    pools_are_their_definitions(engine);
    linear_layers_are_products(engine);
}

#[test]
fn the_processor_computes_what_is_defined() {
    everything(&Cpu::new());
}

#[cfg(feature = "burn")]
#[test]
fn burn_computes_what_is_defined() {
    everything(&OnBurn::<burn::backend::Flex>::new(Default::default()));
}

#[test]
fn parameters_come_back_as_they_went_in() {
    let engine = Cpu::new();
    for (conv, _) in CONVS {
        let filter = values(conv.kind().len(), "filter");
        assert_eq!(engine.values(conv.kind(), &engine.param(conv.kind(), &filter)), filter);
    }
    let kind = Kind::Matrix { output: 10, input: 48 };
    let weight = values(kind.len(), "weight");
    assert_eq!(engine.values(kind, &engine.param(kind, &weight)), weight);
    let maps = values(2 * 3 * 4 * 5, "maps");
    assert_eq!(engine.map_values(&engine.maps([2, 3, 4, 5], maps.clone())), maps);
}

#[test]
fn threads_and_company_change_no_bit() {
    let engine = Cpu::new();
    let conv = Conv { input: 16, output: 32, kernel: 3, stride: 2, padding: 1 };
    let (n, side) = (37, 12);
    let x = values(n * 16 * side * side, "x");
    let dy = values(n * 32 * 36, "dy");
    let filter = engine.param(conv.kind(), &values(conv.kind().len(), "filter"));
    let all = || {
        let maps = engine.maps([n, 16, side, side], x.clone());
        let y = engine.conv(conv, &filter, None, &maps, None);
        let dy = engine.maps([n, 32, 6, 6], dy.clone());
        let moments = engine.moments(&y);
        let ones = vec![1.0; 32];
        let norm = || Norm { gamma: &ones, beta: &ones, moments: &moments, eps: 1e-5 };
        let z = engine.norm_frozen(norm(), &y, None, Some(0.0));
        let back = engine.norm_back(norm(), (&y, &z), Some(0.0), &dy, None, false);
        let by_input = engine.conv_input(conv, &filter, [side; 2], &back.input, None);
        let by_filter = engine.conv_filter(conv, &maps, &back.input);
        (engine.map_values(&z), engine.map_values(&by_input), by_filter, back.gamma)
    };
    let alone = all();
    for n in [2, 3] {
        assert!(team::together(&threads(n), all) == alone, "{n} threads");
    }
    let one = engine.maps([1, 16, side, side], x[..16 * side * side].to_vec());
    let y = engine.map_values(&engine.conv(conv, &filter, None, &one, None));
    let maps = engine.maps([n, 16, side, side], x.clone());
    assert!(engine.map_values(&engine.conv(conv, &filter, None, &maps, None))[..y.len()] == y[..]);
}

#[test]
fn what_is_not_a_number_stays_so() {
    let engine = Cpu::new();
    let conv = Conv { input: 16, output: 16, kernel: 1, stride: 1, padding: 0 };
    let mut x = vec![0.5; 16];
    x[3] = f32::NAN;
    let filter = engine.param(conv.kind(), &vec![0.1; conv.kind().len()]);
    let (ones, zeros) = (vec![1.0; 16], vec![0.0; 16]);
    let moments = Moments { mean: zeros.clone(), variance: ones.clone() };
    let norm = Norm { gamma: &ones, beta: &zeros, moments: &moments, eps: 0.0 };
    let y = engine.conv_norm(conv, &filter, norm, &engine.maps([1, 16, 1, 1], x), None, Some(0.0));
    assert!(engine.map_values(&y).iter().all(|v| v.is_nan()));
}
