//! The six letters that say where the patient's sides are: five by seven dots, drawn twice as large.

/// Width and height of a letter, pixels.
pub(super) const SIZE_PX: [usize; 2] = [10, 14];

/// Rows from the top, the leftmost of five dots in the highest bit.
fn rows(letter: char) -> [u8; 7] {
    match letter {
        'A' => [
            0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001,
        ],
        'I' => [
            0b01110, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110,
        ],
        'L' => [
            0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111,
        ],
        'P' => [
            0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000,
        ],
        'R' => [
            0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001,
        ],
        'S' => [
            0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110,
        ],
        _ => [0; 7],
    }
}

/// Calls `dot` for each pixel of a letter, from its upper left corner.
pub(super) fn draw(letter: char, mut dot: impl FnMut(usize, usize)) {
    for (y, row) in rows(letter).into_iter().enumerate() {
        for x in (0..5).filter(|x| row >> (4 - x) & 1 == 1) {
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                dot(2 * x + dx, 2 * y + dy);
            }
        }
    }
}
