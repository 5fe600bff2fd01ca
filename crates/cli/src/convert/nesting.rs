//! Finds the parent of every span and log record of a session.
//!
//! A recorded cause wins. Otherwise a span hangs under the container of its run that contains it and
//! began last. Where none contains it, it hangs under the root; but a call, a stage or a check is its
//! pipeline's work, and stays there though clocks differ by a hair. Takes n log n time, whatever the
//! recording.

use std::collections::HashMap;
use std::sync::Arc;

use super::event::Family;

/// A span or log record that needs a parent.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) run: Arc<str>,
    pub(crate) family: Family,
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Whether it may hold others: see [`super::event::Detail::is_container`].
    pub(crate) is_container: bool,
    /// Whether its end is unknown; only its start must then lie in its parent.
    pub(crate) is_open: bool,
    /// The number of its first event; 0 where it has none.
    pub(crate) seq: u64,
    /// The number of the event that caused it.
    pub(crate) parent_seq: Option<u64>,
}

/// The parent of each item, as an index; `None` is the root.
///
/// `by_seq` finds the item that an event became part of by the event's number.
pub(crate) fn parents(items: &[Item], by_seq: &HashMap<u64, usize>) -> Vec<Option<usize>> {
    let mut runs: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        runs.entry(&item.run).or_default().push(index);
    }
    let mut parents = vec![None; items.len()];
    for run in runs.values_mut() {
        run.sort_by_key(|&index| {
            let item = &items[index];
            (item.start, std::cmp::Reverse(item.end), item.family, index)
        });
        nest(items, run, &mut parents);
    }
    for (index, item) in items.iter().enumerate() {
        let cause = item.parent_seq.and_then(|seq| by_seq.get(&seq)).copied();
        // Causes come before their effects, or else two could be each other's.
        if let Some(cause) = cause.filter(|&cause| items[cause].seq < item.seq) {
            parents[index] = Some(cause);
        }
    }
    break_cycles(&mut parents);
    parents
}

/// Containers that began so far, of one kind. Each ends before the one below it, because one that
/// is outlasted by a later one is of no use any more.
#[derive(Debug, Default)]
struct Containers(Vec<(u64, usize)>);

impl Containers {
    fn push(&mut self, end: u64, index: usize) {
        while self.0.last().is_some_and(|(below, _)| *below <= end) {
            self.0.pop();
        }
        self.0.push((end, index));
    }

    /// The one that began last among those that last until `end`.
    fn around(&self, end: u64) -> Option<usize> {
        let lasting = self.0.partition_point(|(until, _)| *until >= end);
        Some(self.0[lasting.checked_sub(1)?].1)
    }
}

/// Nests the items of one run, in order of their starts.
fn nest(items: &[Item], run: &[usize], parents: &mut [Option<usize>]) {
    let pipeline = |index: &&usize| items[**index].family == Family::Pipeline;
    let mut last_pipeline = run.iter().find(pipeline).copied();
    let mut pipelines = Containers::default();
    let mut compositions = Containers::default();
    let mut steps = Containers::default();
    let mut middleware = Containers::default();
    let mut innermost = Containers::default();
    for &index in run {
        let item = &items[index];
        let until = if item.is_open { item.start } else { item.end };
        let in_pipeline = || pipelines.around(until).or(last_pipeline);
        parents[index] = match item.family {
            Family::Pipeline => None,
            Family::Composition => in_pipeline(),
            Family::Step => steps
                .around(until)
                .or_else(|| compositions.around(until))
                .or_else(in_pipeline),
            Family::Stage => in_pipeline(),
            Family::Middleware => middleware.around(until).or_else(in_pipeline),
            family if family.is_pipeline_work() => innermost.around(until).or(last_pipeline),
            _ => innermost.around(until),
        };
        match item.family {
            Family::Pipeline => {
                pipelines.push(item.end, index);
                last_pipeline = Some(index);
            }
            Family::Composition => compositions.push(item.end, index),
            Family::Step if item.is_container => steps.push(item.end, index),
            Family::Middleware => middleware.push(item.end, index),
            _ => {}
        }
        let holds_calls = match item.family {
            Family::Pipeline | Family::Composition | Family::Step => true,
            Family::Stage | Family::Middleware => item.is_container,
            _ => false,
        };
        if holds_calls {
            innermost.push(item.end, index);
        }
    }
}

