//! The one list of methods. Whatever is registered here is in the grammar, in `subsel methods`, in the plan and under
//! the tests that every method must pass.

use crate::method::{Entry, Selector, build};
use crate::methods::{
    gram_schmidt::GramSchmidt, k_center::KCenter, k_means_pp::KMeansPp, norm::Norm, random::Random, stratified::Stratified,
};

/// All methods, in the order in which they are listed.
pub fn all() -> &'static [Entry] {
    const ALL: &[Entry] = &[
        Entry { info: &crate::methods::random::INFO, build: build::<Random> },
        Entry { info: &crate::methods::stratified::INFO, build: build::<Stratified> },
        Entry { info: &crate::methods::norm::INFO, build: build::<Norm> },
        Entry { info: &crate::methods::gram_schmidt::INFO, build: build::<GramSchmidt> },
        Entry { info: &crate::methods::k_center::INFO, build: build::<KCenter> },
        Entry { info: &crate::methods::k_means_pp::INFO, build: build::<KMeansPp> },
    ];
    ALL
}

/// The method of this name or alias.
pub fn find(name: &str) -> Option<&'static Entry> {
    all().iter().find(|entry| entry.info.name == name || entry.info.aliases.contains(&name))
}

/// The default method for a budget, and why, in one line.
pub fn default_for(budget: usize, candidates: usize) -> (Box<dyn Selector>, &'static str) {
    let _ = (budget, candidates);
    (Box::new(GramSchmidt::default()), "placeholder until k-means-centers lands")
}
