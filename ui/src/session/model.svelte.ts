// All that is known of the session that is open: its totals, spans, messages and logs, kept up to date.
//
// Spans arrive in pages and then one by one; the tree is grown anew at most four times a second, in
// one go, however many came (less often where there are very many). Nothing here is drawn: the views read `tree` and the rest.

import { explained, isAborted } from '../api/client';
import { listen } from '../api/live';
import type { SessionSource } from '../api/source';
import type { Log, Message, Session, Span } from '../api/types';
import { connection } from '../shell/connection.svelte';
import { grow, type Tree } from './tree';

const GROW_EVERY_MS = 250;
// A tree of 100,000 spans takes some 50 ms.
const MANY = 20_000;
const GROW_MANY_EVERY_MS = 1500;
const READ_AGAIN_AFTER_MS = 1500;

export class SessionModel {
  session = $state.raw<Session>();
  tree = $state.raw<Tree>(grow([]));
  messages = $state.raw<Message[]>([]);
  logs = $state.raw<Log[]>([]);
  /** Whether the sender records what is said. */
  isCaptured = $state(true);
  isLoading = $state(true);
  error = $state<string>();

  readonly id: string;
  readonly source: SessionSource;

  #spans: Span[] = [];
  #places = new Map<string, number>();
  #stop = new AbortController();
  #growTimer: ReturnType<typeof setTimeout> | undefined;
  #grewAt = 0;
  #readTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(id: string, source: SessionSource) {
    this.id = id;
    this.source = source;
  }

  /** Reads everything and listens for news until the function that it returns is called. */
  open(): () => void {
    void this.load();
    const close = this.source.isLive ? this.#listen() : () => {};
    return () => {
      close();
      this.#stop.abort();
      clearTimeout(this.#growTimer);
      clearTimeout(this.#readTimer);
    };
  }

  async load(): Promise<void> {
    this.#stop.abort();
    this.#stop = new AbortController();
    const stop = this.#stop.signal;
    this.error = undefined;
    try {
      this.session = await this.source.session(this.id, stop);
      await Promise.all([
        this.source.spans(this.id, (page) => this.#take(page), stop),
        this.#words(stop),
      ]);
      this.#growNow();
    } catch (error) {
      if (isAborted(error)) return;
      this.error = explained(error);
    }
    if (!stop.aborted) this.isLoading = false;
  }

  async #words(stop: AbortSignal): Promise<void> {
    const [messages, logs] = await Promise.all([
      this.source.messages(this.id, stop),
      this.source.logs(this.id, stop),
    ]);
    this.messages = messages.items;
    this.isCaptured = messages.captured !== false;
    this.logs = logs.items;
  }

  #listen(): () => void {
    const stop = listen({
      session: (summary) => {
        if (summary.id !== this.id) return;
        if (this.session) this.session = { ...this.session, ...summary };
        this.#readSoon();
      },
      span: (span) => this.#take([span]),
      log: (log) => (this.logs = [...this.logs, log]),
      reload: () => void this.load(),
      connected: connection.set,
    }, this.id);
    return () => {
      stop();
      connection.set(undefined);
    };
  }

  #take(page: readonly Span[]): void {
    for (const span of page) {
      const place = this.#places.get(span.span_id);
      if (place !== undefined) {
        this.#spans[place] = span;
        continue;
      }
      this.#places.set(span.span_id, this.#spans.length);
      this.#spans.push(span);
    }
    // At once where it did not grow for a while, else after a pause.
    const every = this.#spans.length > MANY ? GROW_MANY_EVERY_MS : GROW_EVERY_MS;
    const pause = Math.max(20, this.#grewAt + every - performance.now());
    this.#growTimer ??= setTimeout(() => this.#growNow(), pause);
  }

  #growNow(): void {
    clearTimeout(this.#growTimer);
    this.#growTimer = undefined;
    this.#grewAt = performance.now();
    // A copy: a tree stays as it is while it is drawn.
    this.tree = grow([...this.#spans]);
  }

  /** Messages and totals have no news of their own: they are read again when the session changed. */
  #readSoon(): void {
    this.#readTimer ??= setTimeout(async () => {
      this.#readTimer = undefined;
      try {
        this.session = await this.source.session(this.id, this.#stop.signal);
        const messages = await this.source.messages(this.id, this.#stop.signal);
        this.messages = messages.items;
        this.isCaptured = messages.captured !== false;
      } catch (error) {
        // What is shown stays; the mark in the head says that the connection is gone.
        if (!isAborted(error)) connection.set(false);
      }
    }, READ_AGAIN_AFTER_MS);
  }
}
