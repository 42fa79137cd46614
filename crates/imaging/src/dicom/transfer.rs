//! Transfer syntaxes: how elements and pixels are written (PS3.5 section 10 and annex A).

use super::error::{DicomError, shown_uid};

/// How elements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoding {
    pub(super) explicit: bool,
    pub(super) big_endian: bool,
}

impl Encoding {
    pub(super) const EXPLICIT_LITTLE: Encoding = Encoding {
        explicit: true,
        big_endian: false,
    };
}

/// How the whole file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransferSyntax {
    ImplicitLittle,
    ExplicitLittle,
    ExplicitBig,
    Deflated,
    Rle,
    Jpeg,
}

impl TransferSyntax {
    pub(super) fn of(uid: &str) -> Result<TransferSyntax, DicomError> {
        Ok(match uid {
            "1.2.840.10008.1.2" => TransferSyntax::ImplicitLittle,
            "1.2.840.10008.1.2.1" | "1.2.840.10008.1.2.1.98" => TransferSyntax::ExplicitLittle,
            "1.2.840.10008.1.2.2" => TransferSyntax::ExplicitBig,
            "1.2.840.10008.1.2.1.99" => TransferSyntax::Deflated,
            "1.2.840.10008.1.2.5" => TransferSyntax::Rle,
            "1.2.840.10008.1.2.4.50" | "1.2.840.10008.1.2.4.57" | "1.2.840.10008.1.2.4.70" => {
                TransferSyntax::Jpeg
            }
            _ => {
                return Err(DicomError::TransferSyntax {
                    name: name(uid),
                    uid: shown_uid(uid),
                });
            }
        })
    }

    pub(super) fn encoding(self) -> Encoding {
        Encoding {
            explicit: self != TransferSyntax::ImplicitLittle,
            big_endian: self == TransferSyntax::ExplicitBig,
        }
    }

    pub(super) fn is_deflated(self) -> bool {
        self == TransferSyntax::Deflated
    }
}

fn name(uid: &str) -> &'static str {
    match uid.strip_prefix("1.2.840.10008.1.2.4.") {
        Some("51") => "JPEG Extended, 12 bits",
        Some("80" | "81") => "JPEG-LS",
        Some("90" | "91" | "92" | "93") => "JPEG 2000",
        Some("201" | "202" | "203") => "High-Throughput JPEG 2000",
        Some("110" | "111" | "112") => "JPEG XL",
        Some("100" | "101" | "102" | "103" | "104" | "105" | "106" | "107" | "108") => "a video",
        _ => "unknown",
    }
}
