//! Gene expression of the third centre: counts in which the risk groups differ as planted, and gene sets that hold the planted genes.
//!
//! # Formula
//! Gene g has a mean count `m_g = max(exp(N(μ, σ²)), m_min)` and a dispersion φ_g uniform in its range; sample s has a library factor
//! `l_s = exp(N(0, σ_l²))`. The count is Poisson of `l_s m_g 2^{f_g} Γ(1/φ_g, φ_g)`, which is negative binomial with variance μ + φ μ²;
//! `f_g` is the planted log2 fold change where the sample's group is at high risk, else 0. A gene with less expression at high risk has
//! its mean raised so that neither group is below `m_min`. Counts whose group means contradict the plan by chance (at 27 a group about one
//! gene in a thousand) are drawn again, so that the number of genes that differ is exact.

use std::fmt::Write as _;

use super::biology::{Biology, BiologySpec, PlantedSpec, SynthEndpoint};
use super::random::{gamma, poisson};
use super::spec::SynthSpec;
use crate::keyed::Keyed;

/// Draws of a gene's counts, of which the last is taken as it is.
const ATTEMPTS: usize = 50;
/// Groups of a planted gene differ by more than this …
const LOG2_FOLD_CLEAR: f64 = 1.3;
/// … and those of another gene by less than this, so that a threshold of 1 divides them whatever is done about library sizes.
const LOG2_FOLD_ABSENT: f64 = 0.75;

/// Counts, genes in rows and samples in columns, and what was planted in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// Gene names, by row.
    pub genes: Vec<String>,
    /// Sample names, by column: the patients of the third centre.
    pub samples: Vec<String>,
    /// Counts, row by row.
    pub counts: Vec<u32>,
    /// Planted genes by (endpoint, gene).
    pub planted: Vec<PlantedGene>,
    /// Gene sets: the planted ones first, then others by name.
    pub sets: Vec<GeneSet>,
}

/// A gene that one endpoint's risk groups express differently.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlantedGene {
    /// Whose groups.
    pub endpoint: SynthEndpoint,
    /// Row.
    pub gene: usize,
    /// Log2 of expression at high risk over expression at low risk.
    pub log2_fold: f64,
}

/// A named set of genes.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneSet {
    /// Its name; all of them begin with `SYN_`.
    pub name: String,
    /// Rows of its genes, ascending.
    pub genes: Vec<usize>,
    /// The endpoint whose planted genes it holds more of than chance; `None` for a set drawn from all genes.
    pub planted: Option<SynthEndpoint>,
}

/// Draws the expression of the third centre's patients: a pure function of its arguments. Genes, folds and sets do not depend on the
/// patients, only counts do.
#[must_use]
pub fn expression(spec: &SynthSpec, seed: u64, patients: &Biology) -> Expression {
    let draw = Draw {
        spec: &spec.biology,
        schema: spec.schema,
        seed,
    };
    let genes: Vec<String> = (1..=draw.spec.n_genes)
        .map(|g| format!("SYNG{g:05}"))
        .collect();
    let planted = draw.planted();
    let mut effect: Vec<Option<PlantedGene>> = vec![None; genes.len()];
    for gene in &planted {
        effect[gene.gene] = Some(*gene);
    }
    let samples: Vec<String> = patients
        .patients
        .iter()
        .map(|p| p.patient_id.clone())
        .collect();
    let library: Vec<f64> = samples
        .iter()
        .map(|sample| {
            let normal = draw.keyed(&["library", sample]).normal();
            libm::exp(draw.spec.log_library_sd * normal)
        })
        .collect();
    let row = |(name, effect): (&String, &Option<PlantedGene>)| -> Vec<u32> {
        draw.counts(name, *effect, &library, patients)
    };
    Expression {
        counts: genes.iter().zip(&effect).flat_map(row).collect(),
        sets: draw.sets(&planted),
        genes,
        samples,
        planted,
    }
}

struct Draw<'a> {
    spec: &'a BiologySpec,
    schema: &'a str,
    seed: u64,
}

