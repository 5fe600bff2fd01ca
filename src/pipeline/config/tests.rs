//! The promised defaults, and what is reported when a setting is wrong.

use super::*;
use crate::actors::session::config::SessionEvents;
use crate::model::hash_key::HashKey;

/// The defaults are those that the documentation promises, and nothing is wrong with them.
#[test]
fn the_defaults_are_the_documented_ones() {
    let config = Config::default();
    assert_eq!(config.validate(), []);
    assert_eq!(config.resource, Resource::from_env());
    assert_eq!(
        config.sampling,
        Sampling::parent_based(Sampling::always_on())
    );
    assert_eq!(config.batch.max_export_batch_size, 8192);
    assert_eq!(config.batch.max_export_batch_bytes, ByteSize::mib(1));
    assert_eq!(config.batch.max_request_bytes, ByteSize::mib(4));
    assert_eq!(config.batch.schedule_delay, Duration::from_millis(5000));
    assert_eq!(config.batch.export_timeout, Duration::from_millis(30_000));
    let as_for_logs = BatchConfig {
        schedule_delay: Duration::from_millis(1000),
        ..config.batch
    };
    assert_eq!(config.log_batch, as_for_logs);
    assert_eq!(config.sessions.idle_timeout, Duration::from_secs(3600));
    assert_eq!(config.sessions.max_age, Duration::from_secs(86_400));
    assert_eq!(config.sessions.max_spans, 100_000);
    assert_eq!(config.sessions.max_bytes, ByteSize::mib(256));
    assert_eq!(config.sessions.linger, Duration::from_millis(500));
    assert_eq!(
        config.sessions.events,
        SessionEvents {
            session: false,
            span_start: false
        }
    );
    assert_eq!(config.sessions.hash_key, None);
    assert_eq!(config.budget, ByteSize::mib(64));
    assert_eq!(config.when_full, WhenFull::DropNewest);
    assert_eq!(config.shutdown_grace, Duration::from_secs(5));
    assert!(!config.disabled);
}

