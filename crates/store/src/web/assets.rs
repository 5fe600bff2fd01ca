//! The files of the page, embedded in the program.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use rust_embed::RustEmbed;

use super::{Body, body};

/// What `ui` was built to. Where it was not built, there is the API alone.
#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Dist;

/// The page in one file: a template, and no place to go to.
const OFFLINE: &str = "export.html";

/// What is told where the page was not built.
const NO_PAGE: &str =
    "this build has no page; its JSON API is /api/v1/sessions, described by /api/v1/openapi.json\n";

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "webmanifest") => "application/json",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        _ => "application/octet-stream",
    }
}

/// A file of the page.
pub(super) fn answer(path: &str) -> Response<Body> {
    let path = path.trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    let Some(file) = Dist::get(path).filter(|_| path != OFFLINE) else {
        let mut answer = Response::new(body(NO_PAGE));
        *answer.status_mut() = StatusCode::NOT_FOUND;
        let kind = HeaderValue::from_static("text/plain; charset=utf-8");
        answer.headers_mut().insert(CONTENT_TYPE, kind);
        return answer;
    };
    let mut answer = Response::new(body(file.data.into_owned()));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind(path)));
    // Files beside the page carry a digest of themselves in their names.
    let cache = match path.starts_with("assets/") {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    answer
}

/// The page in one file, for sessions that are exported; `None` where it was not built.
pub(super) fn offline() -> Option<String> {
    let file = Dist::get(OFFLINE)?;
    String::from_utf8(file.data.into_owned()).ok()
}
