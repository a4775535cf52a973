//! The library gives the picks that `same_picks.json` has; the Python package and the program in it are held to the same
//! file by `crates/python/tests/test_select.py`.

use serde_json::Value;
use subsel::{Context, Pool, Settings, parse_method, select};
use subsel_formats::MemorySource;

#[test]
fn the_library_gives_the_picks_that_everybody_gives() {
    let golden: Value = serde_json::from_str(include_str!("same_picks.json")).unwrap_or_else(|error| panic!("{error}"));
    let number = |name: &str| golden[name].as_u64().unwrap_or_else(|| panic!("no {name}"));
    let values: Vec<f32> = (0..1200_u64).map(|i| ((7 * i * i + 13 * i) % 1009) as f32).collect();
    let source = MemorySource::new(values, 6).unwrap_or_else(|error| panic!("{error}"));
    let hashes = golden["hashes"].as_object().unwrap_or_else(|| panic!("no hashes"));
    assert!(hashes.len() >= 5);
    for (text, hash) in hashes {
        let method = parse_method(text).unwrap_or_else(|error| panic!("{error}"));
        let settings = Settings { seed: number("seed"), ..Settings::default() };
        let mut ctx = Context::new(&settings).unwrap_or_else(|error| panic!("{error}"));
        let found = select(&*method, &Pool::new(&source), number("picks") as usize, &mut ctx);
        let found = found.unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(Some(found.picks_hash().as_str()), hash.as_str(), "{text}");
    }
}
