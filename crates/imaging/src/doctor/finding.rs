//! The findings: their codes, how grave they are, and what they say.

use super::repair::Repair;
use crate::counted::{Are, Counted};
use crate::mask::Difference;
use crate::mask::GeometryMismatch;
use std::fmt;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A run would leave the patient out.
    Refuse,
    /// Somebody must look.
    Warn,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// `refuse`, `warn` or `note`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Refuse => "refuse",
            Severity::Warn => "warn",
            Severity::Note => "note",
        }
    }
}

/// Declares the codes once: variant, stable name.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Stable names of the findings.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The name, for machines and for the manual.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }
        }
    };
}

codes! {
    /// All voxels have one value.
    ImageConstant = "image-constant",
    /// Voxels that are infinite or not a number.
    ImageNotFinite = "image-not-finite",
    /// Many voxels share the largest value.
    ImageClipped = "image-clipped",
    /// The file does not say where its grid lies.
    OrientationUnknown = "orientation-unknown",
    /// Slices far thicker than pixels.
    SpacingAnisotropic = "spacing-anisotropic",
    /// The file named as the mask holds an image.
    MaskIsImage = "mask-is-image",
    /// The label asked for is not there.
    LabelAbsent = "label-absent",
    /// Other labels beside the one asked for.
    SeveralLabels = "several-labels",
    /// Labels that are no whole numbers.
    LabelNotInteger = "label-not-integer",
    /// No voxel is labelled.
    MaskEmpty = "mask-empty",
    /// A single voxel is labelled.
    MaskOneVoxel = "mask-one-voxel",
    /// Nearly all voxels are labelled.
    MaskWholeImage = "mask-whole-image",
    /// Image and mask are on different grids.
    GeometryMismatch = "geometry-mismatch",
    /// The mask's header has the signs of the other world convention.
    MaskWorldFlipped = "mask-world-flipped",
    /// The same grid, numbered from the other end.
    MaskAxesReversed = "mask-axes-reversed",
    /// The region's centroid is outside the body.
    CentroidOutsideBody = "centroid-outside-body",
    /// Part of the region is outside the body.
    MaskOutsideBody = "mask-outside-body",
    /// The region would lie in the body if an axis were reversed.
    MaskFlipped = "mask-flipped",
    /// Part of the region is beyond the image.
    MaskBeyondImage = "mask-beyond-image",
    /// The region reaches the border of its grid.
    MaskTouchesBorder = "mask-touches-border",
    /// The region has several parts.
    MaskDisconnected = "mask-disconnected",
    /// Slices without the region between slices with it.
    MaskSliceMissing = "mask-slice-missing",
    /// The region lies in one slice.
    MaskOneSlice = "mask-one-slice",
    /// The region's volume is unlike those of the cohort.
    VolumeOutlier = "volume-outlier",
    /// Another patient has the same image.
    DuplicateImage = "duplicate-image",
    /// Another patient has the same image with another mask.
    DuplicateImageOtherMask = "duplicate-image-other-mask",
    /// Another patient has the same mask on another image.
    DuplicateMask = "duplicate-mask",
}

impl Code {
    /// How grave it is. What the import steps refuse is refused here too; so are two patients with one image, who would
    /// stand on both sides of a split.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Code::ImageConstant
            | Code::ImageNotFinite
            | Code::MaskIsImage
            | Code::LabelAbsent
            | Code::LabelNotInteger
            | Code::MaskEmpty
            | Code::MaskOneVoxel
            | Code::GeometryMismatch
            | Code::MaskWorldFlipped
            | Code::MaskAxesReversed
            | Code::DuplicateImage
            | Code::DuplicateImageOtherMask => Severity::Refuse,
            Code::SpacingAnisotropic | Code::SeveralLabels | Code::MaskOneSlice => Severity::Note,
            _ => Severity::Warn,
        }
    }
}

/// A label and how many voxels have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelCount {
    /// The label.
    pub label: i64,
    /// Voxels.
    pub n_voxels: usize,
}

