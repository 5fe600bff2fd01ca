//! What each variable does, and what a bad one does not.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::*;
use crate::model::owned_value::OwnedValue;
use crate::model::resource::Resource;
use crate::pipeline::config::Config;

mod tables;

use tables::{BATCHES, GENERAL, LIMITS, OTLP, config, is_endpoint};

/// What an environment of exactly these variables sets.
fn environment(variables: &[(&str, &str)]) -> Environment {
    read(&|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

/// A bad value changes nothing but the warnings; a bad boolean counts as false.
fn assert_unchanged(name: &str, mut read: Environment) {
    assert_eq!(read.warnings.len(), 1, "{name}: {:?}", read.warnings);
    assert!(
        read.warnings[0].starts_with(&format!("{name}: ")),
        "{:?}",
        read.warnings
    );
    assert_eq!(config(&read), Config::default(), "{name}");
    read.warnings.clear();
    for flag in [
        &mut read.disabled,
        &mut read.traces_otlp.insecure,
        &mut read.logs_otlp.insecure,
        &mut read.metrics_otlp.insecure,
    ] {
        flag.take_if(|flag| !*flag);
    }
    assert_eq!(read, Environment::default(), "{name}");
}

/// Every variable, when set, changes what it stands for; a bad value leaves the default and gives
/// one warning that names the variable; an empty one is unset.
#[test]
fn every_variable_has_its_effect_or_a_warning() {
    for (name, good, seen, bad) in [GENERAL, BATCHES, LIMITS].into_iter().flatten() {
        let read = environment(&[(name, good)]);
        assert!(seen(&read), "{name}={good}: {read:?}");
        assert_eq!(read.warnings, [""; 0], "{name}");
        assert!(
            !seen(&Environment::default()),
            "{name} shows without being set"
        );
        if let Some(bad) = bad {
            assert_unchanged(name, environment(&[(name, bad)]));
        }
        for empty in ["", "  "] {
            assert_eq!(
                environment(&[(name, empty)]),
                Environment::default(),
                "{name}"
            );
        }
    }
}

/// Every setting of OTLP works for all signals and for each one alone, which wins.
#[test]
fn every_otlp_setting_works_for_all_signals_and_for_each() {
    for (setting, good, seen, bad) in OTLP {
        let general = format!("OTEL_EXPORTER_OTLP_{setting}");
        let traces = format!("OTEL_EXPORTER_OTLP_TRACES_{setting}");
        let logs = format!("OTEL_EXPORTER_OTLP_LOGS_{setting}");
        let metrics = format!("OTEL_EXPORTER_OTLP_METRICS_{setting}");
        let unset = OtlpEnvironment::default();
        assert!(
            !seen(&unset, true) && !seen(&unset, false),
            "{setting} shows without being set"
        );

        let read = environment(&[(&general, good)]);
        assert!(
            [&read.traces_otlp, &read.logs_otlp, &read.metrics_otlp]
                .iter()
                .all(|otlp| seen(otlp, true)),
            "{general}"
        );
        assert_eq!(read.warnings, [""; 0], "{setting}");
        let read = environment(&[(&traces, good)]);
        assert!(
            seen(&read.traces_otlp, false) && read.logs_otlp == unset,
            "{traces}"
        );
        let read = environment(&[(&logs, good)]);
        assert!(
            seen(&read.logs_otlp, false) && read.traces_otlp == unset,
            "{logs}"
        );
        let read = environment(&[(&metrics, good)]);
        assert!(
            seen(&read.metrics_otlp, false) && read.logs_otlp == unset,
            "{metrics}"
        );

        for name in [&general, &traces, &logs, &metrics] {
            assert_eq!(
                environment(&[(name, " ")]),
                Environment::default(),
                "{name}"
            );
            if let Some(bad) = bad {
                assert_unchanged(name, environment(&[(name, bad)]));
            }
        }
    }
    let both = environment(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=1,b=2"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "c=3"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "true"),
        ("OTEL_EXPORTER_OTLP_LOGS_INSECURE", "false"),
    ]);
    assert!(is_endpoint(&both.traces_otlp, "http://all", true));
    assert!(is_endpoint(&both.logs_otlp, "http://logs", false));
    assert_eq!(both.traces_otlp.headers, [("c".to_owned(), "3".to_owned())]);
    assert_eq!(both.logs_otlp.headers.len(), 2);
    assert_eq!(both.traces_otlp.insecure, Some(true));
    assert_eq!(both.logs_otlp.insecure, Some(false));
}

/// Each sampler of the specification is read; the argument counts for ratios alone.
#[test]
fn every_sampler_is_read() {
    let on = Sampling::always_on();
    let off = Sampling::always_off();
    for (name, arg, sampling) in [
        ("always_on", "0.5", on.clone()),
        ("always_off", "0.5", off.clone()),
        (
            "traceidratio",
            "0.25",
            Sampling::ratio(0.25).ignoring_parent(),
        ),
        ("traceidratio", "", Sampling::ratio(1.0).ignoring_parent()),
        ("parentbased_always_on", "x", Sampling::parent_based(on)),
        ("parentbased_always_off", "x", Sampling::parent_based(off)),
        ("parentbased_traceidratio", "0", Sampling::ratio(0.0)),
        ("PARENTBASED_TRACEIDRATIO", "1", Sampling::ratio(1.0)),
    ] {
        let read = environment(&[
            ("OTEL_TRACES_SAMPLER", name),
            ("OTEL_TRACES_SAMPLER_ARG", arg),
        ]);
        assert_eq!(read.sampling, Some(sampling), "{name}");
        assert_eq!(read.warnings, [""; 0], "{name}");
    }
    let alone = environment(&[("OTEL_TRACES_SAMPLER_ARG", "0.5")]);
    assert_eq!(alone, Environment::default());
}

/// A ratio that is none counts as unset, which is 1.0, and is named.
#[test]
fn a_bad_ratio_is_as_if_unset() {
    for bad in ["half", "NaN", "-0.1", "1.1", "inf", "50%"] {
        let read = environment(&[
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", bad),
        ]);
        assert_eq!(
            read.sampling,
            Some(Sampling::ratio(1.0).ignoring_parent()),
            "{bad}"
        );
        let expected = format!(
            "OTEL_TRACES_SAMPLER_ARG: {bad:?} is ignored; expected a number from 0.0 to 1.0"
        );
        assert_eq!(read.warnings, [expected]);
    }
}

/// Everything standard that has no effect here is named in one warning, and nothing else changes.
#[test]
fn what_is_not_supported_is_named_in_one_warning() {
    for sampler in ["jaeger_remote", "parentbased_jaeger_remote", "xray"] {
        let mut read = environment(&[
            ("OTEL_CONFIG_FILE", "/etc/otel.yaml"),
            ("OTEL_ENTITIES", "service{}"),
            ("OTEL_LOG_LEVEL", "debug"),
            ("OTEL_TRACES_SAMPLER", sampler),
            ("OTEL_TRACES_SAMPLER_ARG", "endpoint=http://localhost:14250"),
        ]);
        let warnings = std::mem::take(&mut read.warnings);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        let sampler = format!("OTEL_TRACES_SAMPLER={sampler} (parentbased_always_on is used)");
        for named in [
            "OTEL_CONFIG_FILE",
            "OTEL_ENTITIES",
            "OTEL_LOG_LEVEL",
            &sampler,
        ] {
            assert!(warnings[0].contains(named), "{named}: {warnings:?}");
        }
        assert_eq!(read, Environment::default());
    }
    for name in ["OTEL_CONFIG_FILE", "OTEL_ENTITIES", "OTEL_LOG_LEVEL"] {
        let read = environment(&[(name, "x")]);
        assert_eq!(read.warnings.len(), 1);
        assert!(read.warnings[0].contains(name), "{:?}", read.warnings);
        assert_eq!(environment(&[(name, "")]), Environment::default());
    }
}

/// Of the list of conventions the values of other categories are passed over, and a wrong one of this
/// category is named.
#[test]
fn values_of_other_categories_are_for_others() {
    const NAME: &str = "OTEL_SEMCONV_STABILITY_OPT_IN";
    for (value, is_latest, warned) in [
        ("http,database/dup,k8s", false, 0),
        (",gen_ai_latest_experimental ,", true, 0),
        (
            "gen_ai_latest_experimental/dup,gen_ai_latest_experimental",
            true,
            1,
        ),
        ("genai-latest-experimental,http", false, 1),
    ] {
        let read = environment(&[(NAME, value)]);
        assert_eq!(read.latest_genai, is_latest, "{value}");
        assert_eq!(read.warnings.len(), warned, "{:?}", read.warnings);
    }
}

/// In a list of exporters the known ones are used; `none` counts only where it stands alone.
#[test]
fn the_known_exporters_of_a_list_are_used() {
    let read = environment(&[("OTEL_TRACES_EXPORTER", "none,otlp,jaeger")]);
    assert_eq!(read.traces_exporters, Some(vec![ExporterName::Otlp]));
    assert_eq!(read.warnings.len(), 2, "{:?}", read.warnings);
    assert!(read.warnings[0].contains("\"none\"") && read.warnings[1].contains("\"jaeger\""));
}

/// In a list of formats the known ones are used, in their order; `none` counts only where it stands
/// alone; those that spanreel does not have are named together with the rest of that kind.
#[test]
fn the_known_propagators_of_a_list_are_used() {
    use crate::model::propagation::propagators::Propagator::{
        self, B3, Baggage, TraceContext, XRay,
    };
    let table: [(&str, Option<&[Propagator]>, usize); 7] = [
        ("tracecontext,baggage", Some(&[TraceContext, Baggage]), 0),
        (" XRay ,, b3", Some(&[XRay, B3]), 0),
        ("none", Some(&[]), 0),
        ("none,b3", Some(&[B3]), 1),
        ("w3c,datadog", None, 2),
        ("jaeger,tracecontext,ottrace", Some(&[TraceContext]), 1),
        ("jaeger", None, 1),
    ];
    for (list, chosen, warnings) in table {
        let read = environment(&[("OTEL_PROPAGATORS", list)]);
        assert_eq!(read.propagators.as_deref(), chosen, "{list}");
        assert_eq!(read.warnings.len(), warnings, "{list}: {:?}", read.warnings);
        if list.contains("jaeger") {
            assert!(read.warnings[0].contains("OTEL_PROPAGATORS=jaeger"));
        }
        let expected = match chosen {
            Some(chosen) => chosen,
            None => &[TraceContext, Baggage],
        };
        assert_eq!(config(&read).propagators.chosen(), expected, "{list}");
    }
}

/// A limit of one kind that is bad falls back to the general one.
#[test]
fn a_bad_limit_falls_back_to_the_general_one() {
    let read = environment(&[
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "9"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "lots"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "3"),
    ]);
    let limits = config(&read).limits;
    assert_eq!(
        (limits.attribute_count, limits.event_attribute_count),
        (9, 3)
    );
    assert_eq!(limits.log_attribute_count, 9);
}

