//! Selection via proxy (Coleman et al. 2020): a small model, trained quickly, chooses the data that a large one learns
//! from.
