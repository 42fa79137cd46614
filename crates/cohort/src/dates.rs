//! Dates as people write them: which day a cell means, and which conventions a column mixes.

/// A day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

/// How a date is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DateFormat {
    /// `2021-03-04`, `2021/3/4`, `20210304`.
    YearMonthDay,
    /// `04/03/2021`, `4.3.2021`.
    DayMonthYear,
    /// `03/04/2021`.
    MonthDayYear,
    /// `44259`: days since 1899-12-30, what Excel leaves of a date.
    ExcelSerial,
}

impl DateFormat {
    /// As people name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            DateFormat::YearMonthDay => "yyyy-mm-dd",
            DateFormat::DayMonthYear => "dd/mm/yyyy",
            DateFormat::MonthDayYear => "mm/dd/yyyy",
            DateFormat::ExcelSerial => "Excel serial",
        }
    }
}

/// Days from 1899-12-30 to 1970-01-01; Excel counts a 1900-02-29 that never was, so days before 1900-03-01 are not taken.
const EXCEL_DAY_0: i64 = -25_569;
/// Serials from 1954 to 2064: other numbers are no dates of a study.
const SERIALS: std::ops::RangeInclusive<i64> = 20_000..=60_000;
const YEARS: std::ops::RangeInclusive<i64> = 1900..=2100;

impl Day {
    /// The day of a year, month and date of the Gregorian calendar; `None` if there is none, or the year is not from 1900
    /// to 2100.
    #[must_use]
    pub fn from_civil(year: i64, month: u32, date: u32) -> Option<Day> {
        if !YEARS.contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&date) {
            return None;
        }
        // Years that begin in March, so that the leap day is the last.
        let y = if month <= 2 { year - 1 } else { year };
        let shifted = i64::from((month + 9) % 12);
        let of_year = (153 * shifted + 2) / 5 + i64::from(date) - 1;
        let day = Day(365 * y + y / 4 - y / 100 + y / 400 + of_year - 719_468);
        (day.civil() == (year, month, date)).then_some(day)
    }

    /// Year, month and date of the Gregorian calendar.
    ///
    /// # Reference
    /// Richards, in Explanatory Supplement to the Astronomical Almanac, 3rd ed. (2013), section 15.11
    #[must_use]
    pub fn civil(self) -> (i64, u32, u32) {
        let shifted = self.0 + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * of_year + 2) / 153;
        let date = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        (year, month as u32, date as u32)
    }
}

/// The day that a cell means in a format.
#[must_use]
pub fn parse_date(cell: &str, format: DateFormat) -> Option<Day> {
    let cell = cell.trim();
    // A time of day does not matter.
    let cell = cell.split([' ', 'T']).next().unwrap_or(cell);
    if format == DateFormat::ExcelSerial {
        let serial: i64 = cell.parse().ok()?;
        return SERIALS
            .contains(&serial)
            .then_some(Day(serial + EXCEL_DAY_0));
    }
    let compact = cell.len() == 8 && cell.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = if compact {
        vec![&cell[..4], &cell[4..6], &cell[6..]]
    } else {
        cell.split(['-', '/', '.']).collect()
    };
    let &[first, second, third] = parts.as_slice() else {
        return None;
    };
    let (year, month, date) = match format {
        DateFormat::YearMonthDay if first.len() == 4 => (first, second, third),
        DateFormat::DayMonthYear if third.len() == 4 => (third, second, first),
        DateFormat::MonthDayYear if third.len() == 4 => (third, first, second),
        _ => return None,
    };
    Day::from_civil(year.parse().ok()?, month.parse().ok()?, date.parse().ok()?)
}

/// A column of dates: which format reads it, and what does not fit.
#[derive(Debug, Clone, PartialEq)]
pub struct DateColumn {
    /// The format of most cells; `DayMonthYear` where nothing decides between that and `MonthDayYear`.
    pub format: DateFormat,
    /// The day of each cell in its own format; none for empty cells and for what is no date.
    pub days: Vec<Option<Day>>,
    /// Rows that only another format reads, with that format; not Excel serials.
    pub other_format: Vec<(usize, DateFormat)>,
    /// Rows with an Excel serial between dates.
    pub serials: Vec<usize>,
    /// Whether no cell decides between day first and month first, although some could be either.
    pub ambiguous: bool,
}

/// A column is one of dates if at least this share of its cells that are not empty are.
const SHARE_MIN: f64 = 0.6;

