//! From the header and the bytes after it to a grid and layers of voxels.

use super::error::NrrdError;
use super::header::{Encoding, Header};
use crate::content::{self, ContentError, Stream, check_length, inflate_whole, numbers_in_text};
use crate::geometry::{Geometry, GeometryError};
use crate::volume::Voxels;
use crate::world::with_signs;
use std::borrow::Cow;

/// Which axes lie in space, and which one counts layers.
struct Axes {
    spatial: [usize; 3],
    layer: Option<usize>,
}

/// The grid, and one image a layer.
pub(super) fn layers(header: &Header, data: &[u8]) -> Result<(Geometry, Vec<Voxels>), NrrdError> {
    if let Some(name) = &header.data_file {
        return Err(NrrdError::DataFile { name: name.clone() });
    }
    let axes = axes(header)?;
    let geometry = geometry(header, &axes)?;
    let n_layers = axes.layer.map_or(1, |axis| header.sizes[axis]);
    let n_layers = usize::try_from(n_layers).unwrap_or(usize::MAX);
    let n = geometry
        .n_voxels()
        .checked_mul(n_layers)
        .filter(|&n| 0 < n && n <= isize::MAX as usize / 8)
        .ok_or_else(|| not_three_dimensional(header))?;
    let all = numbers(header, data, n)?;
    Ok((geometry, split(all, header, &axes, n_layers)))
}

pub(super) fn not_three_dimensional(header: &Header) -> NrrdError {
    NrrdError::NotThreeDimensional {
        sizes: header.sizes.clone(),
        kinds: header.kinds.clone(),
    }
}

fn axes(header: &Header) -> Result<Axes, NrrdError> {
    let wrong = || not_three_dimensional(header);
    let kind = |axis: usize| header.kinds.get(axis).map_or("", String::as_str);
    let in_space = |axis: usize| match &header.directions {
        Some(directions) => directions[axis].is_some(),
        None => matches!(kind(axis), "domain" | "space" | "" | "???" | "none"),
    };
    let mut spatial: Vec<usize> = (0..header.sizes.len()).filter(|&a| in_space(a)).collect();
    // Axes that count one thing say nothing; they are dropped where others make the space.
    if header.directions.is_none() && spatial.len() > 3 {
        let mut last = spatial.split_off(3);
        last.retain(|&axis| header.sizes[axis] != 1);
        spatial.extend(last);
    }
    let spatial = <[usize; 3]>::try_from(spatial).map_err(|_| wrong())?;
    let mut others =
        (0..header.sizes.len()).filter(|axis| !spatial.contains(axis) && header.sizes[*axis] != 1);
    let layer = others.next();
    let counts_layers = layer.is_none_or(|axis| matches!(kind(axis), "list" | "vector"));
    if others.next().is_some() || !counts_layers {
        return Err(wrong());
    }
    Ok(Axes { spatial, layer })
}

fn geometry(header: &Header, axes: &Axes) -> Result<Geometry, NrrdError> {
    let sizes = axes.spatial.map(|axis| header.sizes[axis]);
    let dims = sizes.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    // A grid that is none is told before its place is looked at.
    if dims.iter().any(|&n| n == 0 || n > i16::MAX as usize) {
        return Err(GeometryError::Dimensions { dims }.into());
    }
    let scaled = |vector: [f64; 3]| [0, 1, 2].map(|i| vector[i] * header.mm_per_unit[i]);
    if let Some(directions) = &header.directions {
        let steps = axes
            .spatial
            .map(|axis| directions[axis].unwrap_or([0.0; 3]));
        let origin = header.origin.unwrap_or([0.0; 3]);
        return Ok(with_signs(
            dims,
            steps.map(scaled),
            scaled(origin),
            header.signs,
        )?);
    }
    if header.spacings.is_empty() {
        return Err(NrrdError::Missing {
            field: "space directions",
        });
    }
    let mut steps = [[0.0; 3]; 3];
    let mut origin = header.origin.unwrap_or([0.0; 3]);
    for (i, &axis) in axes.spatial.iter().enumerate() {
        steps[i][i] = header.spacings[axis];
        if let (None, Some(&min)) = (header.origin, header.axis_mins.get(axis)) {
            let node = header.centers.get(axis).is_some_and(|c| c == "node");
            origin[i] = match (min.is_nan(), node) {
                (true, _) => 0.0,
                (false, true) => min,
                (false, false) => min + 0.5 * header.spacings[axis],
            };
        }
    }
    let geometry = with_signs(dims, steps.map(scaled), scaled(origin), header.signs)?;
    Ok(geometry.without_orientation())
}

fn numbers(header: &Header, data: &[u8], n: usize) -> Result<Voxels, NrrdError> {
    let mut data = data;
    for _ in 0..header.line_skip {
        match data.iter().position(|&byte| byte == b'\n') {
            Some(end) => data = &data[end + 1..],
            None => break,
        }
    }
    if header.encoding == Encoding::Text {
        return Ok(numbers_in_text(header.data_type, data, n)?);
    }
    let n_bytes = n as u64 * header.data_type.n_bytes() as u64;
    let skipped = |bytes: u64| bytes.saturating_add(header.byte_skip.max(0) as u64);
    let found = data.len() as u64;
    let (content, skip) = if header.encoding == Encoding::Gzip {
        let content = inflate_whole(Stream::Gzip, data, skipped(n_bytes))?;
        (Cow::Owned(content), header.byte_skip.max(0) as u64)
    } else if header.byte_skip == -1 {
        // The voxels are the end of the file, whatever stands before them.
        let needed = n_bytes;
        let skip = found
            .checked_sub(needed)
            .ok_or(ContentError::Truncated { needed, found })?;
        (Cow::Borrowed(data), skip)
    } else {
        check_length(found, skipped(n_bytes))?;
        (Cow::Borrowed(data), header.byte_skip as u64)
    };
    let stored = content.get(skip as usize..).unwrap_or_default();
    Ok(content::voxels(
        header.data_type,
        stored,
        n,
        header.big_endian,
    )?)
}

/// Layers one after the other, however they were interleaved.
fn split(all: Voxels, header: &Header, axes: &Axes, n_layers: usize) -> Vec<Voxels> {
    let Some(layer_axis) = axes.layer else {
        return vec![all];
    };
    // Numbers of one layer that stand together.
    let run: usize = header.sizes[..layer_axis]
        .iter()
        .map(|&n| n as usize)
        .product();
    content::channels(all, run, n_layers)
}
