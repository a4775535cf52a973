//! The same picks for any number of threads, block size, instruction set and storage.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::support::{Dir, Run};

/// Methods that every pool can be given to, and chains of them.
fn methods(dir: &Dir) -> Vec<String> {
    let listed = dir.json("methods --json");
    let all = listed["methods"].as_array().expect("a list");
    let free = all.iter().filter(|method| method["needs"] == "");
    let name = |method: &Value| method["name"].as_str().expect("a name").to_owned();
    free.map(name).chain(["gram-schmidt:pick=largest".into(), "k-center+norm".into()]).collect()
}

#[test]
fn threads_blocks_and_instruction_sets_change_no_pick() {
    let dir = Dir::with_pool(5000, 12);
    let (methods, next) = (methods(&dir), AtomicUsize::new(0));
    let check = |method: &str, output: usize| {
        let select = format!("select pool.npy -n 40 -m {method} --seed 3 -o {output}.npy --json --force --quiet");
        let hash = |options: &str| dir.json(&format!("{select} {options}"))["picks_hash"].clone();
        let expected = hash("--threads 1");
        for options in ["--threads 2", "--threads 3 --block-rows 1000", "--block-rows 17", "--block-rows 4096"] {
            assert_eq!(hash(options), expected, "{method} with {options}");
        }
        for isa in ["scalar", "avx2", "avx512", "avx512-vnni"] {
            let run = Run::of(dir.command(&select).env("SUBSEL_ISA", isa).output().expect("the program starts"));
            if run.code == Some(2) && run.stderr.contains("this processor has no") {
                continue;
            }
            let summary: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr));
            assert_eq!((&summary["picks_hash"], summary["isa"].as_str()), (&expected, Some(isa)), "{method}");
        }
    };
    // Methods share the cores: most runs use one.
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let mut at = next.fetch_add(1, Ordering::Relaxed);
                while let Some(method) = methods.get(at) {
                    check(method, at);
                    at = next.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
}

#[test]
fn storage_changes_no_pick_and_no_fingerprint() {
    let dir = Dir::with_pool(2000, 12);
    let facts = |pool: &str| {
        let summary = dir.json(&format!("select {pool} -n 30 -m gram-schmidt -o picks.npy --force --json --quiet"));
        (summary["picks_hash"].clone(), summary["fingerprint"].clone())
    };
    let expected = facts("pool.npy");
    for name in ["pool.parquet", "pool.safetensors", "pool.arrow", "pool.csv"] {
        dir.ok(&format!("convert pool.npy {name}"));
        assert_eq!(facts(name), expected, "{name}");
    }
}

#[test]
fn an_instruction_set_that_is_none_is_refused() {
    let dir = Dir::with_pool(10, 4);
    let run =
        Run::of(dir.command("select pool.npy -n 2").env("SUBSEL_ISA", "neon").output().expect("the program starts"));
    let expected = "error: SUBSEL_ISA: instruction set must be scalar, avx2, avx512 or avx512-vnni, got `neon`\n";
    assert_eq!((run.code, run.stderr.as_str()), (Some(2), expected));
}