/// Each wrong setting is reported under its own name, with what would be right.
#[test]
fn each_wrong_setting_is_named() {
    type Break = fn(&mut Config);
    let cases: &[(&str, &str, Break)] = &[
        ("resource", "name", |c| {
            c.resource = Resource::empty().attribute("", 1)
        }),
        ("sampling", "from 0.0 to 1.0", |c| {
            c.sampling = Sampling::ratio(f64::NAN)
        }),
        ("limits.value_hard_limit", "1 or more", |c| {
            c.limits.value_hard_limit = 0
        }),
        (
            "limits.value_hard_limit",
            "at most limits.span_bytes (1048576)",
            |c| {
                c.limits.value_hard_limit = (1 << 20) + 1;
            },
        ),
        ("limits.name_length", "1 or more", |c| {
            c.limits.name_length = 0
        }),
        ("limits.session_id_length", "36", |c| {
            c.limits.session_id_length = 35
        }),
        ("limits.span_bytes", "at most 4128768", |c| {
            c.limits.span_bytes = 4 << 20
        }),
        ("batch.max_export_batch_size", "1 or more", |c| {
            c.batch.max_export_batch_size = 0
        }),
        ("batch.max_export_batch_bytes", "1 or more", |c| {
            c.batch.max_export_batch_bytes = ByteSize::bytes(0);
        }),
        (
            "batch.max_export_batch_bytes",
            "at most batch.max_request_bytes (4 MiB)",
            |c| {
                c.batch.max_export_batch_bytes = ByteSize::mib(5);
            },
        ),
        ("batch.max_request_bytes", "64 MiB at most", |c| {
            c.batch.max_request_bytes = ByteSize::mib(65);
            c.budget = ByteSize::gib(1);
        }),
        ("batch.export_timeout", "longer", |c| {
            c.batch.export_timeout = Duration::ZERO
        }),
        ("log_batch.max_export_batch_size", "1 or more", |c| {
            c.log_batch.max_export_batch_size = 0;
        }),
        (
            "log_batch.max_export_batch_bytes",
            "at most log_batch.max_request_bytes",
            |c| {
                c.log_batch.max_export_batch_bytes = ByteSize::mib(5);
            },
        ),
        ("log_batch.export_timeout", "longer", |c| {
            c.log_batch.export_timeout = Duration::ZERO
        }),
        ("sessions.idle_timeout", "longer", |c| {
            c.sessions.idle_timeout = Duration::ZERO;
            c.sessions.linger = Duration::ZERO;
        }),
        ("sessions.max_age", "longer", |c| {
            c.sessions.max_age = Duration::ZERO
        }),
        ("sessions.max_spans", "1 or more", |c| {
            c.sessions.max_spans = 0
        }),
        ("sessions.max_bytes", "limits.span_bytes (1 MiB)", |c| {
            c.sessions.max_bytes = ByteSize::kib(1023);
        }),
        (
            "sessions.linger",
            "at most sessions.idle_timeout (3600s)",
            |c| {
                c.sessions.linger = Duration::from_secs(3601);
            },
        ),
        ("sessions.hash_key", "16 random bytes", |c| {
            c.sessions.hash_key = Some(HashKey::new([7; 15]));
        }),
        ("sessions.delegations.deadline", "longer", |c| {
            c.sessions.delegations.deadline = Duration::ZERO;
        }),
        ("sessions.delegations.heartbeat", "longer", |c| {
            c.sessions.delegations.heartbeat = Duration::ZERO;
        }),
        ("sessions.delegations.max_in_flight", "1 or more", |c| {
            c.sessions.delegations.max_in_flight = 0;
        }),
        ("budget", "8 MiB at least", |c| c.budget = ByteSize::mib(7)),
        ("budget", "32 MiB at least", |c| {
            c.log_batch.max_request_bytes = ByteSize::mib(16);
            c.budget = ByteSize::mib(31);
        }),
    ];
    for (setting, advice, break_it) in cases {
        let mut config = Config::default();
        break_it(&mut config);
        let problems = config.validate();
        assert_eq!(problems.len(), 1, "{setting}: {problems:?}");
        assert_eq!(problems[0].setting, *setting);
        assert!(problems[0].advice.contains(advice), "{}", problems[0]);
    }
}

/// All problems are reported at once.
#[test]
fn all_problems_are_reported_at_once() {
    let mut config = Config::default();
    config.batch.max_export_batch_size = 0;
    config.sessions.max_spans = 0;
    config.sampling = Sampling::ratio(2.0);
    assert_eq!(config.validate().len(), 3);
}

/// A secret key shows in no debug output.
#[test]
fn a_hash_key_is_not_shown() {
    let mut config = Config::default();
    config.sessions.hash_key = Some(HashKey::new(*b"0123456789abcdef"));
    assert_eq!(config.validate(), []);
    let shown = format!("{config:?}");
    assert!(shown.contains("HashKey(..)"), "{shown}");
    assert!(
        !shown.contains("0123") && !shown.contains("48, 49"),
        "{shown}"
    );
}

/// A queue counted in items becomes a budget in bytes, for both signals together, and never one
/// too small to work with.
#[test]
fn a_queue_of_items_becomes_a_budget_of_bytes() {
    let budget = |spans, records| {
        let mut environment = Environment::default();
        environment.batch.max_queue_size = spans;
        environment.log_batch.max_queue_size = records;
        let config = Config::from_environment(&environment);
        assert_eq!(config.validate(), []);
        config.budget
    };
    assert_eq!(budget(None, None), ByteSize::mib(64));
    assert_eq!(budget(Some(1 << 20), None), ByteSize::mib(512));
    assert_eq!(budget(None, Some(1 << 16)), ByteSize::mib(32));
    assert_eq!(budget(Some(1 << 20), Some(1 << 16)), ByteSize::mib(544));
    assert_eq!(budget(Some(2048), None), ByteSize::mib(8));
    assert_eq!(
        budget(Some(usize::MAX), Some(usize::MAX)),
        ByteSize::bytes(u64::MAX)
    );
}
