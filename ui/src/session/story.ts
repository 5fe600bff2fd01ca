// The story of a session: what was said and done, turn by turn.
//
// Made of messages, where content is recorded, and of spans. A turn begins with what a user says to the
// agent of the session; without messages, with each part right below the session. A tool call has its
// arguments and its result from the messages of the same call id.

import type { Message, Part } from '../api/types';
import { agents } from './lanes';
import { endOf, NONE, type Tree } from './tree';

export type Item =
  | { kind: 'message'; at: number; message: Message; parts: Part[]; place: number }
  | { kind: 'call'; at: number; place: number; arguments?: unknown; result?: unknown }
  | { kind: 'model'; at: number; place: number };

export interface Turn {
  title: string;
  at: number;
  /** The agent that is spoken to. */
  items: Item[];
  cost: number;
  tokens: number;
  errors: number;
  endUs: number;
}

export function story(tree: Tree, messages: readonly Message[], nowUs: number): Turn[] {
  const agentOf = agents(tree);
  const calls = new Map<string, { arguments?: unknown; result?: unknown }>();
  for (const { parts } of messages) {
    for (const part of parts) {
      if (!part.call_id) continue;
      const call = calls.get(part.call_id) ?? {};
      if (part.type === 'tool_call') call.arguments = part.arguments;
      if (part.type === 'tool_result') call.result = part.result ?? part.text;
      calls.set(part.call_id, call);
    }
  }

  const items: Item[] = [];
  const spoken = new Set<string>();
  const called = new Set<string>();
  tree.spans.forEach((span, place) => {
    if (span.type === 'llm') return;
    if (!['tool', 'action', 'retrieval', 'embeddings', 'delegation'].includes(span.type)) {
      // A frame that failed by itself, with nothing below that says why.
      if (span.status === 'error' && tree.firstChild[place] === NONE) items.push({ kind: 'call', at: span.start_us, place });
      return;
    }
    if (span.call_id) called.add(span.call_id);
    items.push({ kind: 'call', at: span.start_us, place, ...(span.call_id ? calls.get(span.call_id) : {}) });
  });
  for (const message of messages) {
    // Calls and results that have a span are shown there.
    const parts = message.parts.filter((part) =>
      !((part.type === 'tool_call' || part.type === 'tool_result') && part.call_id && called.has(part.call_id)));
    if (!parts.length) continue;
    if (message.role === 'assistant') spoken.add(message.span_id);
    const place = tree.places.get(message.span_id) ?? NONE;
    items.push({ kind: 'message', at: message.time_us, message, parts, place });
  }
  tree.spans.forEach((span, place) => {
    if (span.type === 'llm' && (span.status === 'error' || !spoken.has(span.span_id))) {
      items.push({ kind: 'model', at: span.start_us, place });
    }
  });
  const rank = (item: Item): number => (item.kind === 'message' ? 0 : 1);
  items.sort((a, b) => a.at - b.at || rank(a) - rank(b));
  return inTurns(tree, items, agentOf, nowUs);
}

function inTurns(tree: Tree, items: Item[], agentOf: string[], nowUs: number): Turn[] {
  const host = tree.roots.length ? agentOf[tree.roots[0]!]! : '';
  const starts: { at: number; title: string }[] = [];
  for (const item of items) {
    if (item.kind !== 'message' || item.message.role !== 'user') continue;
    if (item.place === NONE || agentOf[item.place] === host) starts.push({ at: item.at, title: '' });
  }
  if (!starts.length && tree.roots.length) {
    for (let child = tree.firstChild[tree.roots[0]!]!; child !== NONE; child = tree.nextSibling[child]!) {
      if (tree.firstChild[child] !== NONE) starts.push({ at: tree.spans[child]!.start_us, title: tree.spans[child]!.name });
    }
  }

  const turns: Turn[] = [];
  const begin = (at: number, title: string): Turn => {
    const turn = { title, at, items: [], cost: 0, tokens: 0, errors: 0, endUs: at };
    turns.push(turn);
    return turn;
  };
  let next = 0;
  let turn: Turn | undefined;
  for (const item of items) {
    while (next < starts.length && starts[next]!.at <= item.at) {
      turn = begin(starts[next]!.at, starts[next]!.title);
      next++;
    }
    turn ??= begin(tree.startUs, '');
    turn.items.push(item);
  }
  count(tree, turns, nowUs);
  return turns.filter(({ items }) => items.length);
}

/** The last turn that had begun by then; the first for what came before all. */
function lastBegun(turns: Turn[], at: number): number {
  let [low, high] = [0, turns.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (turns[middle]!.at <= at) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** What each turn cost: of the spans that began in it. */
function count(tree: Tree, turns: Turn[], nowUs: number): void {
  for (const span of tree.spans) {
    const turn = turns[lastBegun(turns, span.start_us)];
    if (!turn) return;
    if (span.type !== 'session' && span.type !== 'agent') turn.endUs = Math.max(turn.endUs, endOf(span, nowUs));
    if (span.type === 'llm' || span.type === 'embeddings') {
      turn.cost += span.cost ?? 0;
      turn.tokens += (span.input_tokens ?? 0) + (span.output_tokens ?? 0);
    }
    if (span.status === 'error' && tree.firstChild[tree.places.get(span.span_id)!] === NONE) turn.errors++;
  }
}
