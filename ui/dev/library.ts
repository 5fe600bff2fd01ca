// The sessions that the fixture server has: a day of the past, some that run now, odd ones, and as many
// copies as asked for.

import type { Summary } from '../src/api/types';
import { KINDS, session } from './agents';
import { big, hostile } from './odd';
import { summary } from './summary';
import type { Recorded } from './writer';

const PAST = 240;
const RUNNING = 4;
const DAY_US = 86_400e6;

export interface Options {
  /** How many sessions in all; beyond a day's worth they are copies. */
  sessions: number;
  /** Nothing at all: what a newcomer sees. */
  empty: boolean;
}

export class Library {
  readonly #past: Recorded[] = [];
  readonly #running: Recorded[] = [];
  readonly #copies: Summary[] = [];
  readonly #byId = new Map<string, Recorded>();
  #big: Recorded | undefined;
  #seed = 50_000;
  readonly startedUs: number;
  /** What was in quarantine and is not any more. */
  readonly gone = new Set<string>();

  constructor(options: Options, nowUs: number) {
    this.startedUs = nowUs;
    if (options.empty) return;
    for (let i = 0; i < PAST; i++) {
      // Denser towards the present.
      const age = 150e6 + DAY_US * (i / PAST) ** 1.6;
      this.#keep(session(1000 + i, Math.round(nowUs - age)));
    }
    const receiver = session(77, nowUs - 400e6, 'research');
    const sender = session(78, nowUs - 420e6, 'coder');
    const call = sender.spans.find(({ type }) => type === 'delegation');
    if (call) {
      call.delegate_to = { agent: 'planner', session_id: receiver.id, trace_id: receiver.trace_id };
      receiver.delegated_from = { session_id: sender.id, trace_id: sender.trace_id, span_id: call.span_id };
    }
    this.#keep(receiver);
    this.#keep(sender);
    this.#keep(hostile(nowUs - 300e6));
    for (let i = 0; i < RUNNING; i++) this.#begin(nowUs - i * 9e6);
    for (let i = this.#past.length; i < options.sessions; i++) {
      const original = this.#past[i % PAST]!;
      const copy = summary(original, nowUs);
      const shift = Math.floor(i / PAST) * DAY_US / 3;
      this.#copies.push({
        ...copy, id: `${copy.id}.${i}`, start_us: copy.start_us - shift, last_us: copy.last_us - shift,
        ...(copy.end_us === undefined ? {} : { end_us: copy.end_us - shift }),
      });
    }
  }

  #keep(recorded: Recorded): void {
    this.#past.push(recorded);
    this.#byId.set(recorded.id, recorded);
  }

  #begin(startUs: number): void {
    this.#seed++;
    const recorded = session(this.#seed, startUs, KINDS[this.#seed % KINDS.length]!);
    recorded.end = 'ends';
    recorded.captured = true;
    this.#running.push(recorded);
    this.#byId.set(recorded.id, recorded);
  }

  /** Sessions that may have changed lately. Those that are over make room for new ones. */
  running(nowUs: number): Recorded[] {
    for (let i = this.#running.length - 1; i >= 0; i--) {
      const recorded = this.#running[i]!;
      if (recorded.spans[0]!.end_us > nowUs - 2e6) continue;
      this.#running.splice(i, 1);
      this.#past.push(recorded);
      this.#begin(nowUs);
    }
    return this.#running;
  }

  find(id: string): Recorded | undefined {
    const known = this.#byId.get(id) ?? this.#byId.get(id.replace(/\.\d+$/, ''));
    if (known || id !== 'big-100k' || !this.#past.length) return known;
    return (this.#big ??= big(this.startedUs - 3600e6));
  }

  summaries(nowUs: number): Summary[] {
    return [...[...this.#past, ...this.#running].map((recorded) => summary(recorded, nowUs)), ...this.#copies];
  }

  all(): Recorded[] {
    return [...this.#past, ...this.#running];
  }
}