/// The variables of the resource reach it in their order of precedence.
#[test]
fn the_resource_takes_the_service_from_the_environment() {
    let read = environment(&[
        ("OTEL_SERVICE_NAME", "by-name"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=by-attributes,host.name=mine",
        ),
    ]);
    let resolved = Resource::from_env().resolve(&read.surroundings());
    let has = |key: &str, value: OwnedValue| resolved.contains(&(key.to_owned(), value));
    assert!(has("service.name", "by-name".into()), "{resolved:?}");
    assert!(has("host.name", "mine".into()), "{resolved:?}");
    assert!(
        has("process.pid", std::process::id().into()),
        "{resolved:?}"
    );
}

/// No secret of a header or an endpoint shows in debug output or in a warning.
#[test]
fn secrets_are_not_shown() {
    let read = environment(&[
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "https://user:hunter2@c:4318/in?key=hunter2#hunter2",
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=hunter2,hunter2,b d=hunter2,c=hunter2%,d=hunter2%0Ae:f",
        ),
        ("OTEL_RESOURCE_ATTRIBUTES", "hunter2"),
    ]);
    assert_eq!(
        read.traces_otlp.headers,
        [("authorization".to_owned(), "hunter2".to_owned())]
    );
    assert_eq!(read.warnings.len(), 5, "{:?}", read.warnings);
    assert!(read.warnings[1].contains("header 2"), "{:?}", read.warnings);
    let shown = format!("{read:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("https://c:4318/in (base)"), "{shown}");
    assert!(shown.contains("\"authorization\""), "{shown}");
}

