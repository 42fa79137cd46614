//! Gene sets among the genes found.

use crate::error::ExpressionError;

/// One gene set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OverRepresentation {
    /// Genes of the set that were measured.
    pub size: usize,
    /// Of these, how many were found.
    pub overlap: usize,
    /// Probability of at least as many by chance.
    pub p: f64,
}

/// Hypergeometric test of `overlap` found genes in a set of `size` measured ones, when `found` of `universe` measured genes
/// were found.
///
/// # Formula
/// p = Σ_{k ≥ overlap} C(size, k) C(universe − size, found − k) / C(universe, found)
///
/// The universe is what was measured, never all genes there are: a gene that could not be found says nothing.
///
/// # Errors
/// Counts that do not fit into each other.
/// # Agrees with
/// R 4.2 `phyper(lower.tail = FALSE)`, 1e-9, tests/parity.rs
pub fn over_representation(
    overlap: usize,
    size: usize,
    found: usize,
    universe: usize,
) -> Result<OverRepresentation, ExpressionError> {
    let fits = |what, len: usize, expected: usize| match len <= expected {
        true => Ok(()),
        false => Err(ExpressionError::Size {
            what,
            len,
            expected,
        }),
    };
    fits("genes of the set beyond the universe", size, universe)?;
    fits("genes found beyond the universe", found, universe)?;
    fits(
        "overlap beyond the set or the genes found",
        overlap,
        size.min(found),
    )?;
    let least = (size + found).saturating_sub(universe);
    if overlap <= least {
        return Ok(OverRepresentation {
            size,
            overlap,
            p: 1.0,
        });
    }
    let choose = |n: usize, k: usize| {
        let f = |x: usize| libm::lgamma(x as f64 + 1.0);
        f(n) - f(k) - f(n - k)
    };
    let mut term = libm::exp(
        choose(size, overlap) + choose(universe - size, found - overlap) - choose(universe, found),
    );
    let mut p = term;
    for k in overlap..size.min(found) {
        let up = (size - k) as f64 * (found - k) as f64;
        let down = (k + 1) as f64 * (universe + k + 1 - size - found) as f64;
        term *= up / down;
        p += term;
    }
    Ok(OverRepresentation {
        size,
        overlap,
        p: p.min(1.0),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn small_tables_by_hand() {
        // two of two found among a set of three in a universe of five: C(3,2)/C(5,2)
        assert!((over_representation(2, 3, 2, 5).unwrap().p - 0.3).abs() < 1e-15);
        assert_eq!(over_representation(0, 3, 2, 5).unwrap().p, 1.0);
        assert!(over_representation(3, 3, 2, 5).is_err());
        assert!(over_representation(1, 9, 2, 5).is_err());
    }
}
