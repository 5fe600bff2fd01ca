//! Follows what changes in a store that another process writes.

use std::collections::HashMap;
use std::time::Duration;

use spanreel_store::{SessionQuery, Store as _};

use super::args::TailArgs;
use super::list::line;
use super::place::open;
use super::{patience, say};
use crate::outcome::Outcome;
use crate::term::Terminal;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(500);

/// The latest sessions are followed, so many of them.
const FOLLOWED: usize = 500;

/// Prints sessions as they change, until it is ended or nobody reads on.
pub(super) fn run(args: &TailArgs, stdout: &Terminal) -> anyhow::Result<Outcome> {
    let store = open(&args.directory)?;
    let mut query = SessionQuery::default();
    query.limit = FOLLOWED;
    let mut known: Option<HashMap<String, i64>> = None;
    let (_never, wait) = std::sync::mpsc::sync_channel::<()>(0);
    loop {
        let mut items = store.sessions(&query, &patience())?.items;
        // The oldest first, as they would have been told.
        items.reverse();
        let is_first = known.is_none();
        let known = known.get_or_insert_default();
        for summary in items {
            let told = known.insert(summary.id.clone(), summary.last_us);
            if is_first || told == Some(summary.last_us) {
                continue;
            }
            let text = match args.json {
                true => format!("{}\n", serde_json::to_string(&summary)?),
                false => line(&summary, stdout.palette),
            };
            if !say(&text)? {
                return Ok(Outcome::Fine);
            }
        }
        // Nobody sends anything: it is a wait that Ctrl-C ends with the process.
        let _elapsed = wait.recv_timeout(LOOK);
    }
}
