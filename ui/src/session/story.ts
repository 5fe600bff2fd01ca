// The story of a session: what was said and done, turn by turn.
//
// Made of messages, where content is recorded, and of spans. A turn begins with what a user says to the
// agent of the session, unless that is said within something that was asked already; without messages, with
// each part right below the session. A tool call has its arguments and its result from the messages of the
// same call id, or of its own span.

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

/** The key of a call that no id names. */
function ofSpan(spanId: string): string {
  return `span ${spanId}`;
}

/** The call that a part is of: by its id, else the tool's span that says it. */
function callOf(tree: Tree, { span_id }: Message, part: Part): string | undefined {
  if (part.type !== 'tool_call' && part.type !== 'tool_result') return undefined;
  if (part.call_id) return part.call_id;
  const place = tree.places.get(span_id);
  return place !== undefined && tree.spans[place]!.type === 'tool' ? ofSpan(span_id) : undefined;
}

export function story(tree: Tree, messages: readonly Message[], nowUs: number): Turn[] {
  const agentOf = agents(tree);
  const calls = new Map<string, { arguments?: unknown; result?: unknown }>();
  for (const message of messages) {
    for (const part of message.parts) {
      const key = callOf(tree, message, part);
      if (!key) continue;
      const call = calls.get(key) ?? {};
      if (part.type === 'tool_call') call.arguments = part.arguments;
      if (part.type === 'tool_result') call.result = part.result ?? part.text;
      calls.set(key, call);
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
    const key = span.call_id ?? ofSpan(span.span_id);
    called.add(key);
    items.push({ kind: 'call', at: span.start_us, place, ...calls.get(key) });
  });
  for (const message of messages) {
    // Calls and results that have a span are shown there.
    const parts = message.parts.filter((part) => !called.has(callOf(tree, message, part) ?? ''));
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
  const asked = new Set<number>();
  for (const item of items) {
    if (item.kind !== 'message' || item.message.role !== 'user') continue;
    if (item.place === NONE || (agentOf[item.place] === host && !isWithin(tree, item.place, asked))) {
      starts.push({ at: item.at, title: '' });
      asked.add(item.place);
    }
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

/** Whether a span is below one of these. */
function isWithin(tree: Tree, place: number, above: ReadonlySet<number>): boolean {
  for (let up = tree.parent[place]!; up !== NONE; up = tree.parent[up]!) {
    if (above.has(up)) return true;
  }
  return false;
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
