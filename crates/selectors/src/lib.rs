//! subsel
