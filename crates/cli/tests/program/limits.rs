//! Pools larger than memory, and runs that are interrupted.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Dir, Run, rows};

/// A pool of 300 MB, most of it holes in the file: every hundredth row has values, the others are zero.
fn large_pool(dir: &Dir) {
    const N: usize = 300_000;
    const D: usize = 256;
    dir.write_npy("large.npy", &[0.0; D], D);
    let small = std::fs::read(dir.path("large.npy")).expect("the head is there");
    let head = String::from_utf8_lossy(&small[..128]).replace("(1, 256), }     ", "(300000, 256), }");
    let head: Vec<u8> = small[..10].iter().copied().chain(head.bytes().skip(head.len() - 118)).collect();
    let mut file = File::create(dir.path("large.npy")).expect("the pool begins");
    file.write_all(&head).expect("the head is written");
    file.set_len((128 + N * D * 4) as u64).expect("the pool has its length");
    for (i, row) in rows(N / 100, D).chunks_exact(D).enumerate() {
        file.seek(SeekFrom::Start((128 + i * 100 * D * 4) as u64)).expect("a row has its place");
        let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
        file.write_all(&bytes).expect("a row is written");
    }
}

#[test]
fn a_pool_larger_than_the_memory_allowed_is_selected_from() {
    let dir = Dir::new();
    large_pool(&dir);
    for method in ["gram-schmidt", "k-center:start=0"] {
        let select = format!("select large.npy -n 20 -m {method} --threads 2 --force");
        let run = dir.shell(&format!("ulimit -d 100000; exec \"$SUBSEL\" {select}"));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(run.stderr.contains("picked 20 of 300,000 rows"), "{}", run.stderr);
    }
    let run = dir.shell("ulimit -d 20000; exec \"$SUBSEL\" select large.npy -n 20 -m gram-schmidt --threads 2 --force");
    assert_eq!(run.code, Some(1), "a tighter limit is seen beforehand: {}", run.stderr);
    assert!(run.stderr.contains("(half of what is available)"), "{}", run.stderr);
}

/// Waits until the program listens for SIGINT: the bit of signal 2 among those it catches.
fn wait_for_handler(pid: Pid) {
    let status = format!("/proc/{}/status", pid.as_raw_nonzero());
    for _ in 0..10_000 {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0").trim();
        if u64::from_str_radix(caught, 16).is_ok_and(|caught| caught & 0b10 != 0) {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Starts a selection that would take long, and interrupts it after a while.
fn interrupt(dir: &Dir, args: &str, after: Duration) -> Run {
    let child = dir.command(args).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    let pid = Pid::from_child(&child);
    wait_for_handler(pid);
    std::thread::sleep(after);
    kill_process(pid, Signal::INT).expect("the program still runs");
    Run::of(child.wait_with_output().expect("the program ends"))
}

#[test]
fn an_interrupted_nested_method_writes_its_prefix() {
    let dir = Dir::with_pool(30_000, 32);
    // On a slow machine there may be no pick yet: then nothing is written, and it is tried again later.
    for tenths in [4, 10, 30, 90] {
        let run =
            interrupt(&dir, "select pool.npy -n 30000 -m k-center:driver=full", Duration::from_millis(tenths * 100));
        assert_eq!(run.code, Some(130), "{}", run.stderr);
        if !dir.path("picks.csv").exists() {
            assert_eq!((run.stderr.as_str(), dir.names()), ("error: interrupted\n", vec!["pool.npy".to_owned()]));
            continue;
        }
        assert!(run.stderr.contains("warning: interrupted: these are the first "), "{}", run.stderr);
        let manifest: Value = serde_json::from_str(&dir.read("picks.manifest.json")).expect("the manifest is JSON");
        assert_eq!(manifest["complete"], false);
        let picks = dir.column("picks.csv", "row");
        assert_eq!(manifest["budgets"][0]["picks"], picks.len());
        dir.ok(&format!("select pool.npy -n {} -m k-center -o whole.csv", picks.len()));
        assert_eq!(dir.column("whole.csv", "row"), picks, "the prefix is the answer for that many");
        return;
    }
    panic!("not one pick within nine seconds");
}

#[test]
fn an_interrupted_method_that_is_not_nested_writes_nothing() {
    let dir = Dir::with_pool(60_000, 64);
    let run = interrupt(&dir, "select pool.npy -n 9000 -m k-means-centers", Duration::from_millis(400));
    assert_eq!((run.code, run.stderr.as_str()), (Some(130), "error: interrupted\n"));
    assert_eq!(dir.names(), ["pool.npy"]);
}
