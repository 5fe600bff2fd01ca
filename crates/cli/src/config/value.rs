//! Values as people write them: read from a file, a variable or an option alike, and written back as
//! TOML.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use spanreel::ByteSize;

use crate::gateway::Upstream;
use crate::units;

/// What somebody gave for a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// One text; numbers and booleans of a file are texts here too.
    One(String),
    /// A list of texts.
    Many(Vec<String>),
}

/// A kind of value. Reading what was written gives the same value again.
pub trait Value: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// Advice: what would be right. Never what was given.
    fn read(given: &Given) -> Result<Self, String>;

    /// Writes it as TOML; `None` where there is nothing to write.
    fn write(&self) -> Option<String>;
}

/// The single text that was given.
fn one<'a>(given: &'a Given, advice: &str) -> Result<&'a str, String> {
    match given {
        Given::One(text) => Ok(text.trim()),
        Given::Many(texts) => match texts.as_slice() {
            [text] => Ok(text.trim()),
            _ => Err(format!("takes one value; {advice}")),
        },
    }
}

/// A text in the quotes of TOML. Its escapes are those of Rust's, for what may stand in a setting.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(control)));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Where to listen, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Nobody listens.
    Off,
    /// At this address; with port 0 at a free one.
    At(SocketAddr),
}

impl Listen {
    /// At this port of the loopback interface.
    #[must_use]
    pub const fn loopback(port: u16) -> Self {
        Self::At(SocketAddr::new(
            std::net::IpAddr::V4(Ipv4Addr::LOCALHOST),
            port,
        ))
    }

    /// Where, unless it is off.
    #[must_use]
    pub fn addr(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(addr) => Some(addr),
        }
    }

    /// Whether others than this machine can connect.
    #[must_use]
    pub fn is_exposed(self) -> bool {
        self.addr()
            .is_some_and(|addr| !addr.ip().to_canonical().is_loopback())
    }
}

impl Value for Listen {
    fn read(given: &Given) -> Result<Self, String> {
        const ADVICE: &str = "write an address like 127.0.0.1:4317, or off";
        let text = one(given, ADVICE)?;
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::Off);
        }
        let numeric = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => text.to_owned(),
        };
        numeric.parse().map(Self::At).map_err(|_| ADVICE.to_owned())
    }

    fn write(&self) -> Option<String> {
        Some(match self {
            Self::Off => quoted("off"),
            Self::At(addr) => quoted(&addr.to_string()),
        })
    }
}

/// Where data is kept that outlives the process, or nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataDir {
    /// Nothing is written.
    Off,
    /// In this directory, which is created where it is missing.
    At(PathBuf),
}

impl DataDir {
    /// Where, unless it is off.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Off => None,
            Self::At(path) => Some(path),
        }
    }
}

impl Value for DataDir {
    fn read(given: &Given) -> Result<Self, String> {
        const ADVICE: &str = "write the path of a directory, or off";
        match one(given, ADVICE)? {
            "" => Err(ADVICE.to_owned()),
            off if off.eq_ignore_ascii_case("off") => Ok(Self::Off),
            path => Ok(Self::At(path.into())),
        }
    }

    fn write(&self) -> Option<String> {
        Some(match self {
            Self::Off => quoted("off"),
            Self::At(path) => quoted(&path.to_string_lossy()),
        })
    }
}

impl Value for Duration {
    fn read(given: &Given) -> Result<Self, String> {
        let text = one(given, "write a time such as 10s")?;
        units::time(text).map_err(str::to_owned)
    }

    fn write(&self) -> Option<String> {
        let millis = self.as_millis();
        Some(match (millis % 1_000, millis / 1_000) {
            (0, seconds) if seconds > 0 && seconds.is_multiple_of(3_600) => {
                format!("\"{}h\"", seconds / 3_600)
            }
            (0, seconds) if seconds > 0 && seconds.is_multiple_of(60) => {
                format!("\"{}m\"", seconds / 60)
            }
            (0, seconds) => format!("\"{seconds}s\""),
            _ => format!("\"{millis}ms\""),
        })
    }
}

impl Value for ByteSize {
    fn read(given: &Given) -> Result<Self, String> {
        const ADVICE: &str = "write a size such as 64MiB";
        one(given, ADVICE)?
            .parse()
            .map_err(|_| format!("{ADVICE}, with B, KiB, MiB or GiB"))
    }

