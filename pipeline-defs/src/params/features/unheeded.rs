//! What settings say and nothing comes of, as PyRadiomics has it.

use std::fmt;

use super::ExtractParams;

/// A setting without effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Unheeded {
    /// Laplacians of Gaussian are asked for, and no width is given: there are none, and PyRadiomics says nothing.
    LogWithoutSigma,
    /// A channel of the mask is named; it counts where a mask has several, which only masks by hand have.
    LabelChannel {
        /// The channel.
        channel: u32,
    },
    /// A width of bins stands where a number of bins counts, which PyRadiomics looks at first.
    BinWidth {
        /// The image type with the width.
        image_type: &'static str,
        /// The width.
        bin_width: f64,
        /// The number of bins that counts.
        bin_count: u32,
    },
}

impl Unheeded {
    /// A stable name, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Unheeded::LogWithoutSigma => "log-without-sigma",
            Unheeded::LabelChannel { .. } => "label-channel-unused",
            Unheeded::BinWidth { .. } => "bin-width-unused",
        }
    }

    /// What to do about it.
    pub fn repair(&self) -> &'static str {
        match self {
            Unheeded::LogWithoutSigma => {
                "give widths in mm, `LoG: {sigma: [1.0, 2.0, 3.0]}`, or leave LoG out"
            }
            Unheeded::LabelChannel { .. } => {
                "say `channel` in the step `import-mask` that reads the mask"
            }
            Unheeded::BinWidth { .. } => "leave one of the two out",
        }
    }
}

impl fmt::Display for Unheeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unheeded::LogWithoutSigma => f.write_str(
                "`imageType` has LoG and there is no `sigma`: no Laplacian of Gaussian is made",
            ),
            Unheeded::LabelChannel { channel } => write!(
                f,
                "label_channel is {channel} and the mask has one channel: it is the one"
            ),
            Unheeded::BinWidth {
                image_type,
                bin_width,
                bin_count,
            } => write!(
                f,
                "`imageType.{image_type}` has binWidth {bin_width} where binCount {bin_count} counts"
            ),
        }
    }
}

impl ExtractParams {
    /// Settings of these that have no effect.
    pub fn unheeded(&self) -> Vec<Unheeded> {
        let wanted = self.imageType.as_ref().map(|types| types.wanted());
        let mut found = Vec::new();
        if self.settings.label_channel != 0 {
            found.push(Unheeded::LabelChannel {
                channel: self.settings.label_channel,
            });
        }
        for (image_type, custom) in wanted.into_iter().flatten() {
            let sigma = custom.sigma.as_ref().unwrap_or(&self.settings.sigma);
            if image_type == "LoG" && sigma.is_empty() {
                found.push(Unheeded::LogWithoutSigma);
            }
            let bin_count = custom.binCount.or(self.settings.binCount);
            if let (Some(bin_width), Some(bin_count)) = (custom.binWidth, bin_count) {
                found.push(Unheeded::BinWidth {
                    image_type,
                    bin_width,
                    bin_count,
                });
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::settings_file;
    use serde_json::json;

    fn codes(text: &str) -> Vec<&'static str> {
        let content = settings_file::read(text, "settings.yaml").unwrap();
        let text =
            crate::params::resolve("extract-features", &json!({ "settings": content })).unwrap();
        let params: ExtractParams = crate::params::decode(&text).unwrap();
        params.unheeded().iter().map(Unheeded::code).collect()
    }

    #[test]
    fn settings_without_effect_are_found() {
        assert_eq!(
            codes("setting: {label_channel: 1}"),
            ["label-channel-unused"]
        );
        assert_eq!(
            codes("imageType: {Original: , LoG: }"),
            ["log-without-sigma"]
        );
        assert!(codes("setting: {sigma: [1]}\nimageType: {LoG: }").is_empty());
        assert!(codes("imageType: {LoG: {sigma: [2], binWidth: 5}}").is_empty());
        assert_eq!(
            codes(
                "setting: {binCount: 32}\nimageType: {Original: {binWidth: 5}, Square: {binCount: 8}}"
            ),
            ["bin-width-unused"]
        );
        assert_eq!(
            codes("imageType: {Original: {binWidth: 5, binCount: 8}}"),
            ["bin-width-unused"]
        );
    }
}
