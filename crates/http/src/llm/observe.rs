//! The span of a recorded pair of request and answer.

use http::{Request, Response};
use spanreel::{SpanId, SpanRef};

use super::settings::Llm;

impl Llm {
    /// Makes the span of a call that was recorded: it has everything but the times. Whom it is for is
    /// said by a [`SpanRef`] in the request's extensions, or by these settings. Returns the span's id;
    /// `None` where the request is no call of a model, or nobody says whom it is for.
    ///
    /// ```
    /// use http::{Request, Response};
    /// use spanreel::Session;
    /// use spanreel_http::llm::Llm;
    ///
    /// fn import(session: &Session, asked: &str, told: &str) -> http::Result<()> {
    ///     let request = Request::post("https://api.anthropic.com/v1/messages").body(asked)?;
    ///     let response = Response::builder().header("content-type", "application/json").body(told)?;
    ///     Llm::under(session).observe(&request, &response);
    ///     Ok(())
    /// }
    /// ```
    pub fn observe<A, B>(&self, request: &Request<A>, response: &Response<B>) -> Option<SpanId>
    where
        A: AsRef<[u8]>,
        B: AsRef<[u8]>,
    {
        let given = request.extensions().get::<SpanRef>();
        let (method, uri) = (request.method(), request.uri());
        let mut call = self
            .unheard()
            .begin(method, uri, request.headers(), given)?;
        let id = call.span()?.id();
        call.request(request.body().as_ref());
        call.response(response.status(), response.headers());
        call.chunk(response.body().as_ref());
        call.end();
        Some(id)
    }
}
