// What became of the items that a destination was handed, as parts of a whole that always adds up.

import type { Lane } from '../api/types';
import { FATE_NAMES, tone, type Stream } from './flow';

/** Delivered, waiting, on disk, and every other fate. Their sum is what was handed or found on disk. */
export function parts(lane: Lane): Stream[] {
  const fates = { ...lane.fates, exported: Math.max(lane.exported, lane.fates['exported'] ?? 0) };
  const settled = Object.values(fates).reduce((sum, items) => sum + items, 0);
  const open = Math.max(0, lane.handed + (lane.recovered ?? 0) - settled);
  // What is on disk may be in memory, too: it is counted once.
  const onDisk = Math.min(lane.on_disk ?? 0, open);
  const all: Stream[] = Object.entries(fates).map(([fate, items]) => ({ name: FATE_NAMES[fate] ?? fate, items, tone: tone(fate) }));
  all.push({ name: 'waiting on disk', items: onDisk, tone: 'wait' }, { name: 'waiting in memory', items: open - onDisk, tone: 'plain' });
  return all.filter(({ items }) => items > 0);
}