impl Draw<'_> {
    fn keyed(&self, parts: &[&str]) -> Keyed {
        let parts: Vec<&str> = std::iter::once("expression")
            .chain(parts.iter().copied())
            .collect();
        Keyed::new(self.seed, self.schema, &parts)
    }

    /// Which genes differ between the groups of which endpoint, and by how much.
    fn planted(&self) -> Vec<PlantedGene> {
        let mut order: Vec<usize> = (0..self.spec.n_genes).collect();
        self.keyed(&["planted"]).shuffle(&mut order);
        let mut order = order.into_iter();
        let mut planted = Vec::new();
        for endpoint in SynthEndpoint::ALL {
            let PlantedSpec { n_up, n_down, .. } = *self.spec.planted(endpoint);
            let mut keyed = self.keyed(&["folds", endpoint.as_str()]);
            let [least, most] = self.spec.abs_log2_fold;
            let mut of_endpoint: Vec<PlantedGene> = order
                .by_ref()
                .take(n_up + n_down)
                .enumerate()
                .map(|(i, gene)| {
                    let size = least + (most - least) * keyed.uniform();
                    PlantedGene {
                        endpoint,
                        gene,
                        log2_fold: if i < n_up { size } else { -size },
                    }
                })
                .collect();
            of_endpoint.sort_by_key(|gene| gene.gene);
            planted.extend(of_endpoint);
        }
        planted
    }

    /// The counts of one gene, drawn again where the sample contradicts the plan by chance.
    fn counts(
        &self,
        name: &str,
        effect: Option<PlantedGene>,
        library: &[f64],
        patients: &Biology,
    ) -> Vec<u32> {
        let spec = self.spec;
        let fold = effect.map_or(1.0, |gene| libm::exp2(gene.log2_fold));
        let mut keyed = self.keyed(&["gene", name]);
        let [location, scale] = spec.log_mean;
        let mean = libm::exp(location + scale * keyed.normal());
        let mean = mean.max(spec.mean_min / fold.min(1.0));
        let [least, most] = spec.dispersion;
        let dispersion = least + (most - least) * keyed.uniform();
        let mut counts = Vec::new();
        for attempt in 0..ATTEMPTS {
            let mut keyed = self.keyed(&["counts", name, &attempt.to_string()]);
            let mut count = |(sample, library): (usize, &f64)| {
                let is_high = effect.is_some_and(|gene| patients.high(gene.endpoint)[sample]);
                let expected = library * mean * if is_high { fold } else { 1.0 };
                let rate = expected * dispersion * gamma(&mut keyed, 1.0 / dispersion);
                poisson(&mut keyed, rate)
            };
            counts = library.iter().enumerate().map(&mut count).collect();
            if agrees(&counts, effect, library, patients) {
                break;
            }
        }
        counts
    }

    fn sets(&self, planted: &[PlantedGene]) -> Vec<GeneSet> {
        let mut sets = Vec::new();
        for endpoint in SynthEndpoint::ALL {
            for name in self.spec.planted(endpoint).sets {
                let up = |gene: &&PlantedGene| gene.endpoint == endpoint && gene.log2_fold > 0.0;
                let up: Vec<usize> = planted.iter().filter(up).map(|gene| gene.gene).collect();
                sets.push(self.set(name, Some((endpoint, up))));
            }
        }
        let n_others = self.spec.n_sets.saturating_sub(sets.len());
        sets.extend((1..=n_others).map(|i| self.set(&format!("SYN_SET_{i:03}"), None)));
        sets
    }

    /// A set of a size uniform on the logarithm, drawn from all genes or, as the odds say, more often from the planted ones.
    fn set(&self, name: &str, planted: Option<(SynthEndpoint, Vec<usize>)>) -> GeneSet {
        let mut keyed = self.keyed(&["set", name]);
        let [least, most] = self.spec.set_size.map(|size| size as f64);
        let least = match planted {
            Some(_) => self.spec.planted_size_min as f64,
            None => least,
        };
        let size = (least * libm::pow(most / least, keyed.uniform())).round() as usize;
        let (endpoint, favoured) = match planted {
            Some((endpoint, favoured)) => (Some(endpoint), favoured),
            None => (None, Vec::new()),
        };
        let share = favoured.len() as f64 / self.spec.n_genes as f64;
        let odds = self.spec.set_odds * share / (1.0 - share);
        let n_favoured = (size as f64 * odds / (1.0 + odds)).round() as usize;
        let mut is_favoured = vec![false; self.spec.n_genes];
        favoured.iter().for_each(|gene| is_favoured[*gene] = true);
        let (mut first, mut rest): (Vec<usize>, Vec<usize>) =
            (0..self.spec.n_genes).partition(|gene| is_favoured[*gene]);
        keyed.shuffle(&mut first);
        keyed.shuffle(&mut rest);
        first.truncate(n_favoured);
        rest.truncate(size.saturating_sub(first.len()));
        let mut genes = first;
        genes.extend(rest);
        genes.sort_unstable();
        GeneSet {
            name: name.to_string(),
            genes,
            planted: endpoint,
        }
    }
}

