//! Comparing groups, as a baseline table does: summaries, tests of location, of shape and of proportions.
//!
//! Samples are slices without undefined values: leave those out before and say how many there were.

mod contingency;
mod error;
mod fisher;
mod multiplicity;
mod rank_sum;
mod shapiro_wilk;
mod summary;
mod t_test;

pub use contingency::{ChiSquareTest, chi_square_test, standardised_difference_of_levels};
pub use error::CompareError;
pub use fisher::{OddsRatio, fisher_exact, fisher_odds_ratio};
pub use multiplicity::{benjamini_hochberg, holm};
pub use rank_sum::{KruskalWallis, RankSum, RankSumMethod, kruskal_wallis, rank_sum_test};
pub use shapiro_wilk::{ShapiroWilk, shapiro_wilk};
pub use summary::{Summary, quantile, standardised_difference, summarise};
pub use t_test::{TTest, Variances, t_test, variance_ratio_p};
