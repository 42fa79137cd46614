//! Voxels written as decimal text.

use super::{ContentError, DataType, check_length, narrow};
use crate::volume::Voxels;
use std::str::FromStr;

/// Characters of a bad number that an error shows.
const N_CHARS_SHOWN: usize = 32;

/// `n` numbers separated by white space or commas.
///
/// # Errors
/// [`ContentError::Text`] at the first that is none; [`ContentError::Truncated`] if there are fewer (a number being a byte at least).
pub(crate) fn numbers_in_text(
    data_type: DataType,
    bytes: &[u8],
    n: usize,
) -> Result<Voxels, ContentError> {
    let name = data_type.name();
    Ok(match data_type {
        DataType::U8 => Voxels::U8(parse(bytes, n, name)?),
        DataType::I8 => Voxels::I8(parse(bytes, n, name)?),
        DataType::U16 => Voxels::U16(parse(bytes, n, name)?),
        DataType::I16 => Voxels::I16(parse(bytes, n, name)?),
        DataType::U32 => Voxels::U32(parse(bytes, n, name)?),
        DataType::I32 => Voxels::I32(parse(bytes, n, name)?),
        DataType::F32 => Voxels::F32(parse(bytes, n, name)?),
        DataType::F64 => Voxels::F64(parse(bytes, n, name)?),
        DataType::I64 => Voxels::I32(narrow(&parse::<i64>(bytes, n, name)?)?),
        DataType::U64 => Voxels::U32(narrow(&parse::<u64>(bytes, n, name)?)?),
    })
}

fn parse<T: FromStr>(
    bytes: &[u8],
    n: usize,
    type_name: &'static str,
) -> Result<Vec<T>, ContentError> {
    let mut values = Vec::new();
    let words = bytes
        .split(|byte| byte.is_ascii_whitespace() || *byte == b',')
        .filter(|word| !word.is_empty());
    for (index, word) in words.take(n).enumerate() {
        let parsed = std::str::from_utf8(word).ok().and_then(|w| w.parse().ok());
        values.push(parsed.ok_or_else(|| {
            ContentError::Text {
                index,
                text: String::from_utf8_lossy(word)
                    .chars()
                    .take(N_CHARS_SHOWN)
                    .collect(),
                type_name,
            }
        })?);
    }
    check_length(values.len() as u64, n as u64)?;
    Ok(values)
}
