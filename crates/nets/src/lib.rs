//! Networks: features learned without labels, proxies, and training on what was selected.
