//! One image and one region in three formats, from the cohort file to features: the formats must not show.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use imaging::{Geometry, Mask, Volume, Voxels, canonical};
use tests::{CsvTable, Radloom};

const STUDY: &str = r#"
name  = "formats"
seed  = 1
sites = ["c1"]

[cohort]
file = "cohort.toml"

[axes]
patient = { from = "cohort" }

[steps.image]
kind = "import-image"
per  = ["patient"]
in   = { image = "cohort.t2w" }

[steps.tumour]
kind = "import-mask"
per  = ["patient"]
in   = { mask = "cohort.mask", image = "image.image", series = "cohort.t2w" }

[steps.features]
kind = "extract-features"
per  = ["patient"]
in   = { image = "image.image", mask = "tumour.mask" }
with = { settings = { binWidth = 5.0 } }

[steps.table]
kind    = "gather-table"
in      = { features = "features.features" }
missing = "exclude"

[steps.exclusions]
kind = "exclusions"
in   = { exclusions = ["table.excluded"] }

[publish]
"tables/features.csv" = "table.table"
"exclusions.csv"      = "exclusions.exclusions"
"#;

const DIMS: [usize; 3] = [9, 8, 6];
const SPACING_MM: [f64; 3] = [1.0, 1.0, 3.0];

fn image() -> Volume {
    let geometry = Geometry::new(
        DIMS,
        [
            [-1.0, 0.0, 0.0, -10.0],
            [0.0, -1.0, 0.0, 20.0],
            [0.0, 0.0, 3.0, 30.0],
        ],
    )
    .unwrap();
    let n = geometry.n_voxels() as u64;
    let values = (0..n).map(|i| (100 + i * i % 97) as u16).collect();
    Volume::new(geometry, Voxels::U16(values)).unwrap()
}

/// Columns 2 to 6, rows 1 to 5, slices 1 to 3.
fn region() -> Mask {
    let geometry = image().geometry;
    let inside = |i| {
        let [x, y, z] = geometry.voxel(i);
        (2..7).contains(&x) && (1..6).contains(&y) && (1..4).contains(&z)
    };
    Mask::new(geometry, (0..geometry.n_voxels()).map(inside).collect()).unwrap()
}

fn numbers() -> Vec<u8> {
    match image().voxels {
        Voxels::U16(values) => values.into_iter().flat_map(u16::to_le_bytes).collect(),
        other => panic!("{other:?}"),
    }
}

/// An element of a DICOM file, explicit and little-endian.
fn element(tag: (u16, u16), vr: &str, value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(if vr == "UI" { 0 } else { b' ' });
    }
    let mut bytes = [tag.0.to_le_bytes(), tag.1.to_le_bytes()].concat();
    bytes.extend(vr.as_bytes());
    if matches!(vr, "SQ" | "OW" | "OB") {
        bytes.extend([0, 0]);
        bytes.extend((value.len() as u32).to_le_bytes());
    } else {
        bytes.extend((value.len() as u16).to_le_bytes());
    }
    bytes.extend(value);
    bytes
}

fn items(tag: (u16, u16), items: &[Vec<u8>]) -> Vec<u8> {
    let item = |item: &Vec<u8>| {
        let mut bytes = vec![0xfe, 0xff, 0x00, 0xe0];
        bytes.extend((item.len() as u32).to_le_bytes());
        bytes.extend(item);
        bytes
    };
    element(tag, "SQ", &items.iter().flat_map(item).collect::<Vec<u8>>())
}

fn dicom(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    bytes.extend(element((2, 0x10), "UI", b"1.2.840.10008.1.2.1"));
    bytes.extend(elements.concat());
    bytes
}

fn short(tag: (u16, u16), value: u16) -> Vec<u8> {
    element(tag, "US", &value.to_le_bytes())
}