/// Whether the groups' mean log2 counts differ clearly where it is planted, and clearly not where it is not.
fn agrees(
    counts: &[u32],
    effect: Option<PlantedGene>,
    library: &[f64],
    patients: &Biology,
) -> bool {
    let log = |(count, library): (&u32, &f64)| libm::log2((f64::from(*count) + 0.5) / library);
    let logs: Vec<f64> = counts.iter().zip(library).map(log).collect();
    let mean_of = |group: &[bool], member: bool| {
        let of_group = logs.iter().zip(group).filter(|(_, high)| **high == member);
        let (sum, n) = of_group.fold((0.0, 0.0), |(sum, n), (log, _)| (sum + log, n + 1.0));
        sum / f64::max(n, 1.0)
    };
    SynthEndpoint::ALL.into_iter().all(|endpoint| {
        let high = patients.high(endpoint);
        let difference = mean_of(high, true) - mean_of(high, false);
        match effect.filter(|gene| gene.endpoint == endpoint) {
            Some(gene) => difference * gene.log2_fold.signum() > LOG2_FOLD_CLEAR,
            None => difference.abs() < LOG2_FOLD_ABSENT,
        }
    })
}

impl Expression {
    /// Counts of a gene, by sample.
    #[must_use]
    pub fn row(&self, gene: usize) -> &[u32] {
        let n = self.samples.len();
        self.counts
            .get(gene * n..(gene + 1) * n)
            .unwrap_or_default()
    }

    /// `gene,<sample>…`, a row a gene.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let mut text = format!("gene,{}\n", self.samples.join(","));
        for (gene, name) in self.genes.iter().enumerate() {
            text.push_str(name);
            for count in self.row(gene) {
                // Writing to a String cannot fail.
                let _ = write!(text, ",{count}");
            }
            text.push('\n');
        }
        text
    }

    /// The gene sets: name, a word on it, genes, parted by tabs.
    #[must_use]
    pub fn to_gmt(&self) -> String {
        let mut text = String::new();
        for set in &self.sets {
            let _ = write!(text, "{}\tsynthetic", set.name);
            for gene in &set.genes {
                let _ = write!(text, "\t{}", self.genes[*gene]);
            }
            text.push('\n');
        }
        text
    }

    /// What nobody may ingest: `gene,endpoint,log2_fold` of the planted genes.
    #[must_use]
    pub fn truth_csv(&self) -> String {
        let mut text = "gene,endpoint,log2_fold\n".to_string();
        for planted in &self.planted {
            let (gene, endpoint) = (&self.genes[planted.gene], planted.endpoint.as_str());
            let _ = writeln!(text, "{gene},{endpoint},{}", planted.log2_fold);
        }
        text
    }

    /// What nobody may ingest: `set,endpoint,size,n_planted` of the planted sets.
    #[must_use]
    pub fn sets_truth_csv(&self) -> String {
        let mut text = "set,endpoint,size,n_planted\n".to_string();
        for set in &self.sets {
            let Some(endpoint) = set.planted else {
                continue;
            };
            let is_planted = |p: &&PlantedGene| {
                p.endpoint == endpoint && set.genes.binary_search(&p.gene).is_ok()
            };
            let n_planted = self.planted.iter().filter(is_planted).count();
            let (name, size) = (&set.name, set.genes.len());
            let _ = writeln!(text, "{name},{},{size},{n_planted}", endpoint.as_str());
        }
        text
    }
}

/// What nobody may ingest: `patient_id,site,u_t,u_p,dfs_high,os_high`.
#[must_use]
pub fn biology_truth_csv(biology: &Biology) -> String {
    let mut text = "patient_id,site,u_t,u_p,dfs_high,os_high\n".to_string();
    for (row, patient) in biology.patients.iter().enumerate() {
        let (id, site, truth) = (&patient.patient_id, &patient.site, &patient.truth);
        let [dfs, os] = SynthEndpoint::ALL.map(|endpoint| u8::from(biology.high(endpoint)[row]));
        let _ = writeln!(text, "{id},{site},{},{},{dfs},{os}", truth.u_t, truth.u_p);
    }
    text
}
