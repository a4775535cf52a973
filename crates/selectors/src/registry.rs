//! The one list of methods. Whatever is registered here is in the grammar, in `subsel methods`, in the plan and under
//! the tests that every method must pass.

use crate::method::{Entry, build};
use crate::methods::{
    badge::Badge,
    ccs::Ccs,
    cluster_balanced::ClusterBalanced,
    d2::D2,
    dcom::Dcom,
    facility_location::FacilityLocation,
    gram_schmidt::GramSchmidt,
    graph_cut::GraphCut,
    k_center::KCenter,
    k_means_centers::KMeansCenters,
    k_means_pp::KMeansPp,
    kernel_herding::KernelHerding,
    log_det::LogDet,
    max_herding::MaxHerding,
    moderate::Moderate,
    norm::Norm,
    prob_cover::ProbCover,
    prototypicality::Prototypicality,
    random::Random,
    semdedup::SemDeDup,
    stratified::Stratified,
    top_score::TopScore,
    typiclust::TypiClust,
    u_herding::UHerding,
    uncertainty::{Entropy, LeastConfidence, Margin},
    wasserstein::Wasserstein,
    zcore::ZCore,
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
        Entry { info: &crate::methods::k_means_centers::INFO, build: build::<KMeansCenters> },
        Entry { info: &crate::methods::typiclust::INFO, build: build::<TypiClust> },
        Entry { info: &crate::methods::cluster_balanced::INFO, build: build::<ClusterBalanced> },
        Entry { info: &crate::methods::prototypicality::INFO, build: build::<Prototypicality> },
        Entry { info: &crate::methods::moderate::INFO, build: build::<Moderate> },
        Entry { info: &crate::methods::semdedup::INFO, build: build::<SemDeDup> },
        Entry { info: &crate::methods::top_score::INFO, build: build::<TopScore> },
        Entry { info: &crate::methods::ccs::INFO, build: build::<Ccs> },
        Entry { info: &crate::methods::d2::INFO, build: build::<D2> },
        Entry { info: &crate::methods::zcore::INFO, build: build::<ZCore> },
        Entry { info: &crate::methods::uncertainty::LEAST_CONFIDENCE, build: build::<LeastConfidence> },
        Entry { info: &crate::methods::uncertainty::MARGIN, build: build::<Margin> },
        Entry { info: &crate::methods::uncertainty::ENTROPY, build: build::<Entropy> },
        Entry { info: &crate::methods::badge::INFO, build: build::<Badge> },
        Entry { info: &crate::methods::prob_cover::INFO, build: build::<ProbCover> },
        Entry { info: &crate::methods::dcom::INFO, build: build::<Dcom> },
        Entry { info: &crate::methods::max_herding::INFO, build: build::<MaxHerding> },
        Entry { info: &crate::methods::u_herding::INFO, build: build::<UHerding> },
        Entry { info: &crate::methods::facility_location::INFO, build: build::<FacilityLocation> },
        Entry { info: &crate::methods::graph_cut::INFO, build: build::<GraphCut> },
        Entry { info: &crate::methods::kernel_herding::INFO, build: build::<KernelHerding> },
        Entry { info: &crate::methods::log_det::INFO, build: build::<LogDet> },
        Entry { info: &crate::methods::wasserstein::INFO, build: build::<Wasserstein> },
    ];
    ALL
}

/// The method of this name or alias.
pub fn find(name: &str) -> Option<&'static Entry> {
    all().iter().find(|entry| entry.info.name == name || entry.info.aliases.contains(&name))
}
