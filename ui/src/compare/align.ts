// The steps of two sessions side by side: what both did stands in one row, what only one did alone.
//
// A step is a call (of a model, a tool, another agent); two steps are the same when they call the same.
// The longest common row of steps is found by dynamic programming over what is left between an equal
// start and an equal end.

import type { Span } from '../api/types';

export interface Pair {
  a?: Span;
  b?: Span;
}

/** More steps than this of a session are not compared: the table would have as many squares. */
export const MOST = 2000;

const STEPS = new Set(['llm', 'embeddings', 'retrieval', 'tool', 'action', 'delegation']);

export function steps(spans: readonly Span[]): Span[] {
  return spans.filter(({ type }) => STEPS.has(type)).sort((a, b) => a.start_us - b.start_us);
}

export function sameStep(a: Span, b: Span): boolean {
  return a.type === b.type && called(a) === called(b) && a.agent === b.agent;
}

function called(span: Span): string {
  return span.tool ?? span.model ?? span.delegate_to?.agent ?? span.name;
}

export function align(a: readonly Span[], b: readonly Span[]): Pair[] {
  let start = 0;
  while (start < a.length && start < b.length && sameStep(a[start]!, b[start]!)) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && sameStep(a[a.length - 1 - end]!, b[b.length - 1 - end]!)) end++;

  const pairs: Pair[] = [];
  for (let i = 0; i < start; i++) pairs.push({ a: a[i]!, b: b[i]! });
  pairs.push(...between(a.slice(start, a.length - end), b.slice(start, b.length - end)));
  for (let i = end; i > 0; i--) pairs.push({ a: a[a.length - i]!, b: b[b.length - i]! });
  return pairs;
}

function between(a: readonly Span[], b: readonly Span[]): Pair[] {
  // longest[i][j]: how many steps a[i..] and b[j..] have in common.
  const width = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] = sameStep(a[i]!, b[j]!)
        ? longest[(i + 1) * width + j + 1]! + 1
        : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!);
    }
  }
  const pairs: Pair[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && sameStep(a[i]!, b[j]!)) pairs.push({ a: a[i++]!, b: b[j++]! });
    else if (j >= b.length || (i < a.length && longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!)) pairs.push({ a: a[i++]! });
    else pairs.push({ b: b[j++]! });
  }
  return pairs;
}
