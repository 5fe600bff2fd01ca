//! What can be found out about host and process (OpenTelemetry semantic conventions, "Resource").
//!
//! What cannot be found out is left out.

use std::env::consts::{ARCH, OS};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use crate::model::id::random_u64;
use crate::model::owned_value::OwnedValue;
use crate::model::resource::Attributes;

/// Describes this process, its host and this SDK. `lookup` reads a variable.
pub(super) fn detect(lookup: &dyn Fn(&str) -> Option<String>) -> Attributes {
    let executable = executable_name();
    let service = match &executable {
        Some(name) => format!("unknown_service:{name}"),
        None => "unknown_service".to_owned(),
    };
    let known: [(&str, Option<OwnedValue>); 10] = [
        ("service.name", Some(service.into())),
        ("service.instance.id", Some(random_uuid().into())),
        ("telemetry.sdk.name", Some(env!("CARGO_PKG_NAME").into())),
        ("telemetry.sdk.language", Some("rust".into())),
        (
            "telemetry.sdk.version",
            Some(env!("CARGO_PKG_VERSION").into()),
        ),
        ("process.pid", Some(std::process::id().into())),
        ("process.executable.name", executable.map(OwnedValue::from)),
        ("host.name", host_name(lookup).map(OwnedValue::from)),
        ("host.arch", Some(arch_name(ARCH).into())),
        ("os.type", Some(os_name(OS).into())),
    ];
    let found = known.into_iter();
    found
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
}

fn executable_name() -> Option<String> {
    let path = std::env::current_exe().ok()?;
    let name = path.file_name().map(OsStr::to_string_lossy)?;
    Some(name.into_owned())
}

/// The kernel's word where it is a file, then that of the system's configuration, then what
/// Windows and some shells put into the environment.
fn host_name(lookup: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let files = ["/proc/sys/kernel/hostname", "/etc/hostname"].map(Path::new);
    let from_files = files
        .into_iter()
        .filter(|_| cfg!(unix))
        .filter_map(|file| fs::read_to_string(file).ok());
    let from_variables = ["COMPUTERNAME", "HOSTNAME"].into_iter().filter_map(lookup);
    from_files
        .chain(from_variables)
        .map(|name| name.trim().to_owned())
        .find(|name| !name.is_empty())
}

/// The conventions' word for an architecture of Rust's; others as they are.
fn arch_name(arch: &str) -> &str {
    match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        "powerpc" => "ppc32",
        "powerpc64" => "ppc64",
        other => other,
    }
}

/// The conventions' word for an operating system of Rust's; others as they are.
fn os_name(os: &str) -> &str {
    match os {
        "macos" => "darwin",
        "dragonfly" => "dragonflybsd",
        other => other,
    }
}

/// A random UUID, version 4 (RFC 9562, section 5.4).
fn random_uuid() -> String {
    let random = u128::from(random_u64()) << 64 | u128::from(random_u64());
    let uuid = random & !(0xf << 76 | 0x3 << 62) | (0x4 << 76 | 0x2 << 62);
    let hex = format!("{uuid:032x}");
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The facts that every platform knows are found, each key once.
    #[test]
    fn host_and_process_are_described() {
        let found = detect(&|_| Some("from-variable".to_owned()));
        let get = |key: &str| {
            let mut values = found.iter().filter(|(known, _)| known == key);
            let value = values.next().map(|(_, value)| value.clone());
            assert_eq!(values.next(), None, "{key} twice");
            value.unwrap_or_else(|| panic!("{key} is missing"))
        };
        assert_eq!(get("telemetry.sdk.name"), "spanreel".into());
        assert_eq!(get("telemetry.sdk.language"), "rust".into());
        assert_eq!(
            get("telemetry.sdk.version"),
            env!("CARGO_PKG_VERSION").into()
        );
        assert_eq!(get("process.pid"), std::process::id().into());
        let OwnedValue::Str(executable) = get("process.executable.name") else {
            panic!("not a text");
        };
        assert!(executable.starts_with("spanreel-"), "{executable}");
        assert_eq!(
            get("service.name"),
            format!("unknown_service:{executable}").into()
        );
        for key in ["host.name", "host.arch", "os.type"] {
            let OwnedValue::Str(text) = get(key) else {
                panic!("{key} is not a text");
            };
            assert!(!text.is_empty() && text.trim() == text, "{key}: {text:?}");
        }
    }

    /// Instance ids have the form of a random UUID and differ.
    #[test]
    fn instance_ids_are_random_uuids() {
        let ids: HashSet<_> = (0..1000).map(|_| random_uuid()).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            let groups: Vec<_> = id.split('-').collect();
            assert_eq!(
                groups.iter().map(|group| group.len()).collect::<Vec<_>>(),
                [8, 4, 4, 4, 12]
            );
            assert!(groups[2].starts_with('4'), "{id}");
            assert!(groups[3].starts_with(['8', '9', 'a', 'b']), "{id}");
        }
    }

    /// Architectures and systems have the names of the semantic conventions.
    #[test]
    fn names_are_those_of_the_conventions() {
        assert_eq!(
            ["x86_64", "aarch64", "arm", "s390x"].map(arch_name),
            ["amd64", "arm64", "arm32", "s390x"]
        );
        assert_eq!(
            ["macos", "linux", "windows"].map(os_name),
            ["darwin", "linux", "windows"]
        );
    }
}
