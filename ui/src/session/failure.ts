// Why a session failed: the chain of errors from the session down to the first cause.
//
// A span that failed usually did so because one below it had. Of several, the one that failed last is
// what the span could not get over: those before it were tried again or ignored. The chain ends at a
// failed span with no failed one below it, which is the cause.

import { endOf, NONE, type Tree } from './tree';

/** From the outermost failed span to the cause; empty where nothing failed. */
export function failureChain(tree: Tree, nowUs: number): number[] {
  const holdsError = new Uint8Array(tree.spans.length);
  let earliest = NONE;
  tree.spans.forEach((span, place) => {
    if (span.status !== 'error') return;
    if (earliest === NONE || endOf(span, nowUs) < endOf(tree.spans[earliest]!, nowUs)) earliest = place;
    for (let up = place; up !== NONE && !holdsError[up]; up = tree.parent[up]!) holdsError[up] = 1;
  });
  if (earliest === NONE) return [];

  const failedRoots = tree.roots.filter((root) => tree.spans[root]!.status === 'error');
  // Nothing failed as a whole: what failed first is what there is to look at.
  const top = failedRoots.length ? last(tree, failedRoots, nowUs) : outermost(tree, earliest);
  const chain: number[] = [];
  let place = top;
  for (;;) {
    if (tree.spans[place]!.status === 'error') chain.push(place);
    const failed: number[] = [];
    for (let child = tree.firstChild[place]!; child !== NONE; child = tree.nextSibling[child]!) {
      if (holdsError[child]) failed.push(child);
    }
    if (!failed.length) return chain;
    const themselves = failed.filter((child) => tree.spans[child]!.status === 'error');
    // A child that did not fail caught what failed below it: only where no other explains it.
    place = last(tree, themselves.length ? themselves : failed, nowUs);
  }
}

function last(tree: Tree, places: number[], nowUs: number): number {
  return places.reduce((a, b) => (endOf(tree.spans[b]!, nowUs) >= endOf(tree.spans[a]!, nowUs) ? b : a));
}

/** The highest failed span above without a gap. */
function outermost(tree: Tree, place: number): number {
  let top = place;
  for (let up = tree.parent[place]!; up !== NONE && tree.spans[up]!.status === 'error'; up = tree.parent[up]!) top = up;
  return top;
}
