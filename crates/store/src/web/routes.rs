//! What there is below `/api/v1`. The description for programs, `openapi.json`, has the same, which a test sees to.

use super::parameters::decoded;

/// Methods and paths. `{}` stands for what a segment names.
pub(super) const ROUTES: [(&str, &str); 18] = [
    ("get", "/sessions"),
    ("get", "/sessions/{id}"),
    ("get", "/sessions/{id}/spans"),
    ("get", "/sessions/{id}/spans/{span_id}"),
    ("get", "/sessions/{id}/messages"),
    ("get", "/sessions/{id}/logs"),
    ("get", "/sessions/{id}/export"),
    ("get", "/fields"),
    ("get", "/fields/{key}/values"),
    ("get", "/activity"),
    ("get", "/usage"),
    ("get", "/latency"),
    ("get", "/pipeline"),
    ("get", "/pipeline/quarantine"),
    ("post", "/pipeline/quarantine/{id}/replay"),
    ("post", "/pipeline/quarantine/{id}/drop"),
    ("get", "/live"),
    ("get", "/openapi.json"),
];

/// A route with what the path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) method: &'static str,
    pub(super) route: &'static str,
    pub(super) names: Vec<String>,
}

/// The route of a path below `/api/v1/`; `None` where there is none.
pub(super) fn find(path: &str) -> Option<Found> {
    let segments: Vec<String> = path.split('/').map(decoded).collect();
    ROUTES.into_iter().find_map(|(method, route)| {
        let parts = route.split('/').skip(1);
        if parts.clone().count() != segments.len() {
            return None;
        }
        let mut names = Vec::new();
        for (part, segment) in parts.zip(&segments) {
            match part.starts_with('{') {
                true => names.push(segment.clone()),
                false if part == segment => {}
                false => return None,
            }
        }
        Some(Found {
            method,
            route,
            names,
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use http::{Request, StatusCode};
    use serde_json::Value;

    use super::*;
    use crate::lane::StoreExporter;
    use crate::memory::MemoryStore;
    use crate::sqlite::Retention;
    use crate::web::Web;

    /// Every route is in the description, with what its path names, and nothing else is.
    #[test]
    fn every_route_is_described() {
        let described: Value =
            serde_json::from_str(include_str!("openapi.json")).expect("it is JSON");
        let paths = described["paths"].as_object().expect("paths");
        let mut found = BTreeSet::new();
        for (path, item) in paths {
            for (method, operation) in item.as_object().expect("methods") {
                found.insert((method.as_str(), path.as_str()));
                let named = operation["parameters"].as_array().expect("parameters");
                let named: Vec<_> = named
                    .iter()
                    .filter(|it| it["in"] == "path")
                    .map(|it| it["name"].as_str().expect("a name"))
                    .collect();
                let in_path = path.split('/').filter_map(|part| part.strip_prefix('{'));
                let in_path: Vec<_> = in_path.map(|part| part.trim_end_matches('}')).collect();
                assert_eq!(named, in_path, "{method} {path}");
                assert!(operation["responses"]["default"].is_object(), "{path}");
            }
        }
        assert_eq!(found, BTreeSet::from(ROUTES));
    }

    /// Every route has its answer, and is asked in its own way alone.
    #[tokio::test]
    async fn every_route_has_its_answer() {
        let store = Arc::new(MemoryStore::new(Retention::default()));
        let (_exporter, live) = StoreExporter::start(store.clone()).expect("a thread");
        let web = Web::new(store, live, Arc::new(|| Value::Null), None, true);
        for (method, route) in ROUTES {
            let path = route.replace(['{', '}'], "");
            for (asked, is_right) in [("GET", method == "get"), ("POST", method == "post")] {
                let request = Request::builder()
                    .method(asked)
                    .uri(format!("/api/v1{path}"))
                    .header("host", "localhost")
                    .header("x-spanreel-request", "1");
                let request = request.body(String::new()).expect("a request");
                let status = web.answer(request).await.status();
                let is_known = status != StatusCode::METHOD_NOT_ALLOWED;
                assert_eq!(is_known, is_right, "{asked} {route}: {status}");
                assert!(status != StatusCode::INTERNAL_SERVER_ERROR, "{route}");
            }
        }
    }

    /// A path leads to its route, with names as they were before they were encoded.
    #[test]
    fn a_path_leads_to_its_route() {
        let of = |path| find(path).map(|it| (it.route, it.names));
        assert_eq!(of("sessions"), Some(("/sessions", vec![])));
        let found = of("sessions/a%2Fb/spans/%20");
        let names = vec!["a/b".to_owned(), " ".to_owned()];
        assert_eq!(found, Some(("/sessions/{id}/spans/{span_id}", names)));
        for nothing in [
            "",
            "session",
            "sessions/",
            "sessions/a/b",
            "pipeline/quarantine/x",
        ] {
            let is_named = of(nothing).is_some_and(|(_, names)| names != [""]);
            assert!(!is_named, "{nothing}");
        }
        let replay = find("pipeline/quarantine/1-2/replay").expect("a route");
        assert_eq!((replay.method, &*replay.names[0]), ("post", "1-2"));
    }
}
