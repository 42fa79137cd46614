//! Which derived images there are, and one of them.

use super::error::{FilterError, Skipped};
use super::gradient;
use super::image_type::{ImageType, Lbp2dSettings};
use super::laplacian;
use super::lbp2d;
use super::lbp3d;
use super::point::{self, PointFilter};
use super::view::{ImageView, Window};
use super::wavelet;
use std::sync::{Arc, OnceLock};

/// The images that were asked for, in PyRadiomics' order within a type; nothing is computed yet.
#[derive(Debug, Clone, Default)]
pub struct DerivedImages {
    /// Images that can be computed.
    pub images: Vec<Derived>,
    /// Images that this image is too small for, or whose settings give none.
    pub skipped: Vec<Skipped>,
}

/// One derived image, not computed yet. A clone shares the work of its original.
#[derive(Debug, Clone)]
pub struct Derived {
    name: String,
    kind: Kind,
    grid: ([usize; 3], [f64; 3]),
}

#[derive(Debug, Clone)]
enum Kind {
    Original,
    Wavelet(wavelet::Subband),
    Point(PointFilter, Arc<Maximum>),
    Laplacian { sigma_mm: f64 },
    Gradient { use_spacing: bool },
    Lbp2d(Lbp2dSettings),
    Lbp3d(lbp3d::SphereMap),
}

/// The largest magnitude of the image, computed by the first who needs it.
type Maximum = OnceLock<Result<f64, FilterError>>;

/// The derived images of one type. Use [`derived_all`] for several: they share more.
///
/// # Errors
/// [`FilterError`] for an image whose values do not fill its grid and for settings outside their range.
pub fn derived(image_type: &ImageType, view: &ImageView) -> Result<DerivedImages, FilterError> {
    derived_all(std::slice::from_ref(image_type), view)
}

/// The derived images of several types, in the order of the types.
///
/// # Errors
/// As [`derived`].
pub fn derived_all(
    image_types: &[ImageType],
    view: &ImageView,
) -> Result<DerivedImages, FilterError> {
    view.check()?;
    let maximum = Arc::new(Maximum::default());
    let mut all = DerivedImages::default();
    for image_type in image_types {
        let kinds = kinds(image_type, view, &maximum, &mut all.skipped)?;
        all.images
            .extend(kinds.into_iter().map(|(name, kind)| Derived {
                name,
                kind,
                grid: (view.dims, view.spacing_mm),
            }));
    }
    Ok(all)
}

fn kinds(
    image_type: &ImageType,
    view: &ImageView,
    maximum: &Arc<Maximum>,
    skipped: &mut Vec<Skipped>,
) -> Result<Vec<(String, Kind)>, FilterError> {
    let one = |name: &str, kind| Ok(vec![(name.to_owned(), kind)]);
    let point = |filter: PointFilter| one(filter.name(), Kind::Point(filter, Arc::clone(maximum)));
    match image_type {
        ImageType::Original => one("original", Kind::Original),
        ImageType::Wavelet(settings) => {
            let subbands = wavelet::subbands(settings)?.into_iter();
            Ok(subbands
                .map(|(name, band)| (name, Kind::Wavelet(band)))
                .collect())
        }
        ImageType::LaplacianOfGaussian { sigma_mm } => Ok(laplacians(sigma_mm, view, skipped)),
        ImageType::Square => point(PointFilter::Square),
        ImageType::SquareRoot => point(PointFilter::SquareRoot),
        ImageType::Logarithm => point(PointFilter::Logarithm),
        ImageType::Exponential => point(PointFilter::Exponential),
        &ImageType::Gradient { use_spacing } => one("gradient", Kind::Gradient { use_spacing }),
        ImageType::Lbp2d(settings) => {
            lbp2d::check(settings)?;
            one("lbp-2D", Kind::Lbp2d(settings.clone()))
        }
        ImageType::Lbp3d(settings) => {
            let maps = lbp3d::maps(settings)?.into_iter();
            Ok(maps.map(|(name, map)| (name, Kind::Lbp3d(map))).collect())
        }
    }
}

fn laplacians(widths: &[f64], view: &ImageView, skipped: &mut Vec<Skipped>) -> Vec<(String, Kind)> {
    let mut found = Vec::new();
    for (i, &sigma_mm) in widths.iter().enumerate() {
        // a width that stands twice is one image, as in a dictionary of names
        if widths[..i].contains(&sigma_mm) {
            continue;
        }
        let name = laplacian::name(sigma_mm);
        match laplacian::refusal(sigma_mm, view) {
            Some(reason) => skipped.push(Skipped { name, reason }),
            None => found.push((name, Kind::Laplacian { sigma_mm })),
        }
    }
    found
}

impl Derived {
    /// PyRadiomics' name, the first part of its features' names.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// The values in the window, x fastest: bit for bit those of the whole derived image. (A Laplacian of Gaussian that is below
    /// 1e-9 of its largest value, far from anything but a constant background, may differ by 1e-15 of that value.)
    ///
    /// # Arguments
    /// `view` is the image that [`derived`] was called with: what siblings share is kept from the first call on. `inside` says for
    /// each voxel of the window whether it belongs to the region: only there a value that is not finite is an error, and `lbp-3D`
    /// is 0 outside.
    ///
    /// # Errors
    /// [`FilterError`] for another grid, a window outside the image, a mask of another length, and where a value in the region is
    /// undefined.
    pub fn values(
        &self,
        view: &ImageView,
        window: &Window,
        inside: &[bool],
    ) -> Result<Vec<f64>, FilterError> {
        view.check()?;
        if self.grid != (view.dims, view.spacing_mm) {
            return Err(FilterError::OtherImage {
                dims: view.dims,
                spacing_mm: view.spacing_mm,
            });
        }
        window.check(view.dims, inside)?;
        let values = self.compute(view, window, inside)?;
        let undefined = values
            .iter()
            .zip(inside)
            .position(|(value, &inside)| inside && !value.is_finite());
        match undefined {
            Some(at) => Err(FilterError::NotFinite {
                voxel: window.voxel(at),
            }),
            None => Ok(values),
        }
    }

    fn compute(
        &self,
        view: &ImageView,
        window: &Window,
        inside: &[bool],
    ) -> Result<Vec<f64>, FilterError> {
        match &self.kind {
            Kind::Original => Ok(point::cropped(view, window)),
            Kind::Wavelet(subband) => Ok(subband.values(view, window)),
            Kind::Point(filter, maximum) => {
                let maximum = maximum.get_or_init(|| point::largest_magnitude(view));
                filter.values(maximum.clone()?, view, window)
            }
            &Kind::Laplacian { sigma_mm } => Ok(laplacian::values(sigma_mm, view, window)),
            Kind::Lbp3d(map) => map.values(view, window, inside),
            Kind::Lbp2d(settings) => lbp2d::values(settings, view, window, inside),
            &Kind::Gradient { use_spacing } => Ok(gradient::values(use_spacing, view, window)),
        }
    }
}