/// A warning repeats no more than the beginning of a long value.
#[test]
fn a_warning_is_short() {
    let read = environment(&[("OTEL_BSP_SCHEDULE_DELAY", &"9".repeat(5000))]);
    assert!(read.warnings[0].len() < 200, "{:?}", read.warnings);
}

/// Whatever the environment says, the configuration it gives is valid.
#[test]
fn no_environment_gives_an_invalid_configuration() {
    let extremes = [
        "0",
        "1",
        "18446744073709551615",
        "-1",
        "true",
        "NaN",
        "traceidratio",
        ",=%",
    ];
    for value in extremes {
        let read = read(&|_| Some(value.to_owned()));
        assert_eq!(config(&read).validate(), [], "{value}");
    }
}

/// The names that reading asks for.
fn names_read() -> BTreeSet<String> {
    let names = RefCell::new(BTreeSet::new());
    read(&|name| {
        names.borrow_mut().insert(name.to_owned());
        // A sampler that takes an argument, so that its name is asked for too.
        (name == "OTEL_TRACES_SAMPLER").then(|| "traceidratio".to_owned())
    });
    names.into_inner()
}

/// The tables above and those of what has tests of its own name every variable that is read, so
/// that none is left untested.
#[test]
fn every_variable_that_is_read_is_tested() {
    let mut tested: BTreeSet<String> = [GENERAL, BATCHES, LIMITS]
        .into_iter()
        .flatten()
        .map(|(name, ..)| (*name).to_owned())
        .collect();
    tested.extend(["OTEL_TRACES_SAMPLER_ARG".to_owned()]);
    tested.extend(UNSUPPORTED.map(|(name, _)| name.to_owned()));
    for (setting, ..) in OTLP {
        for signal in ["", "TRACES_", "LOGS_", "METRICS_"] {
            tested.insert(format!("OTEL_EXPORTER_OTLP_{signal}{setting}"));
        }
    }
    assert_eq!(names_read(), tested);
}

/// The documentation names every variable; those of OTLP for one signal by the general name.
#[test]
fn every_variable_that_is_read_is_documented() {
    let documentation = include_str!("../../../docs/configuration.md");
    for name in names_read() {
        let general = name
            .replace("OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_")
            .replace("OTEL_EXPORTER_OTLP_LOGS_", "OTEL_EXPORTER_OTLP_")
            .replace("OTEL_EXPORTER_OTLP_METRICS_", "OTEL_EXPORTER_OTLP_");
        assert!(documentation.contains(&format!("`{general}`")), "{general}");
    }
}
