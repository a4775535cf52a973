//! How much memory a run may take: what the user said, or half of what is there.

use std::fs;
use std::path::Path;

use subsel::plan::Shape;
use subsel::{Context, Pool};

use crate::failure::Failure;

/// Reads a size such as `8GB`, `500MB`, `1.5GiB` or `4G`. `G` and `GiB` are 2^30 bytes, `GB` is 10^9.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(split);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "k" | "kib" => 1024.0,
        "m" | "mib" => 1024f64.powi(2),
        "g" | "gib" => 1024f64.powi(3),
        "t" | "tib" => 1024f64.powi(4),
        _ => return Err(format!("`{unit}` is no unit of memory; write a size such as 8GB or 500MiB")),
    };
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok((value * factor) as u64),
        _ => Err("write a size such as 8GB or 500MiB".into()),
    }
}

/// A size as `--max-memory` takes it, not below `bytes`.
pub(crate) fn size_text(bytes: u64) -> String {
    match bytes {
        b if b < 10_000_000_000 => format!("{}MB", b.div_ceil(1_000_000)),
        b => format!("{}GB", b.div_ceil(1_000_000_000)),
    }
}

/// The bytes a run may take: `asked`, or half of what is available.
pub(crate) fn allowed(asked: Option<u64>) -> u64 {
    asked.unwrap_or_else(|| available() / 2)
}

/// Refuses a run that needs more than it may take.
pub(crate) fn check(need: u64, asked: Option<u64>) -> Result<(), Failure> {
    let allowed = allowed(asked);
    if need <= allowed {
        return Ok(());
    }
    let mut failure = Failure::from(subsel::Error::Memory { need, allowed });
    if asked.is_none() {
        failure.message.push_str(" (half of what is available)");
    }
    Err(failure)
}

/// Bytes in which a run may keep what it would otherwise work out again, beside the `least` that it needs: what the user
/// allowed, or if they said nothing what the library takes by itself.
pub(crate) fn cache_bytes(least: u64, asked: Option<u64>) -> u64 {
    let left = allowed(asked).saturating_sub(least);
    if asked.is_some() { left } else { left.min(subsel::CACHE_BYTES) }
}

/// Refuses a run that needs more than it may take, and else lets it keep things in what is left. `planned` tells its
/// bytes; those it may come to are given back.
pub(crate) fn grant(
    pool: &Pool<'_>,
    ctx: &mut Context,
    asked: Option<u64>,
    planned: impl Fn(&Shape) -> u64,
) -> Result<u64, Failure> {
    let least = planned(&Shape { cache_bytes: 0, ..Shape::of(pool, ctx) });
    check(least, asked)?;
    ctx.set_cache_bytes(cache_bytes(least, asked));
    Ok(planned(&Shape::of(pool, ctx)))
}

/// Bytes that this process could take: of the machine, of its control group and under its own limits.
pub(crate) fn available() -> u64 {
    let machine = field("/proc/meminfo", "MemAvailable:");
    [machine, control_group(), own_limit()].into_iter().flatten().min().unwrap_or(u64::MAX)
}

/// Has freed buffers returned to the system at once, so that memory follows the plan's arithmetic. Left alone, the
/// allocator keeps buffers of up to 32 MiB for each thread once one was freed: k-means with 1,000 clusters then holds
/// 77 MiB where it uses 29.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn give_back_what_is_freed() {
    const BUFFER: libc::c_int = 1 << 20;
    // SAFETY: `mallopt` only sets numbers of the allocator, and no other thread runs yet.
    #[allow(unsafe_code)]
    unsafe {
        // What it refuses stays as it was: memory is then held longer, and nothing else changes.
        libc::mallopt(libc::M_MMAP_THRESHOLD, BUFFER);
        libc::mallopt(libc::M_TRIM_THRESHOLD, BUFFER);
    }
}

/// Elsewhere the allocator decides.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back_what_is_freed() {}

/// The most of this process's memory that was resident at once, mapped files included.
pub(crate) fn peak_bytes() -> Option<u64> {
    field("/proc/self/status", "VmHWM:")
}

/// A field in KiB of a file of the proc file system.
fn field(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// What is left in the tightest of the control groups (version 2) around this process.
fn control_group() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or("");
    let root = Path::new("/sys/fs/cgroup");
    let number = |path: &Path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let left = |dir: &Path| {
        let most = number(&dir.join("memory.max"))?;
        Some(most.saturating_sub(number(&dir.join("memory.current")).unwrap_or(0)))
    };
    root.join(own).ancestors().take_while(|dir| dir.starts_with(root)).filter_map(left).min()
}

#[cfg(unix)]
fn own_limit() -> Option<u64> {
    use rustix::process::{Resource, getrlimit};
    [Resource::Data, Resource::As].into_iter().filter_map(|resource| getrlimit(resource).current).min()
}

#[cfg(not(unix))]
fn own_limit() -> Option<u64> {
    None
}

/// Seconds of all cores that this process has taken so far.
#[cfg(unix)]
pub(crate) fn cpu_secs() -> Option<f64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

/// Seconds of all cores that this process has taken so far.
#[cfg(not(unix))]
pub(crate) fn cpu_secs() -> Option<f64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in
            [("8GB", 8_000_000_000), ("1.5GiB", 1_610_612_736), ("4G", 4 << 30), ("500 mb", 500_000_000), ("77", 77)]
        {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "-1GB", "8 parsecs", "0", "1e9"] {
            assert!(parse_bytes(text).is_err(), "{text} was taken");
        }
    }

    #[test]
    fn what_is_left_may_be_kept_and_no_more() {
        let source = subsel_formats::MemorySource::new(vec![1.0_f32; 6], 2).unwrap_or_else(|error| panic!("{error}"));
        let (pool, settings) = (Pool::new(&source), subsel::Settings::default());
        let mut ctx = Context::new(&settings).unwrap_or_else(|error| panic!("{error}"));
        let planned = |shape: &Shape| 100 + shape.cache_bytes.min(1000);
        for (asked, total, kept) in [(100, 100, 0), (140, 140, 40), (5000, 1100, 4900)] {
            assert!(grant(&pool, &mut ctx, Some(asked), planned).is_ok_and(|bytes| bytes == total), "{asked}");
            assert_eq!(ctx.cache_bytes(), kept);
        }
        assert!(grant(&pool, &mut ctx, Some(99), planned).is_err());
    }

    #[test]
    fn something_is_available() {
        assert!(available() > 1 << 20);
    }
}
