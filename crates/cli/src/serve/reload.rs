//! What SIGHUP can change while telemetry is received, and what it cannot.

use crate::config::Config;
use crate::config::settings::SETTINGS;

/// The difference between a configuration that runs and one that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Settings with new values that are applied.
    pub(crate) applied: Vec<&'static str>,
    /// Settings with new values that need a restart.
    pub(crate) need_restart: Vec<&'static str>,
}

/// Compares the two, setting by setting.
pub(crate) fn changes(running: &Config, read: &Config) -> Changes {
    let mut changes = Changes::default();
    for setting in SETTINGS {
        // What a file of a token holds counts, not its name.
        let is_compared_below = setting.name == "token-file";
        if is_compared_below || (setting.show)(running) == (setting.show)(read) {
            continue;
        }
        if setting.reloads {
            changes.applied.push(setting.name);
        } else {
            changes.need_restart.push(setting.name);
        }
    }
    match (&running.token, &read.token) {
        (running, read) if running == read => {}
        (Some(_), Some(_)) => changes.applied.push("token"),
        // Whether there is one decides which addresses may be listened on.
        _ => changes.need_restart.push("token"),
    }
    if running.sampling != read.sampling {
        changes.applied.push("sampling");
    }
    if running.redaction != read.redaction {
        changes.need_restart.push("redaction");
    }
    if running.exports != read.exports {
        changes.need_restart.push("export");
    }
    changes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::export::{ExportConfig, Target};
    use crate::config::place::Origin;
    use crate::config::sampling::SamplingConfig;
    use crate::config::secret::Secret;
    use crate::config::value::{Listen, LogLevel};

    /// What can be applied is told apart from what needs a restart; what is as before is neither.
    #[test]
    fn what_needs_a_restart_is_told() {
        let running = Config::default();
        assert_eq!(changes(&running, &running.clone()), Changes::default());
        let target = Target::parse("grpc://a:1").expect("an address");
        let mut sampling = SamplingConfig::default();
        sampling.sampling = spanreel::Sampling::ratio(0.5);
        let read = Config {
            log_level: LogLevel::Debug,
            status_every: Duration::from_secs(1),
            http: Listen::Off,
            token: Some(Secret::new("next")),
            sampling,
            exports: vec![ExportConfig::new(Origin::Default, target)],
            ..Config::default()
        };
        let changes = changes(&running, &read);
        assert_eq!(changes.applied, ["status-every", "log-level", "sampling"]);
        assert_eq!(changes.need_restart, ["http", "token", "export"]);
    }

    /// Another token is applied. Whether there is one at all is not changed while addresses are open.
    #[test]
    fn another_token_is_applied() {
        let with = |token: Option<&str>| Config {
            token: token.map(Secret::new),
            ..Config::default()
        };
        for (running, read, applied, need_restart) in [
            (Some("a"), Some("b"), &["token"][..], &[][..]),
            (Some("a"), Some("a"), &[], &[]),
            (Some("a"), None, &[], &["token"]),
            (None, Some("b"), &[], &["token"]),
        ] {
            let changes = changes(&with(running), &with(read));
            assert_eq!(changes.applied, applied, "{running:?} {read:?}");
            assert_eq!(changes.need_restart, need_restart, "{running:?} {read:?}");
        }
    }
}
