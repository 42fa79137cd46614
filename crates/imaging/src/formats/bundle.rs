//! Several files as one run of bytes: the members of a folder, or a file with what was chosen of it.
//!
//! ```text
//! radloom files 1
//! series=<SeriesInstanceUID>      where one was chosen
//! region=<name>                   where one was chosen
//!                                 (empty line)
//! <length, 8 bytes, little-endian><bytes>      a file, and so on
//! ```
//! Files are in the order of their bytes, so that neither their names nor their order on the disk are told.

/// First line of a bundle.
const TITLE: &str = "radloom files 1\n";

/// What of a folder or a file is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Choice {
    /// The `SeriesInstanceUID` of the series.
    pub series: Option<String>,
    /// The name of the region.
    pub region: Option<String>,
}

impl Choice {
    /// Whether nothing was chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_none() && self.region.is_none()
    }
}

/// Files and what is meant of them, borrowed from a bundle's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle<'a> {
    /// What was chosen.
    pub choice: Choice,
    /// The files' bytes.
    pub files: Vec<&'a [u8]>,
}

/// Whether bytes are a bundle.
#[must_use]
pub fn is_bundle(bytes: &[u8]) -> bool {
    bytes.starts_with(TITLE.as_bytes())
}

impl<'a> Bundle<'a> {
    /// The bytes of a bundle; control characters of what was chosen are left out, as no identifier has them.
    #[must_use]
    pub fn encode(choice: &Choice, files: &[Vec<u8>]) -> Vec<u8> {
        let mut sorted: Vec<&Vec<u8>> = files.iter().collect();
        sorted.sort_unstable();
        let plain = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
        let mut bytes = TITLE.as_bytes().to_vec();
        if let Some(series) = &choice.series {
            bytes.extend(format!("series={}\n", plain(series)).as_bytes());
        }
        if let Some(region) = &choice.region {
            bytes.extend(format!("region={}\n", plain(region)).as_bytes());
        }
        bytes.push(b'\n');
        for file in sorted {
            bytes.extend((file.len() as u64).to_le_bytes());
            bytes.extend(file);
        }
        bytes
    }

    /// The files of a bundle; none if the bytes are no bundle.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Bundle<'a>> {
        let mut rest = bytes.strip_prefix(TITLE.as_bytes())?;
        let mut choice = Choice::default();
        loop {
            let end = rest.iter().position(|&byte| byte == b'\n')?;
            let line = std::str::from_utf8(&rest[..end]).ok()?;
            rest = &rest[end + 1..];
            match line.split_once('=') {
                None if line.is_empty() => break,
                Some(("series", uid)) => choice.series = Some(uid.to_owned()),
                Some(("region", name)) => choice.region = Some(name.to_owned()),
                _ => return None,
            }
        }
        let mut files = Vec::new();
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk::<8>()?;
            let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
            let (file, after) = after.split_at_checked(length)?;
            files.push(file);
            rest = after;
        }
        Some(Bundle { choice, files })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_comes_back_in_the_order_of_its_bytes() {
        let choice = Choice {
            series: Some("1.2.3".into()),
            region: Some("GTV = p\n".into()),
        };
        let files = [b"two".to_vec(), b"one".to_vec(), Vec::new()];
        let bytes = Bundle::encode(&choice, &files);
        assert!(is_bundle(&bytes));
        let bundle = Bundle::decode(&bytes).unwrap();
        assert_eq!(bundle.files, [&b""[..], b"one", b"two"]);
        assert_eq!(bundle.choice.region.as_deref(), Some("GTV = p"));
        assert_eq!(bundle.choice.series, choice.series);
        for n in TITLE.len()..bytes.len() {
            // A cut is seen, unless it falls between two files.
            let cut = Bundle::decode(&bytes[..n]);
            assert!(cut.is_none_or(|cut| cut.files.len() < 3), "{n}");
        }
    }
}
