//! From a header to a geometry.

use super::encode::exact_affine;
use super::error::Problem;
use super::header::Header;
use super::note::Note;
use crate::geometry::{Geometry, max_displacement_mm};

/// Relative difference up to which a column's length and the stored voxel size are one number, rounded differently.
const SPACING_TOLERANCE_REL: f64 = 1e-5;
/// Distance between sform and qform that is worth a note, mm.
const FORMS_TOLERANCE_MM: f64 = 0.1;

/// The geometry of a file, and notes on how it was found.
pub(super) fn geometry(
    header: &Header,
    content: &[u8],
    notes: &mut Vec<Note>,
) -> Result<Geometry, Problem> {
    let unknown = header.sform_code <= 0 && header.qform_code <= 0;
    if unknown {
        notes.push(Note::NoOrientation);
    }
    if header.sform_code > 0 || unknown {
        let exact =
            exact_affine(content, header.vox_offset).filter(|affine| header.srow == to_f32(affine));
        if let Some(affine) = exact {
            let geometry = Geometry::new(header.dims, affine)?;
            return Ok(Geometry {
                orientation_known: !unknown,
                ..geometry
            });
        }
    }
    let mm_per_unit = match header.xyzt_units & 7 {
        1 => 1000.0,
        3 => 0.001,
        _ => 1.0,
    };
    if mm_per_unit != 1.0 {
        notes.push(Note::Units { mm_per_unit });
    }
    let affine = if header.sform_code > 0 {
        sform(header, notes)?
    } else if header.qform_code > 0 {
        qform(header, notes)?
    } else {
        let [x, y, z] = voxel_sizes(header, notes)?;
        [[-x, 0.0, 0.0, 0.0], [0.0, -y, 0.0, 0.0], [0.0, 0.0, z, 0.0]]
    };
    // Adding zero makes -0 into 0, so that one place has one set of bytes.
    let geometry = Geometry::new(
        header.dims,
        affine.map(|row| row.map(|entry| entry * mm_per_unit + 0.0)),
    )?;
    Ok(Geometry {
        orientation_known: !unknown,
        ..geometry
    })
}

fn to_f32(affine: &[[f64; 4]; 3]) -> [[f32; 4]; 3] {
    affine.map(|row| row.map(|entry| entry as f32))
}

fn sform(header: &Header, notes: &mut Vec<Note>) -> Result<[[f64; 4]; 3], Problem> {
    let mut affine = header.srow.map(|row| row.map(f64::from));
    let lengths_mm = Geometry::new(header.dims, affine)?.spacing_mm();
    for axis in 0..3 {
        let (sform_mm, stored_mm) = (lengths_mm[axis], f64::from(header.pixdim[axis + 1]).abs());
        if (sform_mm - stored_mm).abs() <= SPACING_TOLERANCE_REL * sform_mm {
            set_column_length(&mut affine, axis, sform_mm, stored_mm);
        } else {
            notes.push(Note::SpacingsDisagree {
                axis,
                sform_mm,
                stored_mm,
            });
        }
    }
    if header.qform_code > 0
        && let Ok(other) = qform(header, &mut Vec::new())
    {
        let distance_mm = max_displacement_mm(header.dims, &affine, &other);
        if distance_mm > FORMS_TOLERANCE_MM {
            notes.push(Note::FormsDisagree { distance_mm });
        }
    }
    Ok(affine)
}

/// Rescales a column from one length to another; a column along a world axis gets the length exactly.
fn set_column_length(affine: &mut [[f64; 4]; 3], axis: usize, from_mm: f64, to_mm: f64) {
    for row in affine {
        let entry = row[axis];
        row[axis] = if entry.abs() == from_mm {
            to_mm.copysign(entry)
        } else {
            entry * (to_mm / from_mm)
        };
    }
}

/// The rotation of the unit quaternion a + bi + cj + dk, times the voxel sizes; qfac turns the third axis.
fn qform(header: &Header, notes: &mut Vec<Note>) -> Result<[[f64; 4]; 3], Problem> {
    let [x, y, z] = voxel_sizes(header, notes)?;
    let qfac = if header.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
    if header
        .quatern
        .iter()
        .chain(&header.qoffset)
        .any(|number| !number.is_finite())
    {
        return Err(Problem::Qform);
    }
    let rotation = rotation(header.quatern.map(f64::from));
    let [tx, ty, tz] = header.qoffset.map(f64::from);
    let row = |[r0, r1, r2]: [f64; 3], translation| [r0 * x, r1 * y, r2 * z * qfac, translation];
    Ok([
        row(rotation[0], tx),
        row(rotation[1], ty),
        row(rotation[2], tz),
    ])
}

fn rotation([b, c, d]: [f64; 3]) -> [[f64; 3]; 3] {
    let squared = b * b + c * c + d * d;
    // Half a turn: the stored numbers leave no room for a beyond their rounding (1e-7), so they are normalised alone.
    let (a, b, c, d) = if 1.0 - squared < 1e-7 {
        let length = squared.sqrt();
        (0.0, b / length, c / length, d / length)
    } else {
        ((1.0 - squared).sqrt(), b, c, d)
    };
    [
        [
            a * a + b * b - c * c - d * d,
            2.0 * (b * c - a * d),
            2.0 * (b * d + a * c),
        ],
        [
            2.0 * (b * c + a * d),
            a * a + c * c - b * b - d * d,
            2.0 * (c * d - a * b),
        ],
        [
            2.0 * (b * d - a * c),
            2.0 * (c * d + a * b),
            a * a + d * d - b * b - c * c,
        ],
    ]
}

fn voxel_sizes(header: &Header, notes: &mut Vec<Note>) -> Result<[f64; 3], Problem> {
    let mut sizes_mm = [0.0; 3];
    for (axis, size_mm) in sizes_mm.iter_mut().enumerate() {
        let mm = header.pixdim[axis + 1];
        if !mm.is_finite() || mm == 0.0 {
            return Err(Problem::VoxelSize { axis, mm });
        }
        if mm < 0.0 {
            notes.push(Note::NegativeVoxelSize {
                axis,
                mm: f64::from(mm),
            });
        }
        *size_mm = f64::from(mm).abs();
    }
    Ok(sizes_mm)
}