/// Hangs one item of every circle of parents under the root.
fn break_cycles(parents: &mut [Option<usize>]) {
    // The walk on which an item was first met; 0 is none.
    let mut met = vec![0_usize; parents.len()];
    for start in 0..parents.len() {
        let walk = start + 1;
        let mut at = start;
        while met[at] == 0 {
            met[at] = walk;
            match parents[at] {
                Some(parent) if met[parent] == walk => parents[at] = None,
                Some(parent) => at = parent,
                None => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(family: Family, start: u64, end: u64) -> Item {
        Item {
            run: "r".into(),
            family,
            start,
            end,
            is_container: true,
            is_open: false,
            seq: 0,
            parent_seq: None,
        }
    }

    fn nested(items: &[Item]) -> Vec<Option<usize>> {
        parents(items, &HashMap::new())
    }

    /// A call hangs under the container that began last among those that contain it.
    #[test]
    fn calls_hang_under_the_innermost_container() {
        let items = [
            item(Family::Pipeline, 0, 100),
            item(Family::Stage, 0, 100),
            item(Family::Stage, 10, 50),
            item(Family::Provider, 20, 30),
            item(Family::Provider, 40, 60),
            item(Family::Provider, 90, 110),
            item(Family::Pipeline, 200, 300),
            item(Family::Tool, 200, 300),
        ];
        let expected = [
            None,
            Some(0),
            Some(0),
            Some(2),
            Some(1),
            Some(0),
            None,
            Some(6),
        ];
        assert_eq!(nested(&items), expected);
    }

    /// Stages that cannot call a model never hold one, and other runs never do.
    #[test]
    fn calls_keep_to_their_run_and_to_stages_that_call() {
        let mut sink = item(Family::Stage, 1, 100);
        sink.is_container = false;
        let mut foreign = item(Family::Provider, 20, 30);
        foreign.run = "other".into();
        let items = [
            item(Family::Pipeline, 0, 100),
            sink,
            item(Family::Provider, 20, 30),
            foreign,
        ];
        assert_eq!(nested(&items), [None, Some(0), Some(0), None]);
    }

    /// An unfinished span keeps the parent in which it began.
    #[test]
    fn an_open_span_stays_where_it_began() {
        let mut open = item(Family::Tool, 20, 500);
        open.is_open = true;
        let items = [
            item(Family::Pipeline, 0, 100),
            item(Family::Stage, 5, 90),
            open,
        ];
        assert_eq!(nested(&items), [None, Some(0), Some(1)]);
    }

    /// Recorded causes win, and causes that go in a circle end at the root.
    #[test]
    fn causes_win_and_never_go_in_circles() {
        let mut pipeline = item(Family::Pipeline, 0, 100);
        (pipeline.seq, pipeline.parent_seq) = (10, Some(5));
        let mut call = item(Family::Provider, 20, 30);
        call.seq = 5;
        let by_seq = HashMap::from([(10, 0), (5, 1)]);
        let parents = parents(&[pipeline, call], &by_seq);
        assert_eq!(parents.iter().filter(|parent| parent.is_none()).count(), 1);

        let mut agent = item(Family::Tool, 0, 100);
        agent.seq = 1;
        let mut sub = item(Family::Pipeline, 10, 20);
        (sub.run, sub.seq, sub.parent_seq) = ("sub".into(), 2, Some(1));
        let by_seq = HashMap::from([(1, 0), (2, 1)]);
        assert_eq!(super::parents(&[agent, sub], &by_seq), [None, Some(0)]);
    }
}
