//! Who trains and who tests: repeated stratified k-fold, an external centre, and folds given from outside.
//!
//! # Symbols
//! `n` patients in play, `k` folds, `R` repeats. Split `r{i}f{j}` tests on fold `j` of repeat `i` (both from 1) and trains on the other
//! folds; `external` trains on all patients of the other centres and tests on the external centre, whose patients are in no k-fold split.
//!
//! # Dealing
//! Patients fall into strata by site and by the event flags of all endpoints. Strata are walked by site, then in Gray-code order of the
//! flags; each is shuffled with ChaCha8 keyed by (seed, repeat) and dealt to the folds in turn, and the next stratum continues where the
//! last one stopped. Therefore fold sizes differ by at most 1, and so do a stratum's counts; Gray code makes the strata with an event
//! neighbours for up to two endpoints, so with one site the event counts of each of two endpoints differ by at most 1 as well.
//!
//! # Differs from
//! scikit-learn `RepeatedStratifiedKFold` (one label, another generator: equal in law, not in rows).

use crate::keyed::Keyed;
use crate::roster::Roster;
use std::collections::BTreeMap;
use thiserror::Error;

/// What the strata are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stratum {
    /// The event flags of all endpoints jointly.
    Event,
    /// The centre.
    Site,
}

/// How a study divides its patients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitScheme {
    /// Folds of each repeat, at least 2; 0 (with 0 repeats) for the external split alone.
    pub kfold: usize,
    /// Repeats of the k-fold division.
    pub repeats: usize,
    /// The centre held out as a whole, if any.
    pub external: Option<String>,
    /// What is balanced over the folds.
    pub stratify: Vec<Stratum>,
    /// Seed of the shuffles.
    pub seed: u64,
}

/// Event flags of one endpoint, one per roster row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointEvents {
    /// Endpoint, such as `dfs`.
    pub endpoint: String,
    /// Whether the event was seen.
    pub event: Vec<bool>,
}

/// Training and test rows of one split, each ascending, without a common row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows that a fit may read.
    pub train: Vec<usize>,
    /// Rows that a score is taken from.
    pub test: Vec<usize>,
}

/// A split under its axis value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSplit {
    /// `r1f1` … or `external`.
    pub name: String,
    /// Its rows.
    pub split: Split,
}

/// Why a scheme does not divide these patients.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SplitError {
    /// Folds and repeats make no sense together.
    #[error(
        "{kfold} folds with {repeats} repeats: folds must be at least 2 and repeats at least 1, or both 0 with an external site"
    )]
    Folds {
        /// Folds asked for.
        kfold: usize,
        /// Repeats asked for.
        repeats: usize,
    },
    /// An endpoint's flags are not one per roster row.
    #[error("endpoint {endpoint} has {flags} event flags for {patients} patients")]
    Length {
        /// Endpoint.
        endpoint: String,
        /// Flags given.
        flags: usize,
        /// Roster rows.
        patients: usize,
    },
    /// The external centre has no patient.
    #[error("external site {site} has no patient")]
    UnknownExternal {
        /// Centre.
        site: String,
    },
    /// Nobody is left to train on.
    #[error("all {patients} patients are of external site {site}")]
    OnlyExternal {
        /// Centre.
        site: String,
        /// Roster rows.
        patients: usize,
    },
    /// Fewer patients than folds.
    #[error("{patients} patients for {kfold} folds")]
    TooFewPatients {
        /// Patients in play.
        patients: usize,
        /// Folds asked for.
        kfold: usize,
    },
    /// Fewer events than folds: some fold would test on none.
    #[error("endpoint {endpoint} has {events} events for {kfold} folds")]
    TooFewEvents {
        /// Endpoint.
        endpoint: String,
        /// Events among the patients in play.
        events: usize,
        /// Folds asked for.
        kfold: usize,
    },
    /// Enough events in all, yet a fold got none (three or more endpoints, several sites, or no event stratum).
    #[error("split {split} tests on no event of endpoint {endpoint}")]
    FoldWithoutEvent {
        /// Split.
        split: String,
        /// Endpoint.
        endpoint: String,
    },
    /// Given folds leave a number out.
    #[error("fold {fold} of 1 to {largest} has no patient")]
    EmptyFold {
        /// The fold without patients.
        fold: usize,
        /// Largest fold number given.
        largest: usize,
    },
    /// Given folds are one, or start at 0.
    #[error("folds must be numbered from 1 and be at least 2, row {row} has {fold}")]
    FoldNumber {
        /// Row, counted from 0.
        row: usize,
        /// Its fold.
        fold: usize,
    },
}

