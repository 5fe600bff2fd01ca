//! Sessions as a table: CSV by RFC 4180, one row for each, that a spreadsheet opens without running anything.
//!
//! Holds: the row of every session. Waits: for the file, at the end. Loses: nothing.

use std::collections::HashMap;
use std::io;

use super::summary::SessionSummary;

/// The columns. Tokens and cost are empty where nothing is known.
const COLUMNS: [&str; 16] = [
    "session_id",
    "trace_id",
    "agent",
    "user",
    "start",
    "duration_ms",
    "spans",
    "llm_calls",
    "tool_calls",
    "errors",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cost",
    "state",
];

/// What begins a formula in some spreadsheet (OWASP, "CSV Injection").
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The sessions of all recordings.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: HashMap<(String, String), SessionSummary>,
}

impl Table {
    /// Adds a session. One that is known already, from another file, gets the sum of both.
    pub(crate) fn add(&mut self, session: SessionSummary) {
        let key = (session.session_id.clone(), session.trace_id.clone());
        match self.rows.get_mut(&key) {
            Some(known) => join(known, session),
            None => {
                self.rows.insert(key, session);
            }
        }
    }

    /// Writes all rows, by start and then by id.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(self, out: impl io::Write) -> io::Result<()> {
        let mut rows: Vec<SessionSummary> = self.rows.into_values().collect();
        rows.sort_by(|one, other| {
            let order = |row: &SessionSummary| row.start_unix_ns;
            let ids = (&one.session_id, &one.trace_id).cmp(&(&other.session_id, &other.trace_id));
            order(one).cmp(&order(other)).then(ids)
        });
        let mut csv = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(out);
        csv.write_record(COLUMNS)?;
        for row in &rows {
            csv.write_record(cells(row))?;
        }
        csv.flush()
    }
}

fn join(known: &mut SessionSummary, more: SessionSummary) {
    let add = |one: &mut Option<u64>, other: Option<u64>| {
        if let Some(other) = other {
            *one = Some(one.unwrap_or_default().saturating_add(other));
        }
    };
    if more.end_unix_ns >= known.end_unix_ns && more.end_state != "unset"
        || known.end_state == "unset"
    {
        known.end_state = more.end_state;
    }
    known.start_unix_ns = known.start_unix_ns.min(more.start_unix_ns);
    known.end_unix_ns = known.end_unix_ns.max(more.end_unix_ns);
    known.agent = known.agent.take().or(more.agent);
    known.user_id = known.user_id.take().or(more.user_id);
    known.spans += more.spans;
    known.llm_calls += more.llm_calls;
    known.tool_calls += more.tool_calls;
    known.errors += more.errors;
    add(&mut known.input_tokens, more.input_tokens);
    add(&mut known.output_tokens, more.output_tokens);
    add(&mut known.cached_tokens, more.cached_tokens);
    add(&mut known.reasoning_tokens, more.reasoning_tokens);
    if let Some(cost) = more.cost {
        *known.cost.get_or_insert(0.0) += cost;
    }
}

fn cells(row: &SessionSummary) -> [String; COLUMNS.len()] {
    let number = |number: Option<u64>| number.map(|it| it.to_string()).unwrap_or_default();
    let nanos = row.end_unix_ns.saturating_sub(row.start_unix_ns);
    [
        text(&row.session_id),
        row.trace_id.clone(),
        text(row.agent.as_deref().unwrap_or_default()),
        text(row.user_id.as_deref().unwrap_or_default()),
        time(row.start_unix_ns),
        (nanos as f64 / 1e6).to_string(),
        row.spans.to_string(),
        row.llm_calls.to_string(),
        row.tool_calls.to_string(),
        row.errors.to_string(),
        number(row.input_tokens),
        number(row.output_tokens),
        number(row.cached_tokens),
        number(row.reasoning_tokens),
        row.cost.map(|cost| cost.to_string()).unwrap_or_default(),
        row.end_state.to_owned(),
    ]
}

/// A text that no spreadsheet takes for a formula.
fn text(text: &str) -> String {
    if text.starts_with(FORMULA) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// A time by RFC 3339 in UTC; empty where there is none.
fn time(unix_ns: u64) -> String {
    match jiff::Timestamp::from_nanosecond(unix_ns.into()) {
        Ok(time) if unix_ns > 0 => time.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str) -> SessionSummary {
        SessionSummary {
            file: "a.jsonl".to_owned(),
            session_id: id.to_owned(),
            trace_id: "t".to_owned(),
            conversation_id: None,
            user_id: Some("line\r\nbreak".to_owned()),
            agent: Some("say \"hi\", twice".to_owned()),
            end_state: "success",
            start_unix_ns: 1_700_000_000_500_000_000,
            end_unix_ns: 1_700_000_001_750_500_000,
            spans: 3,
            logs: 0,
            llm_calls: 1,
            tool_calls: 1,
            errors: 0,
            input_tokens: Some(12),
            output_tokens: None,
            cached_tokens: None,
            reasoning_tokens: None,
            cost: Some(0.25),
        }
    }

    fn written(table: Table) -> String {
        let mut out = Vec::new();
        table.write(&mut out).expect("memory takes everything");
        String::from_utf8(out).expect("text")
    }

    /// Rows are quoted by RFC 4180, and what is unknown is empty.
    #[test]
    fn rows_are_quoted() {
        let mut table = Table::default();
        table.add(session("s"));
        let expected = "s,t,\"say \"\"hi\"\", twice\",\"line\r\nbreak\",2023-11-14T22:13:20.5Z,\
                        1250.5,3,1,1,0,12,,,,0.25,success\r\n";
        assert_eq!(
            written(table),
            format!("{}\r\n{expected}", COLUMNS.join(","))
        );
    }

    /// No text of a recording is a formula in a spreadsheet.
    #[test]
    fn no_text_is_a_formula() {
        for begin in FORMULA {
            let mut table = Table::default();
            table.add(session(&format!("{begin}1+1")));
            let csv = written(table);
            let row = csv.split_once("\r\n").expect("a header").1;
            assert!(row.trim_start_matches('"').starts_with('\''), "{row}");
        }
    }

    /// A session in two files is one row with the sums, in whatever order they come.
    #[test]
    fn a_session_in_two_files_is_one_row() {
        let mut later = session("s");
        later.end_unix_ns += 1_000_000;
        later.end_state = "error";
        later.output_tokens = Some(5);
        let tables = [[session("s"), later.clone()], [later, session("s")]];
        let [one, other] = tables.map(|sessions| {
            let mut table = Table::default();
            sessions.into_iter().for_each(|it| table.add(it));
            written(table)
        });
        assert_eq!(one, other);
        assert!(
            one.ends_with(",1251.5,6,2,2,0,24,5,,,0.5,error\r\n"),
            "{one}"
        );
    }
}
