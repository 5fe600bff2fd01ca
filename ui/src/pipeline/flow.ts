// The ledger as a flow: what came in on the left, where it went on the right, and whether both are the same.

import type { Book, Pipeline } from '../api/types';

export interface Stream {
  name: string;
  items: number;
  tone: 'in' | 'good' | 'plain' | 'wait' | 'bad';
}

export interface Flow {
  signal: string;
  from: Stream[];
  to: Stream[];
  entered: number;
  settled: number;
  /** What the books do not explain. Never other than 0, unless there is a bug. */
  missing: number;
}

const IN: [keyof Book, string][] = [
  ['received', 'received'],
  ['ended', 'ended in this process'],
  ['recovered', 'recovered from disk'],
];

export const FATE_NAMES: Record<string, string> = {
  handed: 'handed to destinations',
  filtered: 'filtered by a processor',
  sampled_out: 'sampled out',
  superseded: 'superseded by a later end',
  queue_full: 'lost: memory was full',
  after_shutdown: 'lost: after shutdown',
  refused: 'refused, sender told',
  exported: 'delivered',
  spooled: 'on disk',
  quarantined: 'quarantined',
  rejected: 'lost: refused for good',
  too_large: 'lost: too large',
  lane_full: 'lost: destination behind',
  evicted: 'lost: disk was full',
  expired: 'lost: retries used up',
  abandoned: 'lost: abandoned',
};

const TONES: Record<string, Stream['tone']> = {
  handed: 'good', exported: 'good',
  filtered: 'plain', sampled_out: 'plain', superseded: 'plain', refused: 'plain',
  spooled: 'wait', quarantined: 'wait',
};

/** A fate that is not known, of a newer server, is shown as a loss: better a false alarm than a quiet one. */
export function tone(fate: string): Stream['tone'] {
  return TONES[fate] ?? 'bad';
}

export function flows(pipeline: Pipeline): Flow[] {
  return Object.entries(pipeline.ledger).map(([signal, book]) => flow(signal, book));
}

function flow(signal: string, book: Book): Flow {
  const from = IN
    .map(([key, name]) => ({ name, items: Number(book[key] ?? 0), tone: 'in' as const }))
    .filter(({ items }) => items > 0);
  const to: Stream[] = Object.entries(book.fates)
    .filter(([, items]) => items > 0)
    .map(([fate, items]) => ({ name: FATE_NAMES[fate] ?? fate, items, tone: tone(fate) }));
  if (book.held) to.push({ name: 'in open sessions', items: book.held, tone: 'wait' });
  if (book.in_flight) to.push({ name: 'in flight', items: book.in_flight, tone: 'wait' });
  const entered = from.reduce((sum, { items }) => sum + items, 0);
  const settled = to.reduce((sum, { items }) => sum + items, 0);
  return { signal, from, to, entered, settled, missing: entered - settled };
}
