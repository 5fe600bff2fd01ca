// The sessions that match the filters, as far as they have been looked at.
//
// Pages are read one after another, as far down as somebody scrolls; the rows stay. News change rows
// in place. A session that is new makes the first page be read again: whether it matches the filters,
// and where it belongs, is for the server to say.

import { sessions, explained, isAborted } from '../api/client';
import type { Summary } from '../api/types';

const FIRST_PAGE = 100;
// Scrolling reads small pages, for large ones are felt; a jump far down reads large ones, for it waits for all.
const SMALLEST_PAGE = 100;
const LARGEST_PAGE = 500;
// So many rows below those in sight are read before they are looked at.
const AHEAD = 100;

export class SessionList {
  /** Changes whenever a row does. */
  version = $state(0);
  total = $state(0);
  isExact = $state(true);
  isLoading = $state(true);
  error = $state<string>();
  /** Sessions that came while somebody was reading further down. */
  unseen = $state(0);

  #rows: Summary[] = [];
  #places = new Map<string, number>();
  #unseen = new Set<string>();
  #next: string | undefined;
  #wanted = 0;
  #filters = new URLSearchParams();
  #stop = new AbortController();
  #isReading = false;

  /** Starts anew with other filters. */
  show(filters: URLSearchParams): void {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#filters = filters;
    this.#next = undefined;
    this.#wanted = FIRST_PAGE;
    this.#isReading = false;
    this.error = undefined;
    this.isLoading = true;
    void this.#read(true);
  }

  close(): void {
    this.#stop.abort();
  }

  at(i: number): Summary | undefined {
    return this.#rows[i];
  }

  /** Reads on until row `last` is known, and some behind it. */
  want(last: number): void {
    this.#wanted = Math.max(this.#wanted, last + 1 + AHEAD);
    if (!this.#isReading && this.#next && this.#rows.length < this.#wanted) void this.#read(false);
  }

  /** Takes news of a session. `isAtTop`: whether somebody would see a new row. */
  update(summary: Summary, isAtTop: boolean): void {
    const place = this.#places.get(summary.id);
    if (place !== undefined) {
      this.#rows[place] = summary;
      this.version++;
      return;
    }
    this.#unseen.add(summary.id);
    if (isAtTop) this.#soon();
    else this.unseen = this.#unseen.size;
  }

  /** Reads the first page again, and puts in what is new. */
  async refresh(): Promise<void> {
    this.#unseen.clear();
    this.unseen = 0;
    const stop = this.#stop.signal;
    try {
      const page = await sessions(this.#filters, FIRST_PAGE, undefined, stop);
      if (stop.aborted) return;
      const isNew = new Set(page.items.map(({ id }) => id));
      const kept = this.#rows.filter(({ id }) => !isNew.has(id));
      // Where the first page is everything, what is no longer in it is gone.
      this.#rows = page.next ? [...page.items, ...kept] : page.items;
      this.#count(page.total, page.total_at_least);
      this.#index();
      this.error = undefined;
    } catch (error) {
      if (!isAborted(error)) this.error = explained(error);
    }
  }

  #timer: ReturnType<typeof setTimeout> | undefined;
  #refreshedAt = 0;

  /** At once where nothing was new for a while, else after a pause. */
  #soon(): void {
    const pause = Math.max(50, this.#refreshedAt + 700 - performance.now());
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#refreshedAt = performance.now();
      if (!this.#stop.signal.aborted) void this.refresh();
    }, pause);
  }

  async #read(isFirst: boolean): Promise<void> {
    const stop = this.#stop.signal;
    this.#isReading = true;
    try {
      do {
        const missing = this.#wanted - this.#rows.length;
        const size = isFirst ? FIRST_PAGE : Math.min(LARGEST_PAGE, Math.max(SMALLEST_PAGE, missing));
        const page = await sessions(this.#filters, size, this.#next, stop);
        if (stop.aborted) return;
        if (isFirst) {
          this.#rows = [];
          this.#places.clear();
        }
        for (const item of page.items) {
          if (this.#places.has(item.id)) continue;
          this.#places.set(item.id, this.#rows.length);
          this.#rows.push(item);
        }
        this.#next = page.next;
        this.#count(page.total, page.total_at_least);
        isFirst = false;
        this.isLoading = false;
        this.version++;
      } while (this.#next && this.#rows.length < this.#wanted);
    } catch (error) {
      if (isAborted(error)) return;
      this.error = explained(error);
      this.isLoading = false;
    } finally {
      if (!stop.aborted) this.#isReading = false;
    }
  }

  #count(total: number | undefined, atLeast: number | undefined): void {
    this.isExact = total !== undefined;
    this.total = Math.max(this.#next ? 0 : this.#rows.length, total ?? atLeast ?? 0);
  }

  #index(): void {
    this.#places = new Map(this.#rows.map(({ id }, place) => [id, place]));
    this.version++;
  }
}
