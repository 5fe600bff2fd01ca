// The spans of a session as a tree, and the rows that a waterfall shows of it.
//
// Works on places in the list of spans, in typed arrays: 100,000 spans are laid out in a few
// milliseconds. What arrives may be damaged: a parent that is missing, or a circle of parents, makes a
// span a root, and `broken` says so.

import type { Span } from '../api/types';

export const NONE = -1;

export interface Tree {
  spans: readonly Span[];
  /** Place of a span by its id. */
  places: ReadonlyMap<string, number>;
  parent: Int32Array;
  firstChild: Int32Array;
  nextSibling: Int32Array;
  depth: Uint16Array;
  /** How many spans are below. */
  below: Uint32Array;
  roots: number[];
  /** Spans whose parent is not known or is below themselves. */
  broken: Set<number>;
  startUs: number;
  /** The last end or start that is known. */
  lastUs: number;
  hasOpen: boolean;
}

export function grow(spans: readonly Span[]): Tree {
  const n = spans.length;
  const places = new Map<string, number>();
  let startUs = Infinity;
  let lastUs = -Infinity;
  let hasOpen = false;
  spans.forEach((span, place) => {
    if (!places.has(span.span_id)) places.set(span.span_id, place);
    startUs = Math.min(startUs, span.start_us);
    lastUs = Math.max(lastUs, span.end_us ?? span.start_us);
    if (span.end_us === undefined && !span.incomplete) hasOpen = true;
  });

  const broken = new Set<number>();
  const parent = new Int32Array(n).fill(NONE);
  spans.forEach((span, place) => {
    if (!span.parent_id) return;
    const above = places.get(span.parent_id);
    if (above === undefined || above === place) broken.add(place);
    else parent[place] = above;
  });
  openCircles(parent, broken);

  const firstChild = new Int32Array(n).fill(NONE);
  const nextSibling = new Int32Array(n).fill(NONE);
  const order = byStart(spans);
  const roots: number[] = [];
  // Backwards, so that each child is put before those that start later.
  for (let i = n - 1; i >= 0; i--) {
    const place = order[i]!;
    const above = parent[place]!;
    if (above === NONE) {
      roots.push(place);
      continue;
    }
    nextSibling[place] = firstChild[above]!;
    firstChild[above] = place;
  }
  roots.reverse();

  const depth = new Uint16Array(n);
  const below = new Uint32Array(n);
  const down: number[] = [];
  for (const root of [...roots].reverse()) down.push(root);
  const visited: number[] = [];
  while (down.length) {
    const place = down.pop()!;
    visited.push(place);
    for (let child = firstChild[place]!; child !== NONE; child = nextSibling[child]!) {
      depth[child] = Math.min(65_535, depth[place]! + 1);
      down.push(child);
    }
  }
  for (let i = visited.length - 1; i >= 0; i--) {
    const place = visited[i]!;
    const above = parent[place]!;
    if (above !== NONE) below[above] = below[above]! + below[place]! + 1;
  }
  return {
    spans, places, parent, firstChild, nextSibling, depth, below, roots, broken, hasOpen,
    startUs: n ? startUs : 0,
    lastUs: n ? lastUs : 0,
  };
}

/** Cuts each circle of parents at one of its spans. */
function openCircles(parent: Int32Array, broken: Set<number>): void {
  // 0: not seen; otherwise the walk that saw it.
  const seenBy = new Int32Array(parent.length);
  for (let first = 0; first < parent.length; first++) {
    let place = first;
    while (place !== NONE && seenBy[place] === 0) {
      seenBy[place] = first + 1;
      place = parent[place]!;
    }
    if (place !== NONE && seenBy[place] === first + 1) {
      parent[place] = NONE;
      broken.add(place);
    }
  }
}

/** Places in the order of their start; those of equal start as they came. */
function byStart(spans: readonly Span[]): Uint32Array {
  const order = Uint32Array.from(spans, (_, place) => place);
  let isSorted = true;
  for (let i = 1; i < spans.length && isSorted; i++) isSorted = spans[i - 1]!.start_us <= spans[i]!.start_us;
  return isSorted ? order : order.sort((a, b) => spans[a]!.start_us - spans[b]!.start_us || a - b);
}

/** The places in the order of the waterfall, without what is below a folded one. */
export function rows(tree: Tree, folded: ReadonlySet<string>): Int32Array {
  const shown = new Int32Array(tree.spans.length);
  let n = 0;
  const down: number[] = [];
  const push = (first: number): void => {
    // Siblings are linked in order of start: they go on the stack the other way round.
    const bottom = down.length;
    for (let child = first; child !== NONE; child = tree.nextSibling[child]!) down.push(child);
    for (let a = bottom, b = down.length - 1; a < b; a++, b--) [down[a], down[b]] = [down[b]!, down[a]!];
  };
  for (let i = tree.roots.length - 1; i >= 0; i--) down.push(tree.roots[i]!);
  while (down.length) {
    const place = down.pop()!;
    shown[n++] = place;
    if (!folded.has(tree.spans[place]!.span_id)) push(tree.firstChild[place]!);
  }
  return shown.subarray(0, n);
}

/** When a span ended; an open one has lasted until `nowUs`. */
export function endOf(span: Span, nowUs: number): number {
  return Math.max(span.start_us, span.end_us ?? (span.incomplete ? span.start_us : nowUs));
}