fn slice(k: usize) -> Vec<u8> {
    let [columns, rows, _] = DIMS;
    let n_bytes = 2 * columns * rows;
    let place = format!("10\\-20\\{}", 30.0 + SPACING_MM[2] * k as f64);
    dicom(&[
        element((0x08, 0x16), "UI", b"1.2.840.10008.5.1.4.1.1.4"),
        element((0x10, 0x10), "PN", b"Miller^Anna"),
        element((0x20, 0x0e), "UI", b"1.2.3"),
        element((0x20, 0x32), "DS", place.as_bytes()),
        element((0x20, 0x37), "DS", b"1\\0\\0\\0\\1\\0"),
        element((0x20, 0x52), "UI", b"1.2.9"),
        short((0x28, 0x02), 1),
        element((0x28, 0x04), "CS", b"MONOCHROME2"),
        short((0x28, 0x10), rows as u16),
        short((0x28, 0x11), columns as u16),
        element((0x28, 0x30), "DS", b"1\\1"),
        short((0x28, 0x100), 16),
        short((0x28, 0x101), 16),
        short((0x28, 0x102), 15),
        short((0x28, 0x103), 0),
        element(
            (0x7fe0, 0x10),
            "OW",
            &numbers()[k * n_bytes..(k + 1) * n_bytes],
        ),
    ])
}

fn structures() -> Vec<u8> {
    let contour = |k: usize| {
        let z = 30.0 + SPACING_MM[2] * k as f64;
        let (left, right, front, back) = (10.0 + 1.5, 10.0 + 6.5, -20.0 + 0.5, -20.0 + 5.5);
        let corners = [[left, front], [right, front], [right, back], [left, back]];
        let data: Vec<String> = corners
            .iter()
            .map(|[x, y]| format!("{x}\\{y}\\{z}"))
            .collect();
        [
            element((0x3006, 0x42), "CS", b"CLOSED_PLANAR"),
            element((0x3006, 0x50), "DS", data.join("\\").as_bytes()),
        ]
        .concat()
    };
    let contours: Vec<Vec<u8>> = (1..4).map(contour).collect();
    dicom(&[
        element((0x08, 0x16), "UI", b"1.2.840.10008.5.1.4.1.1.481.3"),
        items(
            (0x3006, 0x20),
            &[[
                element((0x3006, 0x22), "IS", b"7"),
                element((0x3006, 0x24), "UI", b"1.2.9"),
                element((0x3006, 0x26), "LO", b"GTV"),
            ]
            .concat()],
        ),
        items(
            (0x3006, 0x39),
            &[[
                items((0x3006, 0x40), &contours),
                element((0x3006, 0x84), "IS", b"7"),
            ]
            .concat()],
        ),
    ])
}

fn nrrd(voxel_type: &str, first_slice: f64, n_slices: usize, more: &str, data: &[u8]) -> Vec<u8> {
    let [columns, rows, _] = DIMS;
    let header = format!(
        "NRRD0005\ntype: {voxel_type}\ndimension: 3\nspace: left-posterior-superior\nsizes: {columns} {rows} {n_slices}\n\
         space directions: (1,0,0) (0,1,0) (0,0,3)\nkinds: domain domain domain\nendian: little\nencoding: raw\n\
         space origin: (10,-20,{})\n{more}\n",
        30.0 + 3.0 * first_slice
    );
    [header.as_bytes(), data].concat()
}

/// Slices 1 to 3 alone, as Slicer crops a segmentation.
fn segments() -> Vec<u8> {
    let slice = DIMS[0] * DIMS[1];
    let inside = &region().inside[slice..4 * slice];
    let data: Vec<u8> = inside
        .iter()
        .map(|&inside| if inside { 3 } else { 0 })
        .collect();
    let more = "Segment0_Name:=GTV\nSegment0_LabelValue:=3\nSegment0_Layer:=0\n";
    nrrd("uchar", 1.0, 3, more, &data)
}

