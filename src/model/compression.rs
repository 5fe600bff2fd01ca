//! How requests are compressed on their way.

/// How requests are compressed on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip, which every OTLP server takes.
    Gzip,
    /// Zstandard: many times faster than gzip, where the server takes it.
    Zstd,
}
