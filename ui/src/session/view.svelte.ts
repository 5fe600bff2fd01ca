// What the reader looks at in a session: the chosen span, folded spans, the moment of the replay.
//
// The chosen span and the tab are in the address; the rest lasts as long as the page.

import { here, set } from '../shell/route.svelte';

export const TABS = ['story', 'waterfall', 'graph', 'logs', 'totals'] as const;
export type Tab = (typeof TABS)[number];

const SPEEDS = [1, 4, 16, 64] as const;

export class View {
  /** The moment that is replayed, in microseconds since 1970; `undefined` for all there is. */
  at = $state<number>();
  isPlaying = $state(false);
  speed = $state<number>(4);
  showsCritical = $state(true);
  folded = $state.raw<ReadonlySet<string>>(new Set());

  get tab(): Tab {
    const name = here.route.query.get('view');
    return TABS.find((tab) => tab === name) ?? 'story';
  }

  get chosen(): string | undefined {
    return here.route.query.get('span') ?? undefined;
  }

  show(tab: Tab): void {
    set({ view: tab });
  }

  choose(spanId: string | undefined): void {
    set({ span: spanId }, { replace: true });
  }

  fold(spanId: string, isFolded: boolean): void {
    const folded = new Set(this.folded);
    if (isFolded) folded.add(spanId);
    else folded.delete(spanId);
    this.folded = folded;
  }

  faster(): void {
    this.speed = SPEEDS[(SPEEDS.findIndex((speed) => speed === this.speed) + 1) % SPEEDS.length] ?? 1;
  }
}
