//! `import-image`: an image as it lies on disk becomes canonical bytes.

use super::pixels;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(_context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let volume = pixels::volume(pixels::source(inputs, "image")?)?;
    Ok(vec![Produced::bytes("image", pixels::encode(&volume))])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, refusal, run, volume_bytes};
    use serde_json::json;

    #[test]
    fn canonical_bytes_stay_as_they_are() {
        let image = volume_bytes();
        let out = run("import-image", json!({}), &[("image", image.clone())]).unwrap();
        assert_eq!(content(&out, "image"), image);
    }

    #[test]
    fn bytes_that_are_no_image_are_refused_by_name() {
        let (code, _) = refusal(run(
            "import-image",
            json!({}),
            &[("image", b"hello".to_vec())],
        ));
        assert_eq!(code, "format-unknown");
    }

    #[test]
    fn a_file_that_is_not_there_is_refused() {
        let missing = b"radloom: no such file".to_vec();
        assert_eq!(
            refusal(run("import-image", json!({}), &[("image", missing)])).0,
            "file-missing"
        );
    }
}
