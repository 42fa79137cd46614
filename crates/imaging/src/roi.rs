//! Peritumoural ring.