fn write_cohort(folder: &Path) {
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    std::fs::create_dir_all(folder.join("p1")).unwrap();
    for k in 0..DIMS[2] {
        write(&format!("p1/Miller_{}.dcm", DIMS[2] - k), &slice(k));
    }
    write("p1/readme.txt", b"no image");
    write("p1.dcm", &structures());
    write("p2.nrrd", &nrrd("ushort", 0.0, DIMS[2], "", &numbers()));
    write("p2.seg.nrrd", &segments());
    write("p3.nii", &canonical::canonical_bytes(&image()));
    write(
        "p3_mask.nii",
        &canonical::canonical_bytes(&region().to_volume()),
    );
    write("study.toml", STUDY.as_bytes());
    write(
        "patients.csv",
        b"patient_id,site,image,mask,roi\np1,c1,p1,p1.dcm,GTV\np2,c1,p2.nrrd,p2.seg.nrrd,GTV\np3,c1,p3.nii,p3_mask.nii,\n",
    );
    write(
        "cohort.toml",
        b"table = \"patients.csv\"\n[items]\nt2w = { column = \"image\" }\nmask = { column = \"mask\", region-column = \"roi\" }\n",
    );
}

#[test]
fn a_series_with_structures_and_a_nrrd_with_segments_give_the_features_of_the_nifti() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("cohort");
    std::fs::create_dir_all(&folder).unwrap();
    write_cohort(&folder);
    let radloom = Radloom::on(&dir.path().join("cache"));
    let (study, out) = (folder.join("study.toml"), dir.path().join("out"));
    let counts = radloom.run(&study, &out, &[]).done();
    assert_eq!(counts.excluded, 0, "{counts:#?}");
    let table = CsvTable::read(&out.join("tables/features.csv"));
    let id = table.column("patient_id");
    let row = |patient: &str| {
        let found: Vec<_> = table.rows.iter().filter(|row| row[id] == patient).collect();
        assert_eq!(found.len(), 1, "{patient}");
        let (before, after) = (&found[0][..id], &found[0][id + 1..]);
        [before, after].concat()
    };
    assert!(table.header.len() > 100);
    assert_eq!(row("p1"), row("p3"));
    assert_eq!(row("p2"), row("p3"));
    // A second run repeats nothing; a slice that is gone is found, and named to the site by its place.
    let again = radloom.run(&study, &out, &[]).done();
    assert_eq!((again.ran, again.excluded), (0, 0), "{again:#?}");
    std::fs::remove_file(folder.join("p1/Miller_3.dcm")).unwrap();
    let without = radloom.run(&study, &out, &[]);
    assert!(without.excluded > 0, "{without:#?}");
    let said = std::fs::read_to_string(out.join("exclusions.csv")).unwrap();
    assert!(
        said.contains("missing-slices") && said.contains("39 mm"),
        "{said}"
    );
    assert!(!said.contains("Miller"), "{said}");
}

#[test]
fn folders_of_slices_with_their_structures_are_proposed_as_items() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("export");
    for id in ["p1", "p2", "p3"] {
        let (images, regions) = (folder.join(id).join("MR"), folder.join(id).join("RT"));
        std::fs::create_dir_all(&images).unwrap();
        std::fs::create_dir_all(&regions).unwrap();
        for k in 0..DIMS[2] {
            std::fs::write(images.join(format!("IM{k}")), slice(k)).unwrap();
        }
        let name = format!("RS.1.2.{}.dcm", id.len());
        std::fs::write(regions.join(name), structures()).unwrap();
    }
    let radloom = Radloom::on(&dir.path().join("cache"));
    let said = radloom.say(&["check", "--propose", folder.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let text = std::fs::read_to_string(folder.join("cohort.toml")).unwrap();
    for line in [
        "t2w = { pattern = \"{patient_id}/MR\" }   # 3 files",
        "mask = { pattern = \"{patient_id}/RT\" }   # 3 files",
        "# p1: the mask is no label image; of a structure set or segmentation name the region",
    ] {
        assert!(text.contains(line), "{line}\n---\n{text}");
    }
    // What was proposed can be run.
    let study = STUDY.replace(
        "series = \"cohort.t2w\" }",
        "series = \"cohort.t2w\" }\nwith = { region = \"GTV\" }",
    );
    let study = study.replace("\"c1\"", "\"site1\"");
    std::fs::write(folder.join("study.toml"), study).unwrap();
    let out = dir.path().join("out");
    let counts = radloom.run(&folder.join("study.toml"), &out, &[]).done();
    assert_eq!(counts.excluded, 0, "{counts:#?}");
    let table = CsvTable::read(&out.join("tables/features.csv"));
    assert_eq!(table.rows.len(), 3);
}
