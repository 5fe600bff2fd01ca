//! Tables as CSV (RFC 4180).

use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, Response};

use super::{Body, body};
use crate::answer::{LatencyRow, Summary, Usage};

/// A table being written.
pub(super) struct Table(String);

impl Table {
    fn new(head: &[&str]) -> Self {
        let mut table = Self(String::new());
        table.row(head.iter().map(|it| (*it).to_owned()));
        table
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        for (number, cell) in cells.into_iter().enumerate() {
            if number > 0 {
                self.0.push(',');
            }
            // Programs for tables take what begins so for a formula, which hostile text could be.
            let is_formula = cell.starts_with(['=', '+', '@', '\t', '\r'])
                || (cell.starts_with('-') && cell.parse::<f64>().is_err());
            let cell = if is_formula { format!("'{cell}") } else { cell };
            if cell.contains([',', '"', '\n', '\r']) {
                self.0.push('"');
                self.0.push_str(&cell.replace('"', "\"\""));
                self.0.push('"');
            } else {
                self.0.push_str(&cell);
            }
        }
        self.0.push_str("\r\n");
    }

    /// The answer that offers it as a file.
    pub(super) fn answer(self, name: &'static str) -> Response<Body> {
        let mut answer = Response::new(body(self.0));
        let headers = answer.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/csv; charset=utf-8"),
        );
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(name));
        answer
    }
}

fn known<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

pub(super) fn sessions(sessions: &[Summary]) -> Response<Body> {
    let mut table = Table::new(&[
        "id",
        "state",
        "service",
        "agent",
        "user",
        "start_us",
        "duration_us",
        "spans",
        "llm_calls",
        "tool_calls",
        "errors",
        "input_tokens",
        "output_tokens",
        "cost",
        "error",
    ]);
    for it in sessions {
        table.row([
            it.id.clone(),
            it.state.name().to_owned(),
            it.service.clone(),
            known(it.agent.clone()),
            known(it.user.clone()),
            it.start_us.to_string(),
            known(it.duration_us),
            it.spans.to_string(),
            it.llm_calls.to_string(),
            it.tool_calls.to_string(),
            it.errors.to_string(),
            known(it.input_tokens),
            known(it.output_tokens),
            known(it.cost),
            known(it.error.as_ref().map(|error| error.kind.clone())),
        ]);
    }
    table.answer("attachment; filename=\"sessions.csv\"")
}

pub(super) fn usage(usage: &Usage) -> Response<Body> {
    let mut table = Table::new(&[
        "key",
        "from_us",
        "calls",
        "errors",
        "input_tokens",
        "output_tokens",
        "cached_tokens",
        "cost",
    ]);
    for series in &usage.series {
        for bucket in 0..series.calls.len() {
            let begin = usage.from_us + usage.bucket_us * bucket as i64;
            table.row([
                series.key.clone(),
                begin.to_string(),
                series.calls[bucket].to_string(),
                series.errors[bucket].to_string(),
                series.input_tokens[bucket].to_string(),
                series.output_tokens[bucket].to_string(),
                series.cached_tokens[bucket].to_string(),
                series.cost[bucket].to_string(),
            ]);
        }
    }
    table.answer("attachment; filename=\"usage.csv\"")
}

pub(super) fn latency(rows: &[LatencyRow]) -> Response<Body> {
    let mut table = Table::new(&[
        "key",
        "count",
        "errors",
        "p50_us",
        "p90_us",
        "p99_us",
        "ttft_p50_us",
        "ttft_p99_us",
    ]);
    for row in rows {
        table.row([
            row.key.clone(),
            row.count.to_string(),
            row.errors.to_string(),
            row.p50_us.to_string(),
            row.p90_us.to_string(),
            row.p99_us.to_string(),
            known(row.ttft_p50_us),
            known(row.ttft_p99_us),
        ]);
    }
    table.answer("attachment; filename=\"latency.csv\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cells with commas, quotes and lines are quoted, and none is taken for a formula.
    #[test]
    fn cells_are_quoted_and_no_formulas() {
        let mut table = Table::new(&["a", "b"]);
        table.row(["x,\"y\"\n".to_owned(), "=HYPERLINK(1)".to_owned()]);
        table.row(["-1.5".to_owned(), "-cmd".to_owned()]);
        assert_eq!(
            table.0,
            "a,b\r\n\"x,\"\"y\"\"\n\",'=HYPERLINK(1)\r\n-1.5,'-cmd\r\n"
        );
    }
}
