//! A patient's T2-weighted volume, tumour mask, further readings, and the coil field that it was multiplied with.
//!
//! # Formula
//! `S = PD (1 − exp(−TR/T1)) exp(−TE/T2)` per tissue. In the tumour `S · exp(a_t g_t)`, necrotic where `g_t` exceeds its threshold; in the
//! rim at distance `d` the background goes over into oedema by `w = o · exp(−d/λ)` and has texture `exp(a_p g_p)`; elsewhere weak texture.
//! Then times `exp(bias)`, times the scanner's gain, with Rician noise of σ = S(tumour)/SNR. Parameters follow `u_t` and `u_p` as in
//! [`ImageSpec`](super::ImageSpec). A voxel is the signal at its centre: no averaging over the slice.

use super::SynthError;
use super::anatomy::{Anatomy, Tissue};
use super::field::{Covariance, Field};
use super::patient::SynthPatient;
use super::spec::{Acquisition, CentreSpec, ImageSpec, SynthSize, SynthSpec};
use crate::keyed::Keyed;

/// The images of one patient; voxels with x fastest, then y, then z.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthImages {
    /// Voxels along x, y and z.
    pub dims: [usize; 3],
    /// Distance of neighbouring voxel centres, mm.
    pub spacing_mm: [f64; 3],
    /// Voxel index to RAS+ mm: x goes to the patient's left, y to the back, z to the head; the grid's middle is the origin.
    pub affine: [[f64; 4]; 3],
    /// Magnitude image.
    pub image: Vec<i16>,
    /// 1 in the tumour (reading `r1s1`), else 0.
    pub mask: Vec<u8>,
    /// The further readings by name, for patients who have them.
    pub delineations: Vec<(String, Vec<u8>)>,
    /// Natural logarithm of the coil field that the image was multiplied with.
    pub true_log_bias: Vec<f32>,
}

const BIAS_WAVES: usize = 64;
const TEXTURE_WAVES: usize = 256;
const TISSUE_WAVES: usize = 48;
const READING_WAVES: usize = 64;
const TISSUE_TEXTURE: f64 = 0.03;
const TISSUE_LENGTH_MM: f64 = 6.0;
const TUMOUR_GREY: f64 = 600.0;
const BOX_MARGIN_MM: f64 = 14.0;

/// Makes a patient's images: a pure function of its arguments; patients may be made in any order and at the same time.
///
/// # Errors
/// The size has no images, or the patient's centre is not in `spec`.
pub fn volume(
    spec: &SynthSpec,
    size: SynthSize,
    seed: u64,
    patient: &SynthPatient,
) -> Result<SynthImages, SynthError> {
    let dims = SynthSpec::grid(size).ok_or(SynthError::NoImages)?;
    let is_site = |centre: &&CentreSpec| centre.site == patient.site;
    let centre = spec
        .centres
        .iter()
        .chain([&spec.biology.centre])
        .find(is_site)
        .ok_or_else(|| SynthError::UnknownSite {
            site: patient.site.clone(),
        })?;
    let draw = Draw {
        spec,
        seed,
        patient,
    };
    let grid = Grid::new(dims, &centre.acquisition);
    let [_, _, pitch] = grid.spacing_mm;
    let anatomy = Anatomy::draw(
        &spec.image,
        patient,
        &mut draw.keyed("anatomy"),
        pitch * dims[2] as f64 / 2.0,
        pitch,
    );
    let around = Around::new(&grid, &anatomy);
    let mut signal = draw.background(&grid, &anatomy, &centre.acquisition);
    draw.paint_tumour(&grid, &around, &centre.acquisition, &mut signal);
    let log_bias = draw.log_bias(&grid);
    Ok(SynthImages {
        dims,
        spacing_mm: grid.spacing_mm,
        affine: grid.affine(),
        image: draw.acquired(&signal, &log_bias, &centre.acquisition),
        mask: around.mask(&grid, |_, distance| distance < 0.0),
        delineations: draw.readings(&grid, &around),
        true_log_bias: log_bias.iter().map(|value| *value as f32).collect(),
    })
}

/// Coordinates of the voxel centres, mm from the middle.
struct Grid {
    dims: [usize; 3],
    spacing_mm: [f64; 3],
    axes_mm: [Vec<f64>; 3],
}

impl Grid {
    fn new(dims: [usize; 3], acquisition: &Acquisition) -> Grid {
        let Acquisition {
            fov_mm,
            slice_pitch_mm,
            ..
        } = *acquisition;
        let spacing_mm = [
            fov_mm / dims[0] as f64,
            fov_mm / dims[1] as f64,
            slice_pitch_mm,
        ];
        let axis = |axis: usize| {
            let middle = (dims[axis] as f64 - 1.0) / 2.0;
            let at = |index: usize| (index as f64 - middle) * spacing_mm[axis];
            (0..dims[axis]).map(at).collect()
        };
        Grid {
            dims,
            spacing_mm,
            axes_mm: [axis(0), axis(1), axis(2)],
        }
    }