/// One thing that is wrong, with the numbers it was judged by.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    missing_docs,
    reason = "the codes say what each is, the names of the fields what they hold"
)]
pub enum Finding {
    ImageConstant {
        value: f64,
    },
    ImageNotFinite {
        n_voxels: usize,
        first: [usize; 3],
    },
    ImageClipped {
        value: f64,
        percent: f64,
    },
    OrientationUnknown {
        of_mask: bool,
    },
    SpacingAnisotropic {
        spacing_mm: [f64; 3],
        ratio: f64,
    },
    MaskIsImage {
        n_values: usize,
        same: bool,
        swapped: bool,
    },
    LabelAbsent {
        label: i32,
        present: Vec<LabelCount>,
        n_labels: usize,
    },
    SeveralLabels {
        label: i32,
        present: Vec<LabelCount>,
        n_labels: usize,
    },
    LabelNotInteger {
        n_voxels: usize,
        value: f64,
        only_value: Option<f64>,
    },
    MaskEmpty {
        n_voxels: usize,
    },
    MaskOneVoxel {
        voxel: [usize; 3],
    },
    MaskWholeImage {
        percent: f64,
    },
    GeometryMismatch {
        differences: Vec<Difference>,
        repair: Option<Repair>,
    },
    MaskWorldFlipped {
        axes: [bool; 3],
        sure: bool,
    },
    MaskAxesReversed {
        axes: [bool; 3],
    },
    CentroidOutsideBody {
        world_mm: [f64; 3],
    },
    MaskOutsideBody {
        percent: f64,
    },
    MaskFlipped {
        candidates: Vec<[bool; 3]>,
        percent_given: f64,
        percent_flipped: f64,
        safe: bool,
    },
    MaskBeyondImage {
        percent: f64,
    },
    MaskTouchesBorder {
        faces: Vec<(usize, bool)>,
    },
    MaskDisconnected {
        sizes_mm3: Vec<f64>,
    },
    MaskSliceMissing {
        axis: usize,
        slices: Vec<usize>,
    },
    MaskOneSlice {
        axis: usize,
        slice: usize,
    },
    VolumeOutlier {
        volume_mm3: f64,
        median_mm3: f64,
        robust_z: f64,
    },
    DuplicateImage {
        others: Vec<String>,
    },
    DuplicateImageOtherMask {
        others: Vec<String>,
    },
    DuplicateMask {
        others: Vec<String>,
    },
}

