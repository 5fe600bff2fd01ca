//! Sizes in bytes with their unit in the type, as `Duration` has it for time.

use std::fmt;
use std::str::FromStr;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A number of bytes.
///
/// Written and read with binary units (IEC 80000-13):
///
/// ```
/// use spanreel::ByteSize;
///
/// assert_eq!(ByteSize::mib(64).to_string(), "64 MiB");
/// assert_eq!("64MiB".parse(), Ok(ByteSize::mib(64)));
/// assert_eq!("65536".parse(), Ok(ByteSize::kib(64)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// That many bytes.
    #[must_use]
    pub const fn bytes(count: u64) -> Self {
        Self(count)
    }

    /// That many KiB (1,024 bytes). What exceeds `u64::MAX` bytes becomes `u64::MAX` bytes.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count.saturating_mul(KIB))
    }

    /// That many MiB (1,024 KiB). What exceeds `u64::MAX` bytes becomes `u64::MAX` bytes.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count.saturating_mul(MIB))
    }

    /// That many GiB (1,024 MiB). What exceeds `u64::MAX` bytes becomes `u64::MAX` bytes.
    #[must_use]
    pub const fn gib(count: u64) -> Self {
        Self(count.saturating_mul(GIB))
    }

    /// The number of bytes.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The number of bytes, or `usize::MAX` where an address has fewer bits than the size needs.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Writes the largest unit that divides the size, so that nothing is rounded: `64 MiB`,
/// `1536 KiB`, `1000 B`.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            bytes if bytes >= GIB && bytes.is_multiple_of(GIB) => (GIB, "GiB"),
            bytes if bytes >= MIB && bytes.is_multiple_of(MIB) => (MIB, "MiB"),
            bytes if bytes >= KIB && bytes.is_multiple_of(KIB) => (KIB, "KiB"),
            _ => (1, "B"),
        };
        write!(f, "{} {name}", self.0 / unit)
    }
}

impl FromStr for ByteSize {
    type Err = InvalidByteSize;

    /// Reads a whole number and a unit (`B`, `KiB`, `MiB` or `GiB` in any case, with or without a
    /// space before it); without a unit the number counts bytes.
    ///
    /// # Errors
    /// Anything else is refused: fractions, signs, decimal units such as `MB`, and sizes above
    /// `u64::MAX` bytes.
    fn from_str(text: &str) -> Result<Self, InvalidByteSize> {
        let text = text.trim();
        let digits_end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (digits, unit) = text.split_at(digits_end);
        let unit = match unit.trim_start().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kib" => KIB,
            "mib" => MIB,
            "gib" => GIB,
            _ => return Err(InvalidByteSize),
        };
        let count: u64 = digits.parse().map_err(|_| InvalidByteSize)?;
        count.checked_mul(unit).map(Self).ok_or(InvalidByteSize)
    }
}

/// The text is not a size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a size: expected a whole number with B, KiB, MiB or GiB, such as 64 MiB")]
pub struct InvalidByteSize;

#[cfg(test)]
mod tests {
    use super::*;

    /// A size is read with and without a space, in any case, and as plain bytes.
    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        for (text, size) in [
            ("0", ByteSize::bytes(0)),
            ("65536", ByteSize::kib(64)),
            ("7 B", ByteSize::bytes(7)),
            ("64KiB", ByteSize::kib(64)),
            ("64 MiB", ByteSize::mib(64)),
            (" 64mib ", ByteSize::mib(64)),
            ("2 GiB", ByteSize::gib(2)),
            ("18446744073709551615", ByteSize::bytes(u64::MAX)),
        ] {
            assert_eq!(text.parse(), Ok(size), "{text}");
        }
    }

    /// What is ambiguous, fractional, signed or too large is refused.
    #[test]
    fn what_is_no_size_is_refused() {
        for text in [
            "",
            "MiB",
            "1.5 MiB",
            "-1",
            "+1",
            "64 MB",
            "64 M",
            "64 MiB/s",
            "1 2 MiB",
            "18446744073709551616",
            "17179869184 GiB",
        ] {
            assert_eq!(text.parse::<ByteSize>(), Err(InvalidByteSize), "{text:?}");
        }
    }

    /// What is written is exact and reads back as the same size.
    #[test]
    fn what_is_written_reads_back() {
        for (size, text) in [
            (ByteSize::bytes(0), "0 B"),
            (ByteSize::bytes(1000), "1000 B"),
            (ByteSize::bytes(1536 * 1024), "1536 KiB"),
            (ByteSize::mib(64), "64 MiB"),
            (ByteSize::mib(2048), "2 GiB"),
            (ByteSize::bytes(u64::MAX), "18446744073709551615 B"),
        ] {
            assert_eq!(size.to_string(), text);
            assert_eq!(text.parse(), Ok(size));
        }
    }

    /// A size beyond the largest number stays the largest number.
    #[test]
    fn a_size_never_wraps() {
        assert_eq!(ByteSize::gib(u64::MAX).as_u64(), u64::MAX);
        assert_eq!(ByteSize::kib(u64::MAX / 2), ByteSize::mib(u64::MAX));
    }
}