/// What a column of cells is as dates; `None` if it is none. Numbers alone are no dates, however they look.
#[must_use]
pub fn date_column(cells: &[&str]) -> Option<DateColumn> {
    use DateFormat::{DayMonthYear, ExcelSerial, MonthDayYear, YearMonthDay};
    let read = |format| cells.iter().map(move |cell| parse_date(cell, format));
    let iso: Vec<Option<Day>> = read(YearMonthDay).collect();
    let day_first: Vec<Option<Day>> = read(DayMonthYear).collect();
    let month_first: Vec<Option<Day>> = read(MonthDayYear).collect();
    let serials: Vec<usize> = (0..cells.len())
        .filter(|&row| iso[row].is_none() && parse_date(cells[row], ExcelSerial).is_some())
        .collect();
    let of = |days: &[Option<Day>]| days.iter().flatten().count();
    let only = |a: &[Option<Day>], b: &[Option<Day>]| -> Vec<usize> {
        let rows = 0..cells.len();
        rows.filter(|&row| a[row].is_some() && b[row].is_none())
            .collect()
    };
    let (only_day_first, only_month_first) = (
        only(&day_first, &month_first),
        only(&month_first, &day_first),
    );
    let n_slashed = (0..cells.len())
        .filter(|&r| day_first[r].is_some() || month_first[r].is_some())
        .count();
    let n_cells = cells.iter().filter(|cell| !cell.trim().is_empty()).count();
    let n_dates = of(&iso) + n_slashed;
    let looks_like_dates = cells.iter().any(|cell| cell.contains(['-', '/', '.']));
    if n_cells == 0
        || !looks_like_dates
        || ((n_dates + serials.len()) as f64) < SHARE_MIN * n_cells as f64
        || n_dates == 0
    {
        return None;
    }
    let slashed = if only_month_first.len() > only_day_first.len() {
        MonthDayYear
    } else {
        DayMonthYear
    };
    let format = if of(&iso) >= n_slashed {
        YearMonthDay
    } else {
        slashed
    };
    let mut other_format = Vec::new();
    let mut days = Vec::with_capacity(cells.len());
    for row in 0..cells.len() {
        let [first, second] = match slashed {
            MonthDayYear => [
                (month_first[row], MonthDayYear),
                (day_first[row], DayMonthYear),
            ],
            _ => [
                (day_first[row], DayMonthYear),
                (month_first[row], MonthDayYear),
            ],
        };
        let serial = (parse_date(cells[row], ExcelSerial), ExcelSerial);
        let readings = [(iso[row], YearMonthDay), first, second, serial];
        let reading = readings
            .into_iter()
            .find_map(|(day, format)| Some((day?, format)));
        days.push(reading.map(|(day, _)| day));
        if let Some((_, own)) = reading.filter(|(_, own)| *own != format && *own != ExcelSerial) {
            other_format.push((row, own));
        }
    }
    let undecided = only_day_first.is_empty() && only_month_first.is_empty();
    Some(DateColumn {
        format,
        days,
        other_format,
        serials,
        ambiguous: undecided && n_slashed > 0,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use DateFormat::{DayMonthYear, ExcelSerial, MonthDayYear, YearMonthDay};

    #[test]
    fn days_and_civil_dates_undo_each_other() {
        assert_eq!(Day::from_civil(1970, 1, 1), Some(Day(0)));
        assert_eq!(Day::from_civil(2000, 2, 29), Some(Day(11_016)));
        assert_eq!(Day::from_civil(1900, 2, 29), None);
        assert_eq!(Day::from_civil(2021, 4, 31), None);
        let (first, last) = (
            Day::from_civil(1900, 1, 1).unwrap(),
            Day::from_civil(2100, 12, 31).unwrap(),
        );
        assert_eq!(last.0 - first.0, 201 * 365 + 49 - 1);
        for day in first.0..=last.0 {
            let (year, month, date) = Day(day).civil();
            assert_eq!(Day::from_civil(year, month, date), Some(Day(day)));
        }
    }

    #[test]
    fn one_day_has_many_spellings() {
        let day = Day::from_civil(2021, 3, 4);
        for cell in [
            "2021-03-04",
            "2021/3/4",
            "20210304",
            " 2021-03-04T12:00:00",
            "2021.03.04 08:30",
        ] {
            assert_eq!(parse_date(cell, YearMonthDay), day, "{cell}");
        }
        assert_eq!(parse_date("4.3.2021", DayMonthYear), day);
        assert_eq!(parse_date("03/04/2021", MonthDayYear), day);
        assert_eq!(parse_date("44259", ExcelSerial), day);
        for cell in ["", "20", "2021", "1-2", "a-b-c", "31/04/2021", "4/3/21"] {
            assert_eq!(parse_date(cell, DayMonthYear), None, "{cell}");
        }
    }

    #[test]
    fn a_column_says_what_it_mixes() {
        let column =
            date_column(&["13/02/2020", "01/02/2020", "", "02/14/2020", "28/02/2020"]).unwrap();
        assert_eq!(column.format, DayMonthYear);
        assert_eq!(column.other_format, [(3, MonthDayYear)]);
        assert_eq!(column.days[1], Day::from_civil(2020, 2, 1));
        assert!(!column.ambiguous);
        let column = date_column(&["2020-02-13", "43875", "2020-02-15"]).unwrap();
        assert_eq!(
            (column.serials.as_slice(), column.format),
            ([1].as_slice(), YearMonthDay)
        );
        assert_eq!(column.days[1], Day::from_civil(2020, 2, 14));
        assert!(
            date_column(&["01/02/2020", "03/04/2020"])
                .unwrap()
                .ambiguous
        );
    }

    #[test]
    fn numbers_and_words_are_no_dates() {
        for cells in [
            &["20200101", "20210101"][..],
            &["44259", "44260"],
            &["a/b", "c"],
            &["", ""],
            &["1.5", "2.5"],
        ] {
            assert_eq!(date_column(cells), None, "{cells:?}");
        }
    }
}
