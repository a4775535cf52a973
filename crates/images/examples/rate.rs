#![allow(clippy::print_stdout, missing_docs)]
use std::time::Instant;
use subsel::{Context, Settings, Stream};
use subsel_images::*;
fn main() {
    let ctx = Context::new(&Settings { threads: Some(1), ..Settings::default() }).unwrap();
    let root = std::path::Path::new("/work/shared/data/cifar10");
    let start = Instant::now();
    let set = ImageSet::open(&[root.join("train-*.parquet")], &SetOptions::default()).unwrap();
    println!("open {:?}", start.elapsed());
    let start = Instant::now();
    let (pixels, _) = Pixels::load(&set, None, Fit::to(32), OnBroken::Stop, &ctx).unwrap();
    println!("load {:?}", start.elapsed());
    let start = Instant::now();
    println!("fingerprint {:x} {:?}", set.fingerprint(&ctx).unwrap(), start.elapsed());
    let stats = ChannelStats::of_pixels(&pixels, &ctx);
    println!("{:?} {:?}", stats.mean(), stats.std());
    let mut within = [0.0; 3];
    for at in 0..pixels.len() {
        let s = ChannelStats::of(pixels.image(at)).std();
        for c in 0..3 {
            within[c] += s[c] / pixels.len() as f64;
        }
    }
    println!("within {within:?}");
    let rows: Vec<usize> = (0..512).collect();
    for name in Augment::NAMES {
        let batcher =
            Batcher::new(&pixels, Augment::named(name, 32).unwrap(), Normalize::CIFAR10, Stream::new(0, "a")).unwrap();
        let mut out = vec![0.0; 2 * 512 * 3072];
        batcher.fill(&rows, 0, 0..2, &mut out, ctx.threads());
        let start = Instant::now();
        for epoch in 0..5 {
            batcher.fill(&rows, epoch, 0..2, &mut out, ctx.threads());
        }
        println!("{name}: {:.0} views/s", 5120.0 / start.elapsed().as_secs_f64());
    }
    let start = Instant::now();
    let big = Image::new(500, 375, (0..500 * 375 * 3).map(|i| (i % 251) as u8).collect()).unwrap();
    let mut n = 0usize;
    for _ in 0..100 {
        n += fit(&big, Fit { side: 224, resize: 256, filter: Filter::Bilinear })[5] as usize;
    }
    println!("fit 500x375 to 224: {:?} each {n}", start.elapsed() / 100);
}