impl SplitScheme {
    /// All splits of the scheme, in order `r1f1` … `r{R}f{k}`, `external`.
    ///
    /// # Errors
    /// See [`SplitError`]; nothing is divided when any endpoint has fewer events than folds.
    pub fn divide(
        &self,
        roster: &Roster,
        endpoints: &[EndpointEvents],
    ) -> Result<Vec<NamedSplit>, SplitError> {
        self.check(roster, endpoints)?;
        let is_external = |row: &usize| self.external.as_ref() == Some(&roster.rows()[*row].site);
        let (outside, inside): (Vec<usize>, Vec<usize>) = (0..roster.len()).partition(is_external);
        self.check_external(&outside, &inside)?;
        let mut splits = Vec::new();
        if self.kfold > 0 {
            check_counts(self.kfold, &inside, endpoints)?;
            let strata = self.strata(roster, endpoints, &inside);
            for repeat in 1..=self.repeats {
                splits.extend(deal(&strata, self.kfold, self.seed, repeat));
            }
            check_events(&splits, endpoints)?;
        }
        if self.external.is_some() {
            splits.push(NamedSplit {
                name: "external".to_string(),
                split: Split {
                    train: inside,
                    test: outside,
                },
            });
        }
        Ok(splits)
    }

    fn check(&self, roster: &Roster, endpoints: &[EndpointEvents]) -> Result<(), SplitError> {
        let only_external = self.kfold == 0 && self.repeats == 0 && self.external.is_some();
        if !only_external && (self.kfold < 2 || self.repeats == 0) {
            return Err(SplitError::Folds {
                kfold: self.kfold,
                repeats: self.repeats,
            });
        }
        for EndpointEvents { endpoint, event } in endpoints {
            if event.len() != roster.len() {
                return Err(SplitError::Length {
                    endpoint: endpoint.clone(),
                    flags: event.len(),
                    patients: roster.len(),
                });
            }
        }
        Ok(())
    }

    fn check_external(&self, outside: &[usize], inside: &[usize]) -> Result<(), SplitError> {
        match &self.external {
            Some(site) if outside.is_empty() => {
                Err(SplitError::UnknownExternal { site: site.clone() })
            }
            Some(site) if inside.is_empty() => Err(SplitError::OnlyExternal {
                site: site.clone(),
                patients: outside.len(),
            }),
            _ => Ok(()),
        }
    }

    /// Rows of each stratum, strata by site and then by the Gray-code rank of the flags.
    fn strata(
        &self,
        roster: &Roster,
        endpoints: &[EndpointEvents],
        rows: &[usize],
    ) -> Vec<Vec<usize>> {
        let by_site = self.stratify.contains(&Stratum::Site);
        let by_event = self.stratify.contains(&Stratum::Event);
        let mut strata: BTreeMap<(&str, Vec<bool>), Vec<usize>> = BTreeMap::new();
        for &row in rows {
            let site = if by_site {
                roster.rows()[row].site.as_str()
            } else {
                ""
            };
            let flags = endpoints.iter().map(|endpoint| endpoint.event[row]);
            let rank = if by_event {
                gray_rank(flags)
            } else {
                Vec::new()
            };
            strata.entry((site, rank)).or_default().push(row);
        }
        strata.into_values().collect()
    }
}

/// One split per fold from folds given from outside: `fold[row]` is 1 … k; names are `r1f1` … `r1fk`.
///
/// # Errors
/// A fold number of 0, only one fold, or a number between 1 and k that nobody has.
pub fn given_folds(fold: &[usize]) -> Result<Vec<NamedSplit>, SplitError> {
    let largest = fold.iter().copied().max().unwrap_or(0);
    let unusable = |&row: &usize| fold[row] == 0 || largest < 2;
    if let Some(row) = (0..fold.len()).find(unusable) {
        return Err(SplitError::FoldNumber {
            row,
            fold: fold[row],
        });
    }
    if fold.is_empty() {
        return Err(SplitError::TooFewPatients {
            patients: 0,
            kfold: 2,
        });
    }
    (1..=largest)
        .map(|wanted| {
            let (test, train): (Vec<usize>, Vec<usize>) =
                (0..fold.len()).partition(|&row| fold[row] == wanted);
            if test.is_empty() {
                return Err(SplitError::EmptyFold {
                    fold: wanted,
                    largest,
                });
            }
            Ok(NamedSplit {
                name: format!("r1f{wanted}"),
                split: Split { train, test },
            })
        })
        .collect()
}

