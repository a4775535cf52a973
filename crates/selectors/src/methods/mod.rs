//! One folder per method.

pub mod ccs;
pub mod cluster_balanced;
pub mod d2;
pub mod dcom;
pub mod facility_location;
pub mod gram_schmidt;
pub mod graph_cut;
pub mod k_center;
pub mod k_means_centers;
pub mod k_means_pp;
pub mod kernel_herding;
pub mod log_det;
pub mod max_herding;
pub mod moderate;
pub mod norm;
pub mod prob_cover;
pub mod prototypicality;
pub mod random;
pub mod semdedup;
pub mod stratified;
pub mod then;
pub mod typiclust;
pub mod u_herding;
pub mod wasserstein;
pub mod zcore;
