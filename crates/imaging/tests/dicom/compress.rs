//! Encoders of pixel frames, as the standards write them down and no shorter.

/// Run lengths (PS3.5 annex G): a segment for each byte of a word, the highest first; runs and literals of at most 128.
pub fn run_lengths(numbers: &[u16], n_bytes: usize) -> Vec<u8> {
    let segments: Vec<Vec<u8>> = (0..n_bytes)
        .rev()
        .map(|byte| pack(numbers.iter().map(|n| (n >> (8 * byte)) as u8).collect()))
        .collect();
    let mut table = [0_u32; 16];
    table[0] = n_bytes as u32;
    let mut at = 64;
    for (i, segment) in segments.iter().enumerate() {
        table[1 + i] = at;
        at += segment.len() as u32;
    }
    let head = table.iter().flat_map(|n| n.to_le_bytes());
    head.chain(segments.concat()).collect()
}

fn pack(bytes: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let run = rest.iter().take(128).take_while(|b| **b == rest[0]).count();
        if run > 1 {
            out.extend([(257 - run) as u8, rest[0]]);
            at += run;
            continue;
        }
        let pairs = rest.windows(2).take(127);
        let literal = 1 + pairs.take_while(|pair| pair[0] != pair[1]).count();
        let literal = literal.min(rest.len()).min(128);
        out.push((literal - 1) as u8);
        out.extend(&rest[..literal]);
        at += literal;
    }
    out.resize(out.len().next_multiple_of(2), 128);
    out
}

/// Bits, the highest first; a byte of ones is followed by a zero.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    held: u32,
    n_held: u32,
}

impl Bits {
    fn put(&mut self, value: u32, n: u32) {
        for i in (0..n).rev() {
            self.held = self.held << 1 | (value >> i & 1);
            self.n_held += 1;
            if self.n_held == 8 {
                self.bytes.push(self.held as u8);
                if self.held == 0xff {
                    self.bytes.push(0);
                }
                (self.held, self.n_held) = (0, 0);
            }
        }
    }

    /// A difference: its category in five bits, then as many bits as the category says (ITU T.81, F.1.2.1).
    fn put_difference(&mut self, difference: i32, code_bits: u32) {
        let size = 32 - difference.unsigned_abs().leading_zeros();
        self.put(size, code_bits);
        if size < 16 {
            let below = if difference < 0 {
                difference - 1
            } else {
                difference
            };
            self.put(below as u32 & ((1 << size) - 1), size);
        }
    }

    fn end(mut self) -> Vec<u8> {
        while self.n_held > 0 {
            self.put(1, 1);
        }
        self.bytes
    }
}

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u16 + 2).to_be_bytes();
    [&[0xff, marker], &length[..], content].concat()
}

/// A table of codes of equal length for the symbols 0, 1, 2, …; a code of ones alone is not allowed.
fn table(class_and_id: u8, n_symbols: u8, code_bits: usize) -> Vec<u8> {
    let mut counts = [0_u8; 16];
    counts[code_bits - 1] = n_symbols;
    let symbols: Vec<u8> = (0..n_symbols).collect();
    segment(0xc4, &[&[class_and_id], &counts[..], &symbols].concat())
}

/// Lossless JPEG (ITU T.81 annex H, process 14) with one of the predictors 1 to 7.
pub fn jpeg_lossless(
    numbers: &[u16],
    [columns, rows]: [usize; 2],
    bits: u16,
    predictor: u8,
) -> Vec<u8> {
    let at = |x: usize, y: usize| i32::from(numbers[y * columns + x]);
    let predicted = |x: usize, y: usize| match (x, y) {
        (0, 0) => 1 << (bits - 1),
        (_, 0) => at(x - 1, 0),
        (0, _) => at(0, y - 1),
        _ => {
            let (a, b, c) = (at(x - 1, y), at(x, y - 1), at(x - 1, y - 1));
            match predictor {
                1 => a,
                2 => b,
                3 => c,
                4 => a + b - c,
                5 => a + ((b - c) >> 1),
                6 => b + ((a - c) >> 1),
                _ => (a + b) >> 1,
            }
        }
    };
    let mut coded = Bits::default();
    for y in 0..rows {
        for x in 0..columns {
            // Differences are modulo 2^16; 32768 is a category without further bits.
            let difference = (at(x, y) - predicted(x, y)) as i16;
            coded.put_difference(i32::from(difference), 5);
        }
    }
    picture(
        0xc3,
        [columns, rows],
        bits as u8,
        table(0, 17, 5),
        [predictor, 0, 0],
        coded,
    )
}

/// Baseline JPEG of blocks of one value each: the mean of a block is all that is coded, and nothing is lost.
pub fn jpeg_baseline(values: &[u8], [columns, rows]: [usize; 2]) -> Vec<u8> {
    let mut coded = Bits::default();
    let mut before = 0;
    for &value in values {
        // The transform of a constant is eight times its distance from 128; the quantum is 8.
        let mean = i32::from(value) - 128;
        coded.put_difference(mean - before, 4);
        coded.put(0, 1); // end of block
        before = mean;
    }
    let quanta = segment(0xdb, &[&[0], &[8_u8; 64][..]].concat());
    let tables = [quanta, table(0, 12, 4), table(0x10, 1, 1)].concat();
    let size = [8 * columns, 8 * rows];
    picture(0xc0, size, 8, tables, [0, 63, 0], coded)
}

/// A file of one component: frame header, tables, scan header, codes.
fn picture(
    frame: u8,
    [columns, rows]: [usize; 2],
    bits: u8,
    tables: Vec<u8>,
    scan: [u8; 3],
    coded: Bits,
) -> Vec<u8> {
    let [[y1, y0], [x1, x0]] = [rows, columns].map(|n| (n as u16).to_be_bytes());
    [
        vec![0xff, 0xd8],
        segment(frame, &[bits, y1, y0, x1, x0, 1, 1, 0x11, 0]),
        tables,
        segment(0xda, &[1, 1, 0, scan[0], scan[1], scan[2]]),
        coded.end(),
        vec![0xff, 0xd9],
    ]
    .concat()
}
