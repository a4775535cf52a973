//! Arbitrary bytes as a `.parquet` pool, side file and source of rows.
#![no_main]

libfuzzer_sys::fuzz_target!(init: subsel_fuzz::init(), |bytes: &[u8]| subsel_fuzz::read("parquet", bytes));