    fn write(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }
}

macro_rules! whole_numbers {
    ($($type:ty)*) => { $(
        impl Value for $type {
            fn read(given: &Given) -> Result<Self, String> {
                const ADVICE: &str = "write a whole number, 1 or more";
                one(given, ADVICE)?.parse().map_err(|_| ADVICE.to_owned())
            }

            fn write(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )* };
}

whole_numbers! { NonZeroUsize NonZeroU32 }

impl Value for bool {
    fn read(given: &Given) -> Result<Self, String> {
        const ADVICE: &str = "write true or false";
        match one(given, ADVICE)?.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(ADVICE.to_owned()),
        }
    }

    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for Option<PathBuf> {
    fn read(given: &Given) -> Result<Self, String> {
        const ADVICE: &str = "write the path of a file";
        match one(given, ADVICE)? {
            "" => Err(ADVICE.to_owned()),
            path => Ok(Some(path.into())),
        }
    }

    fn write(&self) -> Option<String> {
        self.as_ref().map(|path| quoted(&path.to_string_lossy()))
    }
}

impl Value for Option<String> {
    fn read(given: &Given) -> Result<Self, String> {
        const ADVICE: &str = "write a name";
        match one(given, ADVICE)? {
            "" => Err(ADVICE.to_owned()),
            name => Ok(Some(name.to_owned())),
        }
    }

    fn write(&self) -> Option<String> {
        self.as_deref().map(quoted)
    }
}

impl Value for Vec<String> {
    fn read(given: &Given) -> Result<Self, String> {
        let texts = match given {
            Given::Many(texts) => texts.clone(),
            Given::One(text) => text.split(',').map(str::to_owned).collect(),
        };
        let trimmed = texts.iter().map(|text| text.trim().to_owned());
        Ok(trimmed.filter(|text| !text.is_empty()).collect())
    }

    fn write(&self) -> Option<String> {
        let texts: Vec<String> = self.iter().map(|text| quoted(text)).collect();
        (!texts.is_empty()).then(|| format!("[{}]", texts.join(", ")))
    }
}

impl Value for Vec<Upstream> {
    fn read(given: &Given) -> Result<Self, String> {
        let texts = Vec::<String>::read(given)?;
        let upstreams = texts.iter().map(|text| text.parse::<Upstream>());
        upstreams
            .map(|it| it.map_err(|error| error.to_string()))
            .collect()
    }

    fn write(&self) -> Option<String> {
        let texts: Vec<String> = self.iter().map(|it| quoted(&it.to_string())).collect();
        (!texts.is_empty()).then(|| format!("[{}]", texts.join(", ")))
    }
}

/// An enumeration with a name for each of its values.
macro_rules! choice {
    ($(#[$doc:meta])* $type:ident { $($(#[$value_doc:meta])* $value:ident $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type { $($(#[$value_doc])* $value,)* }

        impl $type {
            /// The names of all values.
            pub const NAMES: &[&str] = &[$($name),*];

            /// The name of this one.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$value => $name,)* }
            }
        }

        impl Value for $type {
            fn read(given: &Given) -> Result<Self, String> {
                let advice = format!("write one of {}", Self::NAMES.join(", "));
                match one(given, &advice)?.to_ascii_lowercase().as_str() {
                    $($name => Ok(Self::$value),)*
                    _ => Err(advice),
                }
            }

            fn write(&self) -> Option<String> {
                Some(quoted(self.name()))
            }
        }
    };
}

choice! {
    /// When a sender is told that its telemetry has been taken.
    Ack {
        /// When the pipeline has it in memory.
        Accepted "accepted",
        /// When it is on disk.
        Durable "durable",
        /// When every export has it.
        Delivered "delivered",
    }
}

choice! {
    /// Where sessions are kept for the page of --http.
    Keep {
        /// In a file below the data directory.
        Sqlite "sqlite",
        /// In memory.
        Memory "memory",
        /// Nowhere: there is no page.
        Off "off",
    }
}

choice! {
    /// What happens when the spool is full, or its disk is.
    WhenSpoolFull {
        /// Senders are told to come back.
        Block "block",
        /// The oldest is given up for the newest.
        DropOldest "drop_oldest",
    }
}

choice! {
    /// Which calls of models are measured.
    Measure {
        /// Those that pass the gateway.
        Gateway "gateway",
        /// Those that are received, too.
        All "all",
        /// None.
        Off "off",
    }
}

choice! {
    /// What an export gets of what users and models wrote.
    ExportContent {
        /// All that is received.
        All "all",
        /// What spans say of it.
        Spans "spans",
        /// What events say of it.
        Events "events",
        /// Nothing.
        Off "off",
    }
}

choice! {
    /// The words in which an export is told what spans did.
    Words {
        /// As they were received.
        GenAi "gen-ai",
        /// GenAI conventions before 1.37.
        Before137 "gen-ai-before-1.37",
        /// GenAI conventions as they are being developed.
        Development "gen-ai-dev",
        /// OpenInference.
        OpenInference "openinference",
        /// Langfuse.
        Langfuse "langfuse",
    }
}

choice! {
    /// How requests to an export are compressed.
    Packing {
        /// Not at all.
        None "none",
        /// With gzip, which every OTLP server takes.
        Gzip "gzip",
        /// With Zstandard, which costs less.
        Zstd "zstd",
    }
}

choice! {
    /// From which level on diagnostics are written.
    LogLevel {
        /// What went wrong for good.
        Error "error",
        /// What somebody should look at.
        Warn "warn",
        /// What happens: start, reload, stop.
        Info "info",
        /// Each connection and request that is refused.
        Debug "debug",
        /// Everything.
        Trace "trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads<T: Value>(text: &str) -> Result<T, String> {
        T::read(&Given::One(text.to_owned()))
    }

    /// What is written is read as the same value again.
    #[test]
    fn what_is_written_can_be_read() {
        fn check<T: Value + PartialEq + std::fmt::Debug>(value: T) {
            let toml = value.write().expect("there is something to write");
            let given = if toml.starts_with('[') {
                let items = toml.trim_matches(['[', ']']).split(", ");
                Given::Many(items.map(|it| it.trim_matches('"').to_owned()).collect())
            } else {
                Given::One(toml.trim_matches('"').to_owned())
            };
            assert_eq!(T::read(&given), Ok(value), "{toml}");
        }
        check(Listen::Off);
        check(Listen::loopback(4317));
        check(Duration::from_millis(1_500));
        check(Duration::from_secs(90));
        check(Duration::from_secs(300));
        check(Duration::ZERO);
        check(ByteSize::kib(1_536));
        check(NonZeroUsize::MIN);
        check(true);
        check(Some(PathBuf::from("/etc/x")));
        check(vec!["a".to_owned(), "b".to_owned()]);
        check(Ack::Delivered);
        check(Ack::Durable);
        check(WhenSpoolFull::DropOldest);
        check(DataDir::Off);
        check(DataDir::At("/var/lib/spanreel".into()));
        check(Packing::Zstd);
        check(LogLevel::Debug);
    }

    /// What cannot be right is refused with what would be, and without what was given.
    #[test]
    fn what_is_wrong_is_advised_about_and_not_repeated() {
        for advice in [
            reads::<Listen>("s3cret").expect_err("no address"),
            reads::<Duration>("s3cret").expect_err("no time"),
            reads::<ByteSize>("s3cret").expect_err("no size"),
            reads::<NonZeroUsize>("0").expect_err("not zero"),
            reads::<bool>("s3cret").expect_err("no boolean"),
            reads::<Ack>("s3cret").expect_err("no choice"),
            reads::<Option<PathBuf>>(" ").expect_err("no path"),
            reads::<DataDir>(" ").expect_err("no path"),
        ] {
            assert!(
                advice.contains("write") && !advice.contains("s3cret"),
                "{advice}"
            );
        }
        assert!(Ack::read(&Given::Many(vec!["accepted".into(); 2])).is_err());
    }

    /// `localhost` is this machine, `off` nobody; any other name is no address.
    #[test]
    fn addresses_are_numbers_localhost_or_off() {
        assert_eq!(reads("localhost:1"), Ok(Listen::loopback(1)));
        assert_eq!(reads("OFF"), Ok(Listen::Off));
        assert!(reads::<Listen>("example.com:1").is_err());
        assert!(!Listen::loopback(1).is_exposed() && !Listen::Off.is_exposed());
        for exposed in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
            assert!(
                reads::<Listen>(exposed).expect("an address").is_exposed(),
                "{exposed}"
            );
        }
        assert!(!reads::<Listen>("[::1]:1").expect("an address").is_exposed());
    }
}