    fn axes(&self) -> [&[f64]; 3] {
        [&self.axes_mm[0], &self.axes_mm[1], &self.axes_mm[2]]
    }

    fn affine(&self) -> [[f64; 4]; 3] {
        let [x, y, z] = self.spacing_mm;
        let first = |axis: usize| self.axes_mm[axis][0];
        [
            [-x, 0.0, 0.0, -first(0)],
            [0.0, -y, 0.0, -first(1)],
            [0.0, 0.0, z, first(2)],
        ]
    }

    fn len(&self) -> usize {
        self.dims.iter().product()
    }
}

/// The part of the grid around the tumour, with each voxel's index in the grid and its distance from the tumour's surface.
struct Around {
    axes_mm: [Vec<f64>; 3],
    voxels: Vec<(usize, f64)>,
}

impl Around {
    fn new(grid: &Grid, anatomy: &Anatomy) -> Around {
        let reach = anatomy.tumour_box(BOX_MARGIN_MM);
        let range: [Vec<usize>; 3] = std::array::from_fn(|axis| {
            let [low, high] = reach[axis];
            let is_inside = |&index: &usize| {
                let at = grid.axes_mm[axis][index];
                low <= at && at <= high
            };
            (0..grid.dims[axis]).filter(is_inside).collect()
        });
        let axes_mm: [Vec<f64>; 3] = std::array::from_fn(|axis| {
            let at = |&index: &usize| grid.axes_mm[axis][index];
            range[axis].iter().map(at).collect()
        });
        let mut voxels = Vec::new();
        for &z in &range[2] {
            for &y in &range[1] {
                for &x in &range[0] {
                    let point = [grid.axes_mm[0][x], grid.axes_mm[1][y], grid.axes_mm[2][z]];
                    let index = x + grid.dims[0] * (y + grid.dims[1] * z);
                    voxels.push((index, anatomy.distance_mm(point)));
                }
            }
        }
        Around { axes_mm, voxels }
    }

    fn sample(&self, field: &Field) -> Vec<f64> {
        let [x, y, z] = &self.axes_mm;
        field.on_grid([x, y, z])
    }

    /// 1 where `is_inside(place in the box, distance)`.
    fn mask(&self, grid: &Grid, is_inside: impl Fn(usize, f64) -> bool) -> Vec<u8> {
        let mut mask = vec![0; grid.len()];
        for (place, (index, distance)) in self.voxels.iter().enumerate() {
            mask[*index] = u8::from(is_inside(place, *distance));
        }
        mask
    }
}

/// What the draws of one patient are keyed by.
struct Draw<'a> {
    spec: &'a SynthSpec,
    seed: u64,
    patient: &'a SynthPatient,
}

