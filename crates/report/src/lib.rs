//! Pages and plots: what a selection or a comparison looks like.
