//! Numbers as people read and write them: three digits and a unit.

use std::time::Duration;

use jiff::SignedDuration;

/// A count or rate in powers of 1,000: `0`, `950`, `12.3k`, `3.21M`.
#[must_use]
pub fn count(value: f64) -> String {
    const UNITS: [&str; 5] = ["", "k", "M", "G", "T"];
    scaled(value, 1_000.0, &UNITS, "")
}

/// A number of bytes in powers of 1,024: `512 B`, `21.5 MiB`.
#[must_use]
pub fn bytes(value: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    scaled(value, 1_024.0, &UNITS, " ")
}

/// A duration: `850 ns`, `12.3 us`, `4.56 ms`, `1.23 s`, `2 m 05 s`, `1 h 02 m`.
#[must_use]
pub fn duration(value: Duration) -> String {
    const UNITS: [&str; 4] = ["ns", "us", "ms", "s"];
    let seconds = value.as_secs();
    if seconds >= 3_600 {
        return format!("{} h {:02} m", seconds / 3_600, seconds / 60 % 60);
    }
    if seconds >= 60 {
        return format!("{} m {:02} s", seconds / 60, seconds % 60);
    }
    scaled(value.as_secs_f64() * 1e9, 1_000.0, &UNITS, " ")
}

/// A whole number with its thousands set apart: `1,234,567`.
#[must_use]
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Reads a time with its unit, for command lines.
///
/// # Errors
/// Advice: the unit is missing, it is no time, or it is below zero.
pub fn time(text: &str) -> Result<Duration, &'static str> {
    const ADVICE: &str = "write a time with its unit, such as 500ms, 30s or 2m";
    let signed: SignedDuration = text.parse().map_err(|_| ADVICE)?;
    signed.try_into().map_err(|_| ADVICE)
}

/// Three significant digits of `value`, without zeros at the end, in the largest unit that leaves
/// at least a 1 before the point.
fn scaled(mut value: f64, step: f64, units: &[&str], space: &str) -> String {
    let mut unit = 0;
    // 999.5 is written as 1 of the next unit, not as 1000 of this.
    while value >= step - 0.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let digits = match value {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    let mut number = format!("{value:.digits$}");
    if number.contains('.') {
        number.truncate(number.trim_end_matches('0').trim_end_matches('.').len());
    }
    format!("{number}{space}{}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time has a unit and is not below zero.
    #[test]
    fn times_have_units() {
        let millis = |text| time(text).map(|it| it.as_millis());
        assert_eq!(millis("1500ms"), Ok(1_500));
        assert_eq!(millis("2m"), Ok(120_000));
        for wrong in ["10", "", "-1s", "soon"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    /// Three digits whatever the size, and no unit is ever overfull.
    #[test]
    fn numbers_have_three_digits_and_the_right_unit() {
        let counts = [0.0, 7.0, 950.0, 999.6, 1_000.0, 12_345.0, 3_210_000.0, 4e9];
        let texts = counts.map(count).join(" ");
        assert_eq!(texts, "0 7 950 1k 1k 12.3k 3.21M 4G");
        let sizes = [0.0, 512.0, 1_024.0, 22_544_384.0].map(bytes).join(", ");
        assert_eq!(sizes, "0 B, 512 B, 1 KiB, 21.5 MiB");
        let durations = [0, 850, 12_345, 4_560_000, 1_230_000_000, 125_400_000_000];
        let texts = durations
            .map(|nanos| duration(Duration::from_nanos(nanos)))
            .join(", ");
        assert_eq!(texts, "0 ns, 850 ns, 12.3 us, 4.56 ms, 1.23 s, 2 m 05 s");
        assert_eq!(duration(Duration::from_secs(3_725)), "1 h 02 m");
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(grouped).join(" "),
            "0 999 1,000 1,234,567"
        );
    }
}
