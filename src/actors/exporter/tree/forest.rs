//! Puts spans under their parents, whatever the parents are.
//!
//! Every span has exactly one place: spans whose parent is not there, or whose parents lead back to
//! themselves, are set apart. No recursion, so that depth is no danger.

use std::collections::HashMap;

use crate::model::record::RecordedSpan;

/// Who is whose child among some spans, by their indices. Siblings are in order of start, then of
/// span id.
#[derive(Debug)]
pub(crate) struct Forest {
    /// Spans without a parent, or with one in another process that is not among the spans.
    pub(crate) roots: Vec<usize>,
    /// Spans whose parent should be here and is not.
    pub(crate) orphans: Vec<usize>,
    /// One span of each circle of parents, its earliest; the others hang below it.
    pub(crate) circles: Vec<usize>,
    children: Vec<Vec<usize>>,
}

impl Forest {
    /// Arranges spans of any number of traces.
    pub(crate) fn of(spans: &[RecordedSpan]) -> Self {
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_by_key(|&index| {
            let span = &spans[index];
            (span.start_unix_nanos, span.trace_id, span.span_id)
        });

        let mut by_id = HashMap::with_capacity(spans.len());
        for (index, span) in spans.iter().enumerate() {
            by_id.entry((span.trace_id, span.span_id)).or_insert(index);
        }
        let parents: Vec<Option<usize>> = spans
            .iter()
            .map(|span| by_id.get(&(span.trace_id, span.parent_span_id?)).copied())
            .collect();

        let mut forest = Self {
            roots: Vec::new(),
            orphans: Vec::new(),
            circles: Vec::new(),
            children: vec![Vec::new(); spans.len()],
        };
        for &index in &order {
            let span = &spans[index];
            match parents[index] {
                Some(parent) => forest.children[parent].push(index),
                None if span.parent_span_id.is_none() || span.has_remote_parent() => {
                    forest.roots.push(index);
                }
                None => forest.orphans.push(index),
            }
        }
        forest.cut_circles(&order, &parents);
        forest
    }

    /// The children of a span.
    pub(crate) fn children(&self, index: usize) -> &[usize] {
        &self.children[index]
    }

    /// Whatever is not below a root or an orphan is below a circle of parents. Cuts each circle
    /// above its earliest span.
    fn cut_circles(&mut self, order: &[usize], parents: &[Option<usize>]) {
        let mut placed = vec![false; parents.len()];
        for index in self.roots.iter().chain(&self.orphans) {
            self.place(*index, &mut placed);
        }
        let rank = ranks(order);
        for &start in order {
            if placed[start] {
                continue;
            }
            let circle = circle_above(start, parents);
            let Some(&first) = circle.iter().min_by_key(|&&index| rank[index]) else {
                continue;
            };
            if let Some(parent) = parents[first] {
                self.children[parent].retain(|&child| child != first);
            }
            self.circles.push(first);
            self.place(first, &mut placed);
        }
    }

    fn place(&self, index: usize, placed: &mut [bool]) {
        let mut open = vec![index];
        while let Some(index) = open.pop() {
            placed[index] = true;
            open.extend(&self.children[index]);
        }
    }
}

/// The place of each index in `order`.
fn ranks(order: &[usize]) -> Vec<usize> {
    let mut ranks = vec![0; order.len()];
    for (rank, &index) in order.iter().enumerate() {
        ranks[index] = rank;
    }
    ranks
}

/// The circle that the parents of `start` lead into.
fn circle_above(start: usize, parents: &[Option<usize>]) -> Vec<usize> {
    let mut steps = HashMap::new();
    let mut path = Vec::new();
    let mut next = Some(start);
    while let Some(index) = next {
        if let Some(&step) = steps.get(&index) {
            return path.split_off(step);
        }
        steps.insert(index, path.len());
        path.push(index);
        next = parents[index];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::super::sample::span;
    use super::*;

    /// Every span has exactly one place, whatever its parents are; circles are cut once.
    #[test]
    fn every_span_has_one_place() {
        let spans = [
            span(1, None, 0..10),
            span(2, Some(1), 2..3),
            span(3, Some(1), 1..3),
            span(4, Some(99), 5..6),
            // 5 and 6 are each other's parents, 7 hangs on 6, 8 is its own parent.
            span(5, Some(6), 4..5),
            span(6, Some(5), 3..5),
            span(7, Some(6), 1..2),
            span(8, Some(8), 0..1),
            // The same span, delivered twice.
            span(2, Some(1), 2..3),
        ];
        let forest = Forest::of(&spans);
        assert_eq!(forest.roots, [0]);
        assert_eq!(forest.orphans, [3]);
        assert_eq!(forest.circles, [7, 5]);
        assert_eq!(forest.children(0), [2, 1, 8]);
        assert_eq!(forest.children(5), [6, 4]);
        let mut seen = [0; 9];
        let heads = [&forest.roots, &forest.orphans, &forest.circles];
        let mut open: Vec<usize> = heads.into_iter().flatten().copied().collect();
        while let Some(index) = open.pop() {
            seen[index] += 1;
            open.extend(forest.children(index));
        }
        assert_eq!(seen, [1; 9]);
    }

    /// A span whose parent is in another process is a root, unless that parent is here as well.
    #[test]
    fn a_span_with_a_remote_parent_is_a_root() {
        let remote = |mut it: RecordedSpan| {
            it.flags = 0x301;
            it
        };
        let spans = [
            remote(span(1, Some(50), 0..9)),
            remote(span(2, Some(1), 1..2)),
        ];
        let forest = Forest::of(&spans);
        assert_eq!(forest.roots, [0]);
        assert_eq!(forest.children(0), [1]);
    }

    /// A chain or circle of 100,000 spans is arranged without exhausting the stack or the day.
    #[test]
    fn depth_is_no_danger() {
        let mut spans: Vec<_> = (1..=100_000)
            .map(|id| span(id, Some(id - 1), id..id + 1))
            .collect();
        assert_eq!(Forest::of(&spans).roots, [0]);
        spans[0].parent_span_id = Some(spans[99_999].span_id);
        assert_eq!(Forest::of(&spans).circles, [0]);
    }
}