impl Draw<'_> {
    fn keyed(&self, domain: &str) -> Keyed {
        let SynthPatient {
            site, patient_id, ..
        } = self.patient;
        Keyed::new(self.seed, self.spec.schema, &[domain, site, patient_id])
    }

    /// Signal without tumour: tissues with weak texture.
    fn background(&self, grid: &Grid, anatomy: &Anatomy, acquisition: &Acquisition) -> Vec<f64> {
        let field = Field::draw(
            &mut self.keyed("tissue"),
            Covariance::Matern,
            TISSUE_LENGTH_MM,
            TISSUE_WAVES,
        );
        let mut signal = field.on_grid(grid.axes());
        let [xs, ys, zs] = grid.axes();
        let points = zs.iter().flat_map(|z| {
            ys.iter()
                .flat_map(move |y| xs.iter().map(move |x| [*x, *y, *z]))
        });
        for (value, point) in signal.iter_mut().zip(points) {
            *value = match anatomy.tissue(point) {
                Some(tissue) => {
                    tissue_signal(&self.spec.image, acquisition, tissue)
                        * libm::exp(TISSUE_TEXTURE * *value)
                }
                None => 0.0,
            };
        }
        signal
    }

    fn paint_tumour(
        &self,
        grid: &Grid,
        around: &Around,
        acquisition: &Acquisition,
        signal: &mut [f64],
    ) {
        let image = &self.spec.image;
        let look = Look::of(image, self.patient.truth.u_t, self.patient.truth.u_p);
        let texture = |domain: &str, length_mm: f64| {
            let mut keyed = self.keyed(domain);
            let field = Field::draw(&mut keyed, Covariance::Matern, length_mm, TEXTURE_WAVES);
            around.sample(&field)
        };
        let in_tumour = texture("tumour-texture", look.texture_length_mm);
        let in_rim = texture("rim-texture", grid.spacing_mm[0].max(look.rim_decay_mm));
        let of = |tissue: Tissue| tissue_signal(image, acquisition, tissue);
        let (tumour, necrosis, oedema) =
            (of(Tissue::Tumour), of(Tissue::Necrosis), of(Tissue::Rim));
        for (place, (index, distance)) in around.voxels.iter().enumerate() {
            let value = &mut signal[*index];
            if *distance < 0.0 {
                let is_necrotic = in_tumour[place] > look.necrosis_threshold;
                let tissue = if is_necrotic { necrosis } else { tumour };
                *value = tissue * libm::exp(look.texture_amplitude * in_tumour[place]);
            } else if *distance < image.rim_extent_mm && *value > 0.0 {
                let wet = look.rim_oedema * libm::exp(-distance / look.rim_decay_mm);
                let mixed = *value + wet.min(1.0) * (oedema - *value);
                *value = mixed * libm::exp(look.rim_texture * in_rim[place]);
            }
        }
    }

    fn log_bias(&self, grid: &Grid) -> Vec<f64> {
        let ImageSpec {
            bias_length_mm,
            bias_log_amplitude,
            bias_limit_sd,
            ..
        } = self.spec.image;
        let mut keyed = self.keyed("bias");
        let field = Field::draw(&mut keyed, Covariance::Normal, bias_length_mm, BIAS_WAVES);
        let limited = |value: f64| bias_limit_sd * libm::tanh(value / bias_limit_sd);
        let mut values = field.on_grid(grid.axes());
        values
            .iter_mut()
            .for_each(|value| *value = bias_log_amplitude * limited(*value));
        values
    }

    /// The magnitude image: coil field, Rician noise, gain.
    fn acquired(&self, signal: &[f64], log_bias: &[f64], acquisition: &Acquisition) -> Vec<i16> {
        let tumour = tissue_signal(&self.spec.image, acquisition, Tissue::Tumour);
        let noise = tumour / acquisition.snr;
        let mut keyed = self.keyed("noise");
        let gain = TUMOUR_GREY / tumour * libm::exp(0.15 * self.keyed("gain").normal());
        let voxel = |(value, log_bias): (&f64, &f64)| {
            let real = value * libm::exp(*log_bias) + noise * keyed.normal();
            let imaginary = noise * keyed.normal();
            let magnitude = (real * real + imaginary * imaginary).sqrt();
            (gain * magnitude).round().min(f64::from(i16::MAX)) as i16
        };
        signal.iter().zip(log_bias).map(voxel).collect()
    }

    fn readings(&self, grid: &Grid, around: &Around) -> Vec<(String, Vec<u8>)> {
        if !self.patient.delineated_again {
            return Vec::new();
        }
        let length_mm = self.spec.delineation_length_mm;
        let reading = |rater: &super::RaterSpec| {
            let mut keyed = self.keyed(&format!("reading-{}", rater.name));
            let shift = rater.shift_sd_mm * keyed.normal();
            let field = Field::draw(&mut keyed, Covariance::Normal, length_mm, READING_WAVES);
            let error = around.sample(&field);
            let is_inside = |place: usize, distance: f64| {
                distance + rater.sigma_mm * error[place] + shift < 0.0
            };
            (rater.name.to_string(), around.mask(grid, is_inside))
        };
        self.spec.raters.iter().map(reading).collect()
    }
}

/// Texture and rim of one patient.
struct Look {
    texture_length_mm: f64,
    texture_amplitude: f64,
    necrosis_threshold: f64,
    rim_decay_mm: f64,
    rim_oedema: f64,
    rim_texture: f64,
}

impl Look {
    fn of(image: &ImageSpec, u_t: f64, u_p: f64) -> Look {
        let [base, scale, rate] = image.texture_length_mm;
        let [threshold, slope] = image.necrosis_threshold;
        let grown = |[scale, rate]: [f64; 2], u: f64| scale * libm::exp(rate * u);
        Look {
            texture_length_mm: base + scale * libm::exp(rate * u_t),
            texture_amplitude: grown(image.texture_amplitude, u_t),
            necrosis_threshold: threshold + slope * u_t,
            rim_decay_mm: grown(image.rim_decay_mm, u_p),
            rim_oedema: grown(image.rim_oedema, u_p),
            rim_texture: grown(image.rim_texture, u_p),
        }
    }
}

/// Spin-echo signal of a tissue as it is found, muscle with fat between.
fn tissue_signal(image: &ImageSpec, acquisition: &Acquisition, tissue: Tissue) -> f64 {
    let of = |tissue| pure_signal(image, acquisition, tissue);
    match tissue {
        Tissue::Muscle => {
            of(Tissue::Muscle) + image.fat_in_muscle * (of(Tissue::Fat) - of(Tissue::Muscle))
        }
        _ => of(tissue),
    }
}

fn pure_signal(image: &ImageSpec, acquisition: &Acquisition, tissue: Tissue) -> f64 {
    let of = tissue as usize;
    image.proton_density[of]
        * (1.0 - libm::exp(-acquisition.tr_ms / image.t1_ms[of]))
        * libm::exp(-acquisition.te_ms / image.t2_ms[of])
}