fn check_counts(
    kfold: usize,
    rows: &[usize],
    endpoints: &[EndpointEvents],
) -> Result<(), SplitError> {
    if rows.len() < kfold {
        return Err(SplitError::TooFewPatients {
            patients: rows.len(),
            kfold,
        });
    }
    for EndpointEvents { endpoint, event } in endpoints {
        let events = rows.iter().filter(|&&row| event[row]).count();
        if events < kfold {
            return Err(SplitError::TooFewEvents {
                endpoint: endpoint.clone(),
                events,
                kfold,
            });
        }
    }
    Ok(())
}

fn check_events(splits: &[NamedSplit], endpoints: &[EndpointEvents]) -> Result<(), SplitError> {
    for NamedSplit { name, split } in splits {
        for EndpointEvents { endpoint, event } in endpoints {
            if !split.test.iter().any(|&row| event[row]) {
                return Err(SplitError::FoldWithoutEvent {
                    split: name.clone(),
                    endpoint: endpoint.clone(),
                });
            }
        }
    }
    Ok(())
}

/// Deals shuffled strata to the folds in turn and writes the splits of one repeat.
fn deal(strata: &[Vec<usize>], kfold: usize, seed: u64, repeat: usize) -> Vec<NamedSplit> {
    let mut keyed = Keyed::new(seed, "split/v1", &[&repeat.to_string()]);
    let mut fold_of: BTreeMap<usize, usize> = BTreeMap::new();
    for stratum in strata {
        let mut rows = stratum.clone();
        keyed.shuffle(&mut rows);
        for row in rows {
            let next = fold_of.len() % kfold;
            fold_of.insert(row, next);
        }
    }
    let split = |fold: usize| {
        let (test, train): (Vec<usize>, Vec<usize>) =
            fold_of.keys().partition(|&row| fold_of[row] == fold);
        Split { train, test }
    };
    (0..kfold)
        .map(|fold| NamedSplit {
            name: format!("r{repeat}f{}", fold + 1),
            split: split(fold),
        })
        .collect()
}

