//! Settings: what is right is taken, what is wrong is reported, all at once and without secrets.

use super::*;

fn problems(otlp: Otlp) -> Vec<Problem> {
    otlp.build().expect_err("it has mistakes")
}

/// Every mistake is reported in one go, each once, with the setting it is in.
#[test]
fn every_mistake_is_reported_at_once() {
    let otlp = Otlp::http("localhost:4318")
        .signal_endpoint(Signal::Logs, "ftp://x")
        .header("sp ace", "v")
        .header("content-type", "v")
        .header("grpc-timeout", "v")
        .signal_header(Signal::Traces, "x", "line\nbreak")
        .timeout(Duration::ZERO);
    let settings: Vec<String> = problems(otlp).into_iter().map(|p| p.setting).collect();
    assert_eq!(
        settings,
        [
            "timeout",
            "endpoint",
            "signal_endpoint(logs)",
            "header",
            "header",
            "header",
            "signal_header(traces)",
        ]
    );
}

/// Files that TLS needs are checked when an address means TLS, all of them at once.
#[test]
fn tls_files_are_checked_where_tls_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAA!A\n-----END CERTIFICATE-----\n";
    for (name, text) in [
        ("own.pem", own.cert.pem()),
        ("own.key", own.signing_key.serialize_pem()),
        ("other.key", other.signing_key.serialize_pem()),
        ("text", "no PEM".to_owned()),
        ("broken.pem", broken.to_owned()),
    ] {
        std::fs::write(path(name), text).unwrap();
    }
    let build = |ca: &str, certificate: &str, key: &str| {
        Otlp::grpc("https://localhost")
            .ca_file(path(ca))
            .client_certificate(path(certificate), path(key))
            .build()
    };
    build("own.pem", "own.pem", "own.key").unwrap();
    for (ca, certificate, key, expected) in [
        (
            "absent",
            "absent",
            "absent",
            &["ca_file", "client_certificate", "client_key"][..],
        ),
        (
            "text",
            "text",
            "text",
            &["ca_file", "client_certificate", "client_key"],
        ),
        ("broken.pem", "own.pem", "own.key", &["ca_file"]),
        ("own.pem", "own.pem", "own.pem", &["client_key"]),
        ("own.pem", "own.pem", "other.key", &["client_certificate"]),
    ] {
        let problems = build(ca, certificate, key).unwrap_err();
        let settings: Vec<&str> = problems.iter().map(|p| p.setting.as_str()).collect();
        assert_eq!(settings, expected, "{problems:?}");
    }
    let unused = Otlp::grpc("http://localhost").ca_file(path("absent"));
    unused.build().unwrap();
}

/// A problem names the place that its setting came from.
#[test]
fn a_problem_names_where_its_setting_came_from() {
    let otlp = Otlp::http("x")
        .signal_endpoint(Signal::Traces, "y")
        .setting_from("endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT")
        .setting_from(
            "signal_endpoint(traces)",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        );
    let settings: Vec<String> = problems(otlp).into_iter().map(|p| p.setting).collect();
    assert_eq!(
        settings,
        [
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "OTEL_EXPORTER_OTLP_ENDPOINT"
        ]
    );
}

/// An address without a scheme is TLS on gRPC unless it is said to be insecure, and a mistake on
/// HTTP.
#[test]
fn an_address_without_a_scheme_is_tls_on_grpc() {
    let otlp = || Otlp::grpc("localhost:4317").ca_file("/no/such/file");
    let problems = problems(otlp());
    assert_eq!(problems[0].setting, "ca_file");
    otlp().insecure().build().unwrap();
    Otlp::http("localhost:4318").insecure().build().unwrap_err();
}

/// Nothing that may be secret is in what is printed: of the builder, the exporter, the problems.
#[test]
fn secrets_are_not_printed() {
    let otlp = Otlp::grpc("http://localhost:4317/secret-path")
        .header("authorization", "Bearer secret-token")
        .signal_header(Signal::Logs, "x-key", "secret-key");
    for otlp in [
        otlp.clone(),
        Otlp::http("http://localhost/secret?key=secret"),
    ] {
        assert!(!format!("{otlp:?}").contains("secret"));
        let exporter = otlp.build().unwrap();
        assert!(!format!("{exporter:?}").contains("secret"));
    }
    let bad = otlp
        .header("Authorization: Bearer secret-token", "")
        .header("x-bad", "secret\n")
        .signal_endpoint(Signal::Logs, "http://user:secret@host");
    let problems = format!("{:?}", problems(bad));
    assert!(!problems.contains("secret"), "{problems}");
}

/// What is set on the builder, or later on the exporter, is what the lane and the exporter get.
#[test]
fn lane_settings_reach_the_lane() {
    let otlp = Otlp::grpc("http://localhost")
        .name("blue")
        .timeout(Duration::from_secs(3))
        .concurrency(NonZeroUsize::MIN)
        .retry_for(Duration::from_secs(60))
        .signals(&[Signal::Logs]);
    let exporter = Exporter::from(otlp).timeout(Duration::from_secs(4));
    let settings = exporter.settings;
    assert_eq!(settings.name, "blue");
    assert_eq!(settings.timeout, Duration::from_secs(4));
    assert_eq!(settings.concurrency, NonZeroUsize::MIN);
    assert_eq!(settings.retry_for, Duration::from_secs(60));
    assert_eq!(settings.signals, [Signal::Logs]);
    // The server is told of the time that the lane keeps to.
    let Exporter { build, .. } = Otlp::grpc("http://localhost").into();
    let zero = LaneSettings {
        timeout: Duration::ZERO,
        ..settings
    };
    assert_eq!(build(&zero).err().unwrap()[0].setting, "timeout");
}
