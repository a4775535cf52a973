//! The real program in fresh directories.

mod advise;
mod bad_input;
mod commands;
mod compare;
mod constraints;
mod images;
mod judge;
mod limits;
mod proxy;
mod quickstart;
mod readme;
mod report;
mod same_picks;
mod scores;
mod select;
mod side_files;
mod support;
mod tools;
mod train;
mod verify;
