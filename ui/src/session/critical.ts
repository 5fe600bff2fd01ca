// The critical path: which span the session was waiting for, at each moment.
//
// Found backwards from the end. Of the children of a span, the one that ended last held it up until
// then; before that child began, the one that had ended last by that time; and so on. Times that no
// child explains are the span's own. A child that was still running when a later one began did not hold
// that one up, and is not on the path.

import type { Span } from '../api/types';
import { endOf, NONE, type Tree } from './tree';

export interface Segment {
  place: number;
  from: number;
  to: number;
}

export function criticalPath(tree: Tree, nowUs: number): Segment[] {
  const found: Segment[] = [];
  // Children by their end, found once per parent that is walked.
  const walk: { place: number; until: number }[] = tree.roots.map((place) => ({
    place,
    until: endOf(tree.spans[place]!, nowUs),
  }));
  while (walk.length) {
    const { place, until } = walk.pop()!;
    const span = tree.spans[place]!;
    let cursor = Math.min(until, endOf(span, nowUs));
    for (const child of byEnd(tree, place, nowUs)) {
      const { start_us: start } = tree.spans[child]!;
      // A child that outlives its parent counts as far as the parent goes.
      const end = Math.min(endOf(tree.spans[child]!, nowUs), endOf(span, nowUs));
      if (end > cursor || start >= cursor || end <= span.start_us) continue;
      if (end < cursor) found.push({ place, from: end, to: cursor });
      walk.push({ place: child, until: end });
      cursor = Math.max(start, span.start_us);
    }
    if (cursor > span.start_us) found.push({ place, from: span.start_us, to: cursor });
  }
  return found;
}

function byEnd(tree: Tree, place: number, nowUs: number): number[] {
  const children: number[] = [];
  for (let child = tree.firstChild[place]!; child !== NONE; child = tree.nextSibling[child]!) children.push(child);
  const end = (child: number): number => endOf(tree.spans[child] as Span, nowUs);
  return children.sort((a, b) => end(b) - end(a));
}

/** How long the path waited for each span itself, longest first. */
export function waits(segments: readonly Segment[]): { place: number; us: number }[] {
  const sums = new Map<number, number>();
  for (const { place, from, to } of segments) sums.set(place, (sums.get(place) ?? 0) + to - from);
  return [...sums].map(([place, us]) => ({ place, us })).sort((a, b) => b.us - a.us);
}
