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
                let (name, repair) = refused(uid);
                return Err(DicomError::TransferSyntax {
                    name,
                    uid: shown_uid(uid),
                    repair,
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

/// The name of a syntax that is not read, and what makes files of it that are.
fn refused(uid: &str) -> (&'static str, &'static str) {
    const EXPORT: &str = "re-export the files uncompressed";
    const DJPEG: &str = "decompress the files first: dcmdjpeg IN OUT, or gdcmconv --raw IN OUT";
    const DJPLS: &str = "decompress the files first: dcmdjpls IN OUT, or gdcmconv --raw IN OUT";
    const GDCM: &str = "decompress the files first: gdcmconv --raw IN OUT";
    match uid.strip_prefix("1.2.840.10008.1.2.4.") {
        Some("51") => ("JPEG Extended, 12 bits", DJPEG),
        Some("52" | "53" | "54" | "55" | "56") => ("JPEG, a retired process", DJPEG),
        Some("80" | "81") => ("JPEG-LS", DJPLS),
        Some("90" | "91" | "92" | "93") => ("JPEG 2000", GDCM),
        Some("201" | "202" | "203") => ("High-Throughput JPEG 2000", EXPORT),
        Some("110" | "111" | "112") => ("JPEG XL", EXPORT),
        Some("100" | "101" | "102" | "103" | "104" | "105" | "106" | "107" | "108") => {
            ("a video", EXPORT)
        }
        _ => (
            "unknown",
            "re-export the files uncompressed, or gdcmconv --raw IN OUT",
        ),
    }
}
