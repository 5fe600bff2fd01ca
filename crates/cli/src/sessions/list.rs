//! Lists of sessions: a line each.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use spanreel_store::{ErrorFilter, SessionQuery, Sort, State, Store as _, Summary};

use super::args::ListArgs;
use super::place::open;
use super::{patience, say};
use crate::outcome::Outcome;
use crate::term::{Palette, Terminal};
use crate::units::{count, duration};

/// The columns.
const HEAD: &str = "state       started               took       agent         LLM  tools  errors    tokens      cost  session";

/// Lists sessions.
pub(super) fn run(args: &ListArgs, stdout: &Terminal) -> anyhow::Result<Outcome> {
    let page = open(&args.directory)?.sessions(&query(args)?, &patience())?;
    if args.json {
        say(&format!("{}\n", serde_json::to_string(&page)?))?;
        return Ok(Outcome::Fine);
    }
    let mut text = stdout.palette.heading(HEAD);
    text.push('\n');
    for summary in &page.items {
        text.push_str(&line(summary, stdout.palette));
    }
    let shown = page.items.len() as u64;
    match (page.total, page.total_at_least) {
        (Some(total), _) if total > shown => {
            writeln!(text, "{shown} of {total}; --limit shows more")?;
        }
        (None, Some(least)) => writeln!(text, "{shown} of more than {least}; --limit shows more")?,
        _ => {}
    }
    say(&text)?;
    Ok(Outcome::Fine)
}

fn query(args: &ListArgs) -> anyhow::Result<SessionQuery> {
    let mut query = SessionQuery::default();
    query.sort = Sort::from_word(&args.sort)?;
    anyhow::ensure!((1..=1_000).contains(&args.limit), "--limit is 1 to 1000");
    query.limit = args.limit;
    let filter = &mut query.filter;
    filter.text.clone_from(&args.text);
    filter.agent.clone_from(&args.agent);
    filter.user.clone_from(&args.user);
    filter.model.clone_from(&args.model);
    filter.error = args.failed.then_some(ErrorFilter::Any);
    if let Some(state) = &args.state {
        let known = State::from_name(state);
        let advice = "--state is running, done, failed, incomplete or stalled";
        filter.state = Some(known.ok_or_else(|| anyhow::anyhow!(advice))?);
    }
    for attribute in &args.attributes {
        let pair = attribute.split_once('=');
        let (key, value) = pair.ok_or_else(|| anyhow::anyhow!("--attr is KEY=VALUE"))?;
        filter.attributes.push((key.to_owned(), value.to_owned()));
    }
    Ok(query)
}

/// Text of somebody else's without anything that a terminal would obey.
fn plain(text: &str) -> String {
    text.chars()
        .map(|it| if it.is_control() { ' ' } else { it })
        .collect()
}

/// A session on a line.
pub(super) fn line(summary: &Summary, palette: Palette) -> String {
    let state = format!("{:10}", summary.state.name());
    let state = match summary.state {
        State::Failed | State::Stalled => palette.bad(&state),
        State::Done => palette.good(&state),
        _ => state,
    };
    let started = Timestamp::from_microsecond(summary.start_us).map_or_else(
        |_| "?".to_owned(),
        |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    );
    let took = summary.duration_us.and_then(|us| u64::try_from(us).ok());
    let took = took.map_or_else(String::new, |us| duration(Duration::from_micros(us)));
    let agent: String = plain(summary.agent.as_deref().unwrap_or("-"))
        .chars()
        .take(12)
        .collect();
    let tokens =
        summary.input_tokens.unwrap_or_default() + summary.output_tokens.unwrap_or_default();
    let cost = summary
        .cost
        .map_or_else(|| "-".to_owned(), |cost| format!("${cost:.4}"));
    format!(
        "{state}  {started}  {took:>9}  {agent:12}  {:>4}  {:>5}  {:>6}  {:>8}  {cost:>8}  {}\n",
        summary.llm_calls,
        summary.tool_calls,
        summary.errors,
        count(tokens as f64),
        plain(&summary.id),
    )
}