/// The position of `flags` in the reflected Gray code, most significant bit first: each bit is the parity of the flags up to it.
fn gray_rank(flags: impl Iterator<Item = bool>) -> Vec<bool> {
    flags
        .scan(false, |parity, flag| {
            *parity ^= flag;
            Some(*parity)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::roster::RosterRow;

    fn roster(sizes: &[(&str, usize)]) -> Roster {
        let of_site = |(site, n): &(&str, usize)| {
            let site = site.to_string();
            (0..*n)
                .map(move |i| RosterRow {
                    site: site.clone(),
                    patient_id: format!("{i:04}"),
                })
                .collect::<Vec<_>>()
        };
        Roster::new(sizes.iter().flat_map(of_site).collect()).unwrap()
    }

    fn endpoint(endpoint: &str, event: Vec<bool>) -> EndpointEvents {
        EndpointEvents {
            endpoint: endpoint.to_string(),
            event,
        }
    }

    fn random_endpoints(seed: u64, n: usize) -> Vec<EndpointEvents> {
        let mut keyed = Keyed::new(seed, "test flags", &[]);
        let dfs: Vec<bool> = (0..n).map(|_| keyed.uniform() < 0.4).collect();
        let os = dfs
            .iter()
            .map(|dfs| *dfs && keyed.uniform() < 0.7)
            .collect();
        vec![endpoint("dfs", dfs), endpoint("os", os)]
    }

    fn scheme(kfold: usize, repeats: usize, external: Option<&str>, seed: u64) -> SplitScheme {
        SplitScheme {
            kfold,
            repeats,
            external: external.map(str::to_string),
            stratify: vec![Stratum::Event, Stratum::Site],
            seed,
        }
    }

    fn spread(counts: impl Iterator<Item = usize> + Clone) -> usize {
        counts.clone().max().unwrap() - counts.min().unwrap()
    }

    #[test]
    fn every_repeat_partitions_and_balances() {
        for seed in 0..60 {
            let n = 40 + 7 * seed as usize;
            let kfold = 2 + seed as usize % 5;
            let roster = roster(&[("c1", n), ("c2", 12)]);
            let endpoints = random_endpoints(seed, n + 12);
            let splits = scheme(kfold, 3, Some("c2"), seed)
                .divide(&roster, &endpoints)
                .unwrap();
            assert_eq!(splits.len(), 3 * kfold + 1);
            for repeat in splits[..3 * kfold].chunks(kfold) {
                let mut tested: Vec<usize> =
                    repeat.iter().flat_map(|s| s.split.test.clone()).collect();
                tested.sort_unstable();
                assert_eq!(tested, (0..n).collect::<Vec<_>>());
                for s in repeat {
                    let mut all = [s.split.train.clone(), s.split.test.clone()].concat();
                    assert!(s.split.train.is_sorted() && s.split.test.is_sorted());
                    all.sort_unstable();
                    assert_eq!(all, tested);
                }
                assert!(spread(repeat.iter().map(|s| s.split.test.len())) <= 1);
                for e in &endpoints {
                    let events =
                        |s: &NamedSplit| s.split.test.iter().filter(|&&r| e.event[r]).count();
                    assert!(spread(repeat.iter().map(events)) <= 1, "{}", e.endpoint);
                }
            }
            let external = &splits[3 * kfold];
            assert_eq!(external.name, "external");
            assert_eq!(external.split.train, (0..n).collect::<Vec<_>>());
            assert_eq!(external.split.test, (n..n + 12).collect::<Vec<_>>());
        }
    }

    #[test]
    fn sites_are_balanced_too() {
        let roster = roster(&[("a", 23), ("b", 31)]);
        let splits = scheme(5, 2, None, 3)
            .divide(&roster, &random_endpoints(3, 54))
            .unwrap();
        assert_eq!(splits[0].name, "r1f1");
        assert_eq!(splits[9].name, "r2f5");
        for repeat in splits.chunks(5) {
            let of_a = |s: &NamedSplit| s.split.test.iter().filter(|&&row| row < 23).count();
            assert!(spread(repeat.iter().map(of_a)) <= 1);
        }
    }

    #[test]
    fn seed_and_repeat_matter_and_nothing_else_does() {
        let roster = roster(&[("c1", 50)]);
        let endpoints = random_endpoints(1, 50);
        let divide = |repeats, seed| {
            scheme(5, repeats, None, seed)
                .divide(&roster, &endpoints)
                .unwrap()
        };
        assert_eq!(divide(2, 9), divide(3, 9)[..10]);
        assert_ne!(divide(1, 9), divide(1, 10));
        assert_ne!(divide(2, 9)[0].split, divide(2, 9)[5].split);
    }

    #[test]
    fn what_cannot_be_divided_is_named() {
        let roster = roster(&[("c1", 10), ("c2", 4)]);
        let few = |n: usize| vec![endpoint("dfs", (0..14).map(|i| i < n).collect())];
        let said =
            |s: SplitScheme, e: &[EndpointEvents]| s.divide(&roster, e).unwrap_err().to_string();
        assert_eq!(
            said(scheme(5, 1, Some("c2"), 0), &few(4)),
            "endpoint dfs has 4 events for 5 folds"
        );
        assert_eq!(
            said(scheme(12, 1, Some("c2"), 0), &few(14)),
            "10 patients for 12 folds"
        );
        assert_eq!(
            said(scheme(5, 1, Some("c3"), 0), &few(9)),
            "external site c3 has no patient"
        );
        assert!(said(scheme(1, 1, None, 0), &few(9)).starts_with("1 folds with 1 repeats"));
        assert!(said(scheme(0, 0, None, 0), &few(9)).starts_with("0 folds with 0 repeats"));
        assert_eq!(
            said(scheme(2, 1, None, 0), &[endpoint("os", vec![true])]),
            "endpoint os has 1 event flags for 14 patients"
        );
        let unstratified = SplitScheme {
            stratify: vec![],
            ..scheme(7, 40, None, 0)
        };
        assert!(said(unstratified, &few(7)).contains("tests on no event of endpoint dfs"));
        let only = scheme(0, 0, Some("c2"), 0)
            .divide(&roster, &few(0))
            .unwrap();
        assert_eq!(only.len(), 1);
    }

    #[test]
    fn given_folds_are_taken_as_they_are() {
        let splits = given_folds(&[2, 1, 2, 3]).unwrap();
        assert_eq!(splits[1].name, "r1f2");
        assert_eq!(splits[1].split.test, [0, 2]);
        assert_eq!(splits[1].split.train, [1, 3]);
        assert!(matches!(
            given_folds(&[1, 3]),
            Err(SplitError::EmptyFold {
                fold: 2,
                largest: 3
            })
        ));
        assert!(matches!(
            given_folds(&[1, 2, 0]),
            Err(SplitError::FoldNumber { row: 2, fold: 0 })
        ));
        assert!(given_folds(&[1, 1]).is_err() && given_folds(&[]).is_err());
    }

    #[test]
    fn gray_code_puts_events_of_two_endpoints_side_by_side() {
        let order = [[false, false], [false, true], [true, true], [true, false]];
        let ranks: Vec<_> = order.map(|flags| gray_rank(flags.into_iter())).to_vec();
        assert!(ranks.is_sorted());
    }
}