impl Finding {
    /// Its stable name.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Finding::ImageConstant { .. } => Code::ImageConstant,
            Finding::ImageNotFinite { .. } => Code::ImageNotFinite,
            Finding::ImageClipped { .. } => Code::ImageClipped,
            Finding::OrientationUnknown { .. } => Code::OrientationUnknown,
            Finding::SpacingAnisotropic { .. } => Code::SpacingAnisotropic,
            Finding::MaskIsImage { .. } => Code::MaskIsImage,
            Finding::LabelAbsent { .. } => Code::LabelAbsent,
            Finding::SeveralLabels { .. } => Code::SeveralLabels,
            Finding::LabelNotInteger { .. } => Code::LabelNotInteger,
            Finding::MaskEmpty { .. } => Code::MaskEmpty,
            Finding::MaskOneVoxel { .. } => Code::MaskOneVoxel,
            Finding::MaskWholeImage { .. } => Code::MaskWholeImage,
            Finding::GeometryMismatch { .. } => Code::GeometryMismatch,
            Finding::MaskWorldFlipped { .. } => Code::MaskWorldFlipped,
            Finding::MaskAxesReversed { .. } => Code::MaskAxesReversed,
            Finding::CentroidOutsideBody { .. } => Code::CentroidOutsideBody,
            Finding::MaskOutsideBody { .. } => Code::MaskOutsideBody,
            Finding::MaskFlipped { .. } => Code::MaskFlipped,
            Finding::MaskBeyondImage { .. } => Code::MaskBeyondImage,
            Finding::MaskTouchesBorder { .. } => Code::MaskTouchesBorder,
            Finding::MaskDisconnected { .. } => Code::MaskDisconnected,
            Finding::MaskSliceMissing { .. } => Code::MaskSliceMissing,
            Finding::MaskOneSlice { .. } => Code::MaskOneSlice,
            Finding::VolumeOutlier { .. } => Code::VolumeOutlier,
            Finding::DuplicateImage { .. } => Code::DuplicateImage,
            Finding::DuplicateImageOtherMask { .. } => Code::DuplicateImageOtherMask,
            Finding::DuplicateMask { .. } => Code::DuplicateMask,
        }
    }

    /// How grave it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code().severity()
    }

    /// The one repair that is safe, if there is one.
    #[must_use]
    pub fn repair(&self) -> Option<Repair> {
        match self {
            Finding::GeometryMismatch { repair, .. } => repair.clone(),
            Finding::MaskWorldFlipped { sure: true, .. } => Some(Repair::UseImageGrid),
            Finding::MaskAxesReversed { .. } => Some(Repair::ResampleMask),
            Finding::LabelAbsent {
                present,
                n_labels: 1,
                ..
            } => {
                let label = i32::try_from(present.first()?.label).ok()?;
                Some(Repair::UseLabel { label })
            }
            Finding::LabelNotInteger {
                only_value: Some(value),
                ..
            } => Some(Repair::Threshold { above: value / 2.0 }),
            Finding::MaskFlipped {
                candidates,
                safe: true,
                ..
            } => candidates.first().map(|&axes| Repair::Flip { axes }),
            _ => None,
        }
    }

    /// What somebody should do where no repair is safe.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self.code() {
            Code::ImageConstant | Code::ImageNotFinite => "export the image again",
            Code::ImageClipped => "export without a window, at full depth",
            Code::OrientationUnknown => {
                "convert the scanner's files again so that the orientation is kept; no header is copied from or to such a file"
            }
            Code::MaskIsImage => "name the delineation in the cohort file or its table",
            Code::SpacingAnisotropic => {
                "do not resample across slices to the in-plane spacing; textures between slices would be invented"
            }
            Code::LabelAbsent | Code::SeveralLabels => "say which label is the region",
            Code::LabelNotInteger => {
                "save the delineation as labels, without scaling or interpolation"
            }
            Code::MaskEmpty | Code::MaskOneVoxel | Code::MaskOneSlice => {
                "delineate again, or leave the patient out"
            }
            Code::MaskWholeImage => "the file may hold an image, or the background as label",
            Code::GeometryMismatch => {
                "look at the overlay; then export the delineation on the image's grid"
            }
            Code::MaskFlipped => "look at the overlay; several reversals are possible",
            Code::CentroidOutsideBody | Code::MaskOutsideBody | Code::MaskBeyondImage => {
                "look at the overlay"
            }
            Code::MaskTouchesBorder => "the region may be cut off; look at the overlay",
            Code::MaskDisconnected => {
                "look at the small parts: strokes by mistake, or further lesions"
            }
            Code::MaskSliceMissing => "fill the slice, or confirm that it was left out on purpose",
            Code::VolumeOutlier => {
                "look at the overlay; a wrong unit of the spacing scales by 1000"
            }
            Code::DuplicateImage | Code::DuplicateImageOtherMask => {
                "find out whose image it is; leave the other out"
            }
            Code::DuplicateMask => "find out whose delineation it is",
            Code::MaskWorldFlipped => {
                "look at the overlay: the file may also number the same grid from its other end"
            }
            Code::MaskAxesReversed => "",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::ImageConstant { value } => write!(f, "all voxels have the value {value}"),
            Finding::ImageNotFinite { n_voxels, first } => {
                let are = Are(*n_voxels, "voxel");
                write!(f, "{are} not finite, the first at {first:?}")
            }
            Finding::ImageClipped { value, percent } => {
                write!(
                    f,
                    "{percent:.1} % of the body has the largest value {value}: bright tissue is cut off"
                )
            }
            Finding::OrientationUnknown { of_mask } => write!(
                f,
                "the {} does not say where it lies (no sform, no qform, no direction); its axes are taken as ITK takes them, right to left, front to back, feet to head",
                if *of_mask { "mask" } else { "image" }
            ),
            Finding::MaskIsImage {
                n_values,
                same,
                swapped,
            } => f.write_str(&told_image(*n_values, *same, *swapped)),
            Finding::SpacingAnisotropic {
                spacing_mm: [x, y, z],
                ratio,
            } => {
                write!(
                    f,
                    "spacing {x:.3} × {y:.3} × {z:.3} mm: slices are {ratio:.1} times as far apart as pixels"
                )
            }
            Finding::LabelAbsent {
                label,
                present,
                n_labels,
            } => {
                write!(
                    f,
                    "label {label} is absent; present: {}",
                    Counts(present, *n_labels)
                )
            }
            Finding::SeveralLabels {
                label,
                present,
                n_labels,
            } => {
                write!(
                    f,
                    "beside label {label} there are others; present: {}",
                    Counts(present, *n_labels)
                )
            }
            Finding::LabelNotInteger {
                n_voxels,
                value,
                only_value,
            } => {
                let voxels = Counted(*n_voxels, "voxel");
                write!(f, "{voxels} without a whole number, the first is {value}")?;
                match only_value {
                    Some(_) => write!(f, "; they all have this value, so it is a scaled label"),
                    None => write!(
                        f,
                        "; they differ, so something interpolated or this is an image"
                    ),
                }
            }
            Finding::MaskEmpty { n_voxels } => write!(f, "all {n_voxels} voxels are 0"),
            Finding::MaskOneVoxel { voxel } => write!(f, "a single voxel, at {voxel:?}"),
            Finding::MaskWholeImage { percent } => {
                write!(f, "the region is {percent:.1} % of the grid")
            }
            Finding::GeometryMismatch { differences, .. } => {
                let mismatch = GeometryMismatch {
                    differences: differences.clone(),
                };
                write!(f, "{mismatch}")
            }
            Finding::MaskWorldFlipped { axes, .. } => write!(
                f,
                "the mask's header is the image's with the sign of {} changed, as between LPS and RAS",
                Axes(axes, ["left–right", "front–back", "head–foot"])
            ),
            Finding::MaskAxesReversed { axes } => write!(
                f,
                "the mask fills the image's grid, numbered from the other end along {}",
                Axes(axes, ["x", "y", "z"])
            ),
            Finding::CentroidOutsideBody {
                world_mm: [x, y, z],
            } => {
                write!(
                    f,
                    "the region's centroid ({x:.1}, {y:.1}, {z:.1} mm RAS) is outside the body"
                )
            }
            Finding::MaskOutsideBody { percent } => {
                write!(f, "{percent:.1} % of the region is outside the body")
            }
            Finding::MaskFlipped {
                candidates,
                percent_given,
                percent_flipped,
                ..
            } => {
                write!(
                    f,
                    "{percent_given:.0} % of the region is in the body, {percent_flipped:.0} % would be with "
                )?;
                for (i, axes) in candidates.iter().enumerate() {
                    write!(
                        f,
                        "{}{}",
                        if i > 0 { " or " } else { "" },
                        Axes(axes, ["x", "y", "z"])
                    )?;
                }
                write!(f, " reversed")
            }
            Finding::MaskBeyondImage { percent } => {
                write!(f, "{percent:.1} % of the region is beyond the image")
            }
            Finding::MaskTouchesBorder { faces } => {
                write!(f, "the region reaches the border at")?;
                for &(axis, last) in faces {
                    write!(
                        f,
                        " {} {}",
                        if last { "last" } else { "first" },
                        ["x", "y", "z"][axis.min(2)]
                    )?;
                }
                Ok(())
            }
            Finding::MaskDisconnected { sizes_mm3 } => {
                write!(f, "{} parts of", sizes_mm3.len())?;
                for size in sizes_mm3.iter().take(N_SHOWN) {
                    write!(f, " {size:.0}")?;
                }
                write!(
                    f,
                    "{} mm³",
                    if sizes_mm3.len() > N_SHOWN {
                        " …"
                    } else {
                        ""
                    }
                )
            }
            Finding::MaskSliceMissing { axis, slices } => {
                let shown = &slices[..slices.len().min(N_SHOWN)];
                write!(
                    f,
                    "{} empty inside the region, along {}: {shown:?}",
                    Are(slices.len(), "slice"),
                    ["x", "y", "z"][(*axis).min(2)]
                )
            }
            Finding::MaskOneSlice { axis, slice } => {
                write!(
                    f,
                    "the region lies in slice {slice} along {} alone",
                    ["x", "y", "z"][(*axis).min(2)]
                )
            }
            Finding::VolumeOutlier {
                volume_mm3,
                median_mm3,
                robust_z,
            } => write!(
                f,
                "volume {volume_mm3:.0} mm³, median of the cohort {median_mm3:.0} mm³ (robust z of the logarithm {robust_z:.1})"
            ),
            Finding::DuplicateImage { others } => {
                write!(f, "same voxels and mask as {}", others.join(", "))
            }
            Finding::DuplicateImageOtherMask { others } => {
                write!(f, "same voxels as {}, another mask", others.join(", "))
            }
            Finding::DuplicateMask { others } => {
                write!(f, "same mask as {}, another image", others.join(", "))
            }
        }
    }
}

fn told_image(n_values: usize, same: bool, swapped: bool) -> String {
    let why = if same {
        "its voxels are those of the image".to_owned()
    } else {
        format!("at least {n_values} different values and no areas of one label")
    };
    let both = if swapped {
        "; the image has the few values of a mask: the two are swapped"
    } else {
        ""
    };
    format!("the file named as the mask holds an image: {why}{both}")
}

const N_SHOWN: usize = 10;

/// Labels with their voxels, and how many more there are.
struct Counts<'a>(&'a [LabelCount], usize);

impl fmt::Display for Counts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, count) in self.0.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            let voxels = Counted(count.n_voxels, "voxel");
            write!(f, "{comma}{} ({voxels})", count.label)?;
        }
        match self.1.saturating_sub(self.0.len()) {
            0 => Ok(()),
            n => write!(f, " and {n} more"),
        }
    }
}

/// Names of the axes that are set.
struct Axes<'a>(&'a [bool; 3], [&'static str; 3]);

impl fmt::Display for Axes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.0.iter().zip(self.1).filter(|(set, _)| **set);
        let names: Vec<&str> = named.map(|(_, name)| name).collect();
        f.write_str(&names.join(" and "))
    }
}
