//! Rules that need the whole matrix of |ρ| and say of each column whether it stays.

use ndarray::Array2;

/// caret's rule, exact: see [`super::KeepRule::FindCorrelation`].
pub(super) fn find_correlation(size: &Array2<f64>, threshold: f64) -> Vec<bool> {
    let p = size.nrows();
    let mut order: Vec<usize> = (0..p).collect();
    let sums: Vec<f64> = (0..p)
        .map(|j| (0..p).filter(|&l| l != j).map(|l| size[[j, l]]).sum())
        .collect();
    order.sort_by(|&a, &b| sums[b].total_cmp(&sums[a]).then(a.cmp(&b)));
    let mut left = Left::new(size);
    for (place, &a) in order.iter().enumerate() {
        for &b in &order[place + 1..] {
            if !left.stays[a] {
                break;
            }
            if left.stays[b] && size[[a, b]] > threshold {
                let goes = if left.mean_of(a) > left.mean_without_row(b) {
                    a
                } else {
                    b
                };
                left.drop_column(goes);
            }
        }
    }
    left.stays
}

/// Sums of |ρ| among the columns that are left, without the diagonal.
struct Left<'a> {
    size: &'a Array2<f64>,
    stays: Vec<bool>,
    sums: Vec<f64>,
    n: usize,
}

impl Left<'_> {
    fn new(size: &Array2<f64>) -> Left<'_> {
        let p = size.nrows();
        let sum = |j: usize| (0..p).filter(|&l| l != j).map(|l| size[[j, l]]).sum();
        Left {
            size,
            stays: vec![true; p],
            sums: (0..p).map(sum).collect(),
            n: p,
        }
    }

    fn mean_of(&self, j: usize) -> f64 {
        self.sums[j] / (self.n - 1) as f64
    }

    /// Mean over all rows of the matrix that is left but row `j`; its column stays in.
    fn mean_without_row(&self, j: usize) -> f64 {
        let rows = (0..self.sums.len()).filter(|&l| self.stays[l] && l != j);
        let sum: f64 = rows.map(|l| self.sums[l]).sum();
        sum / ((self.n - 1) * (self.n - 1)) as f64
    }

    fn drop_column(&mut self, j: usize) {
        self.stays[j] = false;
        self.n -= 1;
        for l in 0..self.sums.len() {
            if self.stays[l] {
                self.sums[l] -= self.size[[l, j]];
            }
        }
    }
}

/// caret's rule, fast: see [`super::KeepRule::FindCorrelationFast`].
pub(super) fn find_correlation_fast(size: &Array2<f64>, threshold: f64) -> Vec<bool> {
    let p = size.nrows();
    let sums: Vec<f64> = size.columns().into_iter().map(|c| c.sum()).collect();
    let mut stays = vec![true; p];
    for later in 0..p {
        for earlier in 0..later {
            if size[[earlier, later]] > threshold {
                // means equal to 15 digits are equal there
                let longer = sums[later] > sums[earlier] * (1.0 + 1e-15);
                stays[if longer { later } else { earlier }] = false;
            }
        }
    }
    stays
}

/// See [`super::KeepRule::MaxPair`].
pub(super) fn max_pair(size: &Array2<f64>, threshold: f64) -> Vec<bool> {
    let p = size.nrows();
    let mut pairs: Vec<(usize, usize)> = (0..p)
        .flat_map(|a| (a + 1..p).map(move |b| (a, b)))
        .filter(|&pair| size[pair] > threshold)
        .collect();
    pairs.sort_by(|&x, &y| size[y].total_cmp(&size[x]).then(x.cmp(&y)));
    let mut stays = vec![true; p];
    for (a, b) in pairs {
        if stays[a] && stays[b] {
            let sum = |j: usize| -> f64 {
                let others = (0..p).filter(|&l| stays[l] && l != j);
                others.map(|l| size[[j, l]]).sum()
            };
            let goes = if sum(a) > sum(b) { a } else { b };
            stays[goes] = false;
        }
    }
    stays
}

/// See [`super::KeepRule::ClusterMedoid`].
pub(super) fn cluster_medoids(size: &Array2<f64>, threshold: f64) -> Vec<bool> {
    let p = size.nrows();
    let mut stays = vec![false; p];
    for members in complete_linkage(size, threshold) {
        let closeness = |j: usize| members.iter().map(|&l| size[[j, l]]).sum::<f64>();
        let medoid = members
            .iter()
            .map(|&j| (j, closeness(j)))
            .reduce(|best, next| if next.1 > best.1 { next } else { best });
        if let Some((medoid, _)) = medoid {
            stays[medoid] = true;
        }
    }
    stays
}

/// Clusters in which every pair has |ρ| of at least `threshold`, members ascending; a chain of nearest neighbours merges
/// pairs that are each other's nearest (of equals the first).
fn complete_linkage(size: &Array2<f64>, threshold: f64) -> Vec<Vec<usize>> {
    let p = size.nrows();
    // the smallest |ρ| between two clusters, kept at the place of the first member of each
    let mut link = size.clone();
    let mut clusters: Vec<Option<Vec<usize>>> = (0..p).map(|j| Some(vec![j])).collect();
    let mut done: Vec<Vec<usize>> = Vec::new();
    let mut chain: Vec<usize> = Vec::new();
    while let Some(at) = chain
        .last()
        .copied()
        .or_else(|| clusters.iter().position(Option::is_some))
    {
        if chain.is_empty() {
            chain.push(at);
        }
        let before = chain.len().checked_sub(2).map(|k| chain[k]);
        let others = (0..p).filter(|&l| l != at && clusters[l].is_some());
        // the one before in the chain wins ties, so that the chain ends
        let nearest = others.fold(before, |best, l| match best {
            Some(b) if link[[at, l]] <= link[[at, b]] => best,
            _ => Some(l),
        });
        match nearest {
            Some(other) if link[[at, other]] >= threshold => {
                if before != Some(other) {
                    chain.push(other);
                    continue;
                }
                chain.truncate(chain.len() - 2);
                let (into, from) = (at.min(other), at.max(other));
                let moved = clusters[from].take().unwrap_or_default();
                if let Some(members) = &mut clusters[into] {
                    members.extend(moved);
                    members.sort_unstable();
                }
                for l in 0..p {
                    let least = link[[into, l]].min(link[[from, l]]);
                    link[[into, l]] = least;
                    link[[l, into]] = least;
                }
            }
            // nobody is near enough, now or after any merge
            _ => {
                done.extend(clusters[at].take());
                chain.pop();
            }
        }
    }
    done
}
