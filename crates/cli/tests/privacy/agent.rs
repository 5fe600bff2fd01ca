//! An agent without any redaction of its own, with a secret wherever there can be text.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Known;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric,
};
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;
use spanreel::{
    BaggagePolicy, Content, Exporter, Limits, Part, Pipeline, Resource, Sampling, SessionConfig,
    SessionEvents, Value,
};

use crate::planter::Planter;
use crate::server::LONG;

/// Records so many sessions and exports them.
pub(crate) async fn speak(exporter: Exporter, planter: &mut Planter, sessions: usize) {
    let resource = Resource::empty()
        .service(planter.said())
        .attribute("process.command_args", &*planter.json());
    let pipeline = Pipeline::builder()
        .resource(resource)
        .scope(planter.said(), "1")
        .sampling(Sampling::always_on())
        .limits(Limits::default())
        .content(Content::Both)
        .sessions(SessionConfig {
            events: SessionEvents {
                session: true,
                span_start: true,
            },
            ..SessionConfig::default()
        })
        .baggage(BaggagePolicy::new().send_all_members().to_host("*"))
        .export(exporter)
        .start()
        .expect("a right configuration");
    for _ in 0..sessions {
        session(&pipeline, planter);
    }
    let report = pipeline.shutdown(LONG).await;
    assert!(report.is_lossless(), "{report}");
}

fn session(pipeline: &Pipeline, planter: &mut Planter) {
    let key = |planter: &mut Planter| format!("key of {}", planter.secret());
    let session = pipeline
        .open_session(&planter.said())
        .agent(&planter.said())
        .user(&planter.said())
        .conversation_id(&planter.said())
        .tag(&planter.said())
        .baggage("tenant", &planter.said())
        .attribute("question", &*planter.said())
        .open()
        .expect("it is open");
    let mut span = session.child(&planter.said()).start();
    span.set(&key(planter), &*planter.said());
    span.set("json", &*planter.json());
    span.set("password", &*planter.secret());
    span.set("bytes", planter.said().as_bytes());
    let (name, value) = (key(planter), planter.json());
    span.set("map", Value::Map(&[(&name, Value::Str(&value))]));
    let (name, value) = (planter.said(), planter.json());
    let event_key = key(planter);
    span.event(&name, &[(&event_key, value.as_str().into())]);
    let why = planter.said();
    span.link(&session.context(), &[("why", why.as_str().into())]);
    span.set_content(Part::InputMessages, &*planter.json());
    span.log(planter.said().as_str())
        .event_name(&planter.said())
        .attribute(&key(planter), &*planter.json())
        .content(Part::OutputMessages, &*planter.json())
        .emit();
    span.evaluation(&planter.said())
        .content(Part::EvaluationExplanation, &*planter.said())
        .emit();
    let mut chat = span.chat(&planter.said(), &planter.said()).start();
    chat.set_content(Part::ToolArguments, &*planter.json());
    chat.error(&planter.said(), &planter.said());
    chat.end();
    span.exception(&planter.said(), &planter.said(), &planter.json());
    span.exception_event(&planter.said(), &planter.said(), &planter.json());
    span.end();
    session.fail(&planter.said());
}

/// A request of metrics.
pub(crate) fn metrics(planter: &mut Planter) -> ExportMetricsServiceRequest {
    let attributes = |planter: &mut Planter| {
        vec![KeyValue {
            key: planter.said(),
            value: Some(AnyValue {
                value: Some(Known::StringValue(planter.json())),
            }),
            ..KeyValue::default()
        }]
    };
    let metric = Metric {
        name: planter.said(),
        description: planter.said(),
        unit: planter.said(),
        metadata: attributes(planter),
        data: Some(metric::Data::Gauge(Gauge {
            data_points: vec![NumberDataPoint {
                attributes: attributes(planter),
                ..NumberDataPoint::default()
            }],
        })),
    };
    let scope = InstrumentationScope {
        name: planter.said(),
        attributes: attributes(planter),
        ..InstrumentationScope::default()
    };
    let resource = ProtoResource {
        attributes: attributes(planter),
        ..ProtoResource::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope),
                metrics: vec![metric],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}
