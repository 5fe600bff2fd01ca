// The time axis of a waterfall: which stretch of the session is in sight, and where a moment lies.

export interface Stretch {
  from: number;
  to: number;
}

/** Shorter stretches than this, in microseconds, are not zoomed into. */
const SHORTEST_US = 20;

export function x(at: number, { from, to }: Stretch, width: number): number {
  return ((at - from) / Math.max(1, to - from)) * width;
}

export function timeAt(pixel: number, { from, to }: Stretch, width: number): number {
  return from + (pixel / Math.max(1, width)) * (to - from);
}

/** Zooms by `factor` (below 1: in) around a moment, and stays within the whole. */
export function zoom(stretch: Stretch, factor: number, around: number, whole: Stretch): Stretch {
  const length = Math.min(whole.to - whole.from, Math.max(SHORTEST_US, (stretch.to - stretch.from) * factor));
  const share = (around - stretch.from) / Math.max(1, stretch.to - stretch.from);
  return within({ from: around - share * length, to: around + (1 - share) * length }, whole);
}

export function pan(stretch: Stretch, by: number, whole: Stretch): Stretch {
  return within({ from: stretch.from + by, to: stretch.to + by }, whole);
}

function within({ from, to }: Stretch, whole: Stretch): Stretch {
  const length = Math.min(to - from, whole.to - whole.from);
  const start = Math.min(Math.max(from, whole.from), whole.to - length);
  return { from: start, to: start + length };
}
