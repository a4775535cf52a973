//! The pool: small drawings of ten kinds, four of them rare, some in bursts of near-duplicates.

use subsel::{Draws, Stream};

/// Width and height of a drawing in pixels.
pub(super) const SIDE: usize = 24;

/// Bytes of a drawing: RGB.
pub(super) const BYTES: usize = SIDE * SIDE * 3;

/// Drawings in all.
pub(super) const COUNT: usize = 1200;

/// Drawings of each rare kind: 1 %.
pub(super) const RARE: usize = COUNT / 100;

/// Bursts, like frames of a video in which little happens.
pub(super) const BURSTS: usize = 12;

/// Drawings of a burst.
pub(super) const FRAMES: usize = 20;

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Circle,
    Square,
    Triangle,
    Cross,
    Ring,
    Stripes,
    Star,
    Heart,
    Crescent,
    Checkers,
}

impl Kind {
    /// All kinds, the common ones first.
    pub(super) const ALL: [Kind; 10] = [
        Kind::Circle,
        Kind::Square,
        Kind::Triangle,
        Kind::Cross,
        Kind::Ring,
        Kind::Stripes,
        Kind::Star,
        Kind::Heart,
        Kind::Crescent,
        Kind::Checkers,
    ];

    /// Kinds that are common.
    pub(super) const COMMON: usize = 6;

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Circle => "circle",
            Kind::Square => "square",
            Kind::Triangle => "triangle",
            Kind::Cross => "cross",
            Kind::Ring => "ring",
            Kind::Stripes => "stripes",
            Kind::Star => "star",
            Kind::Heart => "heart",
            Kind::Crescent => "crescent",
            Kind::Checkers => "checkers",
        }
    }

    /// Its place in [`Kind::ALL`].
    pub(super) fn index(self) -> usize {
        self as usize
    }

    /// Whether a point belongs to the shape, which fills the square from -1 to 1; y grows downwards.
    fn covers(self, x: f64, y: f64) -> bool {
        let r = x.hypot(y);
        let inside = |limit: f64| x.abs() < limit && y.abs() < limit;
        let even = |v: f64, cells: f64| (((v + 0.85) / 1.7 * cells).floor() as i64).rem_euclid(2) == 0;
        match self {
            Kind::Circle => r < 0.8,
            Kind::Square => inside(0.72),
            Kind::Triangle => y < 0.65 && y > -0.95 + 1.9 * x.abs(),
            Kind::Cross => inside(0.88) && x.abs().min(y.abs()) < 0.26,
            Kind::Ring => (0.5..0.86).contains(&r),
            Kind::Stripes => inside(0.85) && even(y, 5.0),
            Kind::Star => {
                let turn = (x.atan2(-y) / std::f64::consts::TAU * 5.0).rem_euclid(1.0);
                r < 0.36 + 0.6 * (2.0 * (turn - 0.5).abs()).powf(1.6)
            }
            Kind::Heart => {
                let (x, y) = (1.25 * x, 0.2 - 1.25 * y);
                (x * x + y * y - 0.7).powi(3) < x * x * y.powi(3)
            }
            Kind::Crescent => r < 0.85 && (x - 0.42).hypot(y) > 0.66,
            Kind::Checkers => inside(0.85) && even(x, 4.0) == even(y, 4.0),
        }
    }
}

/// One drawing.
pub(super) struct Drawing {
    /// What it shows.
    pub(super) kind: Kind,
    /// RGB, row by row.
    pub(super) pixels: Vec<u8>,
}

/// How a drawing is made.
#[derive(Clone, Copy)]
struct Pose {
    kind: Kind,
    center: (f64, f64),
    radius: f64,
    angle: f64,
    paint: [f64; 3],
    paper: [f64; 3],
}

