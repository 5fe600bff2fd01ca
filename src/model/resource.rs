//! Who emits: the resource and the instrumentation scope, encoded once.
//!
//! Nothing here looks at the machine: what the environment says and what was found out about host
//! and process come in as [`Surroundings`].

use bytes::Bytes;

use crate::model::attribute::Value;
use crate::model::limits::TextLimit;
use crate::model::otlp::fields as f;
use crate::model::otlp::redact::Rewriter;
use crate::model::otlp::writer::Writer;
use crate::model::owned_value::OwnedValue;
use crate::model::problem::Problem;
use crate::model::redaction::Redactor;
use crate::model::request::Signal;

const SERVICE_NAME: &str = "service.name";
const SERVICE_VERSION: &str = "service.version";

/// Who emits the telemetry: the service, its host and process (OpenTelemetry "Resource").
///
/// Where one attribute comes from several places, code wins over `OTEL_SERVICE_NAME`, that over
/// `OTEL_RESOURCE_ATTRIBUTES`, and that over what was detected.
///
/// ```
/// use spanreel::Resource;
///
/// let resource = Resource::from_env()
///     .service("planner-host")
///     .attribute("deployment.environment.name", "staging");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Whether the environment and the detectors contribute when the pipeline starts.
    from_env: bool,
    /// Set by code; the last of equal keys wins.
    attributes: Vec<(String, OwnedValue)>,
}

impl Default for Resource {
    /// [`Resource::from_env`].
    fn default() -> Self {
        Self::from_env()
    }
}

impl Resource {
    /// A resource that takes `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` and what can be
    /// detected when the pipeline starts: `telemetry.sdk.*`, `host.name`, `host.arch`, `os.type`,
    /// `process.pid`, `process.executable.name`, a random `service.instance.id`, and
    /// `unknown_service:<executable>` as the service's name if nobody gives one.
    #[must_use]
    pub fn from_env() -> Self {
        Self {
            from_env: true,
            attributes: Vec::new(),
        }
    }

    /// A resource of exactly what code sets: nothing is read, nothing detected.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            from_env: false,
            attributes: Vec::new(),
        }
    }

    /// Sets `service.name`, by which backends tell services apart.
    #[must_use]
    pub fn service(self, name: impl Into<String>) -> Self {
        self.set(SERVICE_NAME.to_owned(), name.into().into())
    }

    /// Sets `service.version`.
    #[must_use]
    pub fn service_version(self, version: impl Into<String>) -> Self {
        self.set(SERVICE_VERSION.to_owned(), version.into().into())
    }

    /// Sets any attribute; the value is copied. The last of equal keys wins. An empty key is a
    /// problem that `start` reports.
    #[must_use]
    pub fn attribute<'a>(self, key: impl Into<String>, value: impl Into<Value<'a>>) -> Self {
        self.set(key.into(), value.into().into())
    }

    fn set(mut self, key: String, value: OwnedValue) -> Self {
        put(&mut self.attributes, key, value);
        self
    }

    /// All attributes, each key once, code first in precedence.
    pub(crate) fn resolve(&self, surroundings: &Surroundings) -> Attributes {
        let mut resolved = Vec::new();
        if self.from_env {
            resolved.clone_from(&surroundings.detected);
            for (key, value) in &surroundings.attributes {
                put(&mut resolved, key.clone(), value.as_str().into());
            }
            if let Some(name) = &surroundings.service_name {
                put(&mut resolved, SERVICE_NAME.to_owned(), name.as_str().into());
            }
        }
        for (key, value) in &self.attributes {
            put(&mut resolved, key.clone(), value.clone());
        }
        resolved
    }

    /// Everything wrong with it.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let empty_keys = self.attributes.iter().filter(|(key, _)| key.is_empty());
        empty_keys
            .map(|_| Problem::new("resource", "an attribute has an empty key; give it a name"))
            .collect()
    }
}

/// Attributes, each key once.
pub(crate) type Attributes = Vec<(String, OwnedValue)>;

/// Sets a key, at its old place if it has one.
fn put(attributes: &mut Attributes, key: String, value: OwnedValue) {
    match attributes.iter_mut().find(|(known, _)| *known == key) {
        Some((_, old)) => *old = value,
        None => attributes.push((key, value)),
    }
}

/// What the environment says and what was detected, for [`Resource::resolve`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Surroundings {
    /// `OTEL_SERVICE_NAME`.
    pub(crate) service_name: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`, decoded.
    pub(crate) attributes: Vec<(String, String)>,
    /// About host, process and SDK, with a fallback for the service's name.
    pub(crate) detected: Attributes,
}

/// The instrumentation scope: the library that recorded the telemetry.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Scope {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) attributes: Attributes,
}

/// A resource and a scope in wire form, shared by all that comes from them.
///
/// The field numbers are those of traces and of logs alike (OTLP 1.11, `trace.proto` and
/// `logs.proto`), so one origin serves both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    /// Field 1 of `ResourceSpans` or `ResourceLogs`: tag, length, `Resource`.
    pub(crate) resource: Bytes,
    /// Field 1 of `ScopeSpans` or `ScopeLogs`: tag, length, `InstrumentationScope`.
    pub(crate) scope: Bytes,
}

impl Origin {
    /// Encodes a resource and a scope.
    pub(crate) fn new(resource: &[(String, OwnedValue)], scope: &Scope) -> Self {
        let mut fields = Writer::with_capacity(1024);
        attributes(&mut fields, f::resource::ATTRIBUTES, resource);
        let framed_resource = framed(f::resource_items::RESOURCE, &fields);

        fields.clear();
        fields.bytes(f::scope::NAME, scope.name.as_bytes());
        if let Some(version) = &scope.version {
            fields.bytes(f::scope::VERSION, version.as_bytes());
        }
        attributes(&mut fields, f::scope::ATTRIBUTES, &scope.attributes);
        let framed_scope = framed(f::scope_items::SCOPE, &fields);

        Self {
            resource: framed_resource,
            scope: framed_scope,
        }
    }

    /// The same without what must not leave the process.
    pub(crate) fn redacted(self, redactor: &Redactor) -> Self {
        let mut rewriter = Rewriter::new(redactor, Signal::Traces);
        Self {
            resource: rewriter
                .around_scopes(&self.resource)
                .map_or(self.resource, Bytes::from),
            scope: rewriter
                .around_items(&self.scope)
                .map_or(self.scope, Bytes::from),
        }
    }
}

fn attributes(out: &mut Writer, field: u32, attributes: &[(String, OwnedValue)]) {
    let whole = TextLimit::new(None, usize::MAX);
    for (key, value) in attributes {
        value.with_value(|value| out.attribute(field, key, value, whole));
    }
}

fn framed(field: u32, message: &Writer) -> Bytes {
    let mut out = Writer::with_capacity(message.len() + 8);
    out.bytes(field, message.written());
    out.to_vec().into()
}

#[cfg(test)]
mod tests;