/// Draws the pool. Rows are shuffled, so that nothing can be told from their order.
pub(super) fn pool(seed: u64) -> Vec<Drawing> {
    let mut draws = Draws::new(Stream::new(seed, "drawings"));
    let mut poses = Vec::with_capacity(COUNT);
    for &kind in &Kind::ALL[Kind::COMMON..] {
        poses.extend((0..RARE).map(|_| Pose::random(kind, &mut draws)));
    }
    for _ in 0..BURSTS {
        let first = Pose::random(common(&mut draws), &mut draws);
        poses.extend((0..FRAMES).map(|_| first.moved(&mut draws)));
    }
    while poses.len() < COUNT {
        poses.push(Pose::random(common(&mut draws), &mut draws));
    }
    for last in (1..COUNT).rev() {
        poses.swap(last, draws.below(last as u64 + 1) as usize);
    }
    poses.iter().map(|pose| Drawing { kind: pose.kind, pixels: pose.draw() }).collect()
}

fn common(draws: &mut Draws) -> Kind {
    Kind::ALL[draws.below(Kind::COMMON as u64) as usize]
}

fn between(draws: &mut Draws, low: f64, high: f64) -> f64 {
    low + (high - low) * draws.unit()
}

impl Pose {
    fn random(kind: Kind, draws: &mut Draws) -> Self {
        let middle = SIDE as f64 / 2.0;
        let hue = draws.unit();
        let light_paper = draws.unit() < 0.7;
        let (paint, paper) = if light_paper { (0.75, 0.97) } else { (0.95, 0.28) };
        Pose {
            kind,
            center: (between(draws, middle - 1.8, middle + 1.8), between(draws, middle - 1.8, middle + 1.8)),
            radius: between(draws, 7.0, 10.0),
            angle: between(draws, -0.3, 0.3),
            paint: color(hue, between(draws, 0.6, 0.95), paint),
            paper: color(draws.unit(), between(draws, 0.03, 0.22), paper),
        }
    }

    /// The next frame of a burst.
    fn moved(self, draws: &mut Draws) -> Self {
        Pose {
            center: (self.center.0 + between(draws, -0.25, 0.25), self.center.1 + between(draws, -0.25, 0.25)),
            angle: self.angle + between(draws, -0.02, 0.02),
            ..self
        }
    }

    fn draw(&self) -> Vec<u8> {
        // Three by three samples a pixel keep edges smooth.
        const FINE: usize = 3;
        let (sin, cos) = self.angle.sin_cos();
        let covered = |pixel: usize, line: usize, sample: usize| {
            let at = |place: usize, part: usize| place as f64 + (part as f64 + 0.5) / FINE as f64;
            let x = (at(pixel, sample % FINE) - self.center.0) / self.radius;
            let y = (at(line, sample / FINE) - self.center.1) / self.radius;
            self.kind.covers(x * cos + y * sin, y * cos - x * sin)
        };
        let mut pixels = Vec::with_capacity(BYTES);
        for (line, pixel) in (0..SIDE * SIDE).map(|i| (i / SIDE, i % SIDE)) {
            let hits = (0..FINE * FINE).filter(|&sample| covered(pixel, line, sample)).count();
            let share = hits as f64 / (FINE * FINE) as f64;
            let mix = |channel: usize| self.paper[channel] + share * (self.paint[channel] - self.paper[channel]);
            pixels.extend((0..3).map(|channel| (mix(channel) * 255.0).round() as u8));
        }
        pixels
    }
}

/// RGB of a hue, saturation and value, all from 0 to 1.
fn color(hue: f64, saturation: f64, value: f64) -> [f64; 3] {
    [5.0, 3.0, 1.0].map(|offset: f64| {
        let k = (offset + hue * 6.0) % 6.0;
        value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_has_rare_kinds_and_is_the_same_every_time() {
        let drawings = pool(1);
        assert_eq!(drawings.len(), COUNT);
        for kind in Kind::ALL {
            let count = drawings.iter().filter(|drawing| drawing.kind == kind).count();
            assert_eq!(count == RARE, kind.index() >= Kind::COMMON, "{}: {count}", kind.name());
        }
        assert!(drawings.iter().zip(pool(1)).all(|(a, b)| a.pixels == b.pixels));
    }
}
