// Spans in lanes: one per agent, each with as many rows as it has spans at the same time.

import type { Span } from '../api/types';
import { endOf, NONE, type Tree } from './tree';

export interface Lane {
  agent: string;
  /** First row of the lane, in rows of all lanes. */
  top: number;
  rows: number;
  spans: number;
}

export interface Lanes {
  lanes: Lane[];
  /** Row of a span, or NONE for frames (sessions, turns), which are left out. */
  row: Int32Array;
  rows: number;
}

/** Rows of one lane; so many spans of one agent at the same time are no longer told apart by eye. */
const MOST_ROWS = 200;

/** The agent that a span belongs to: its own, or that of the nearest span above that has one. */
export function agents(tree: Tree): string[] {
  const found: string[] = new Array<string>(tree.spans.length);
  const known = (place: number): boolean => found[place] !== undefined;
  for (let first = 0; first < tree.spans.length; first++) {
    const up: number[] = [];
    let place = first;
    while (place !== NONE && !known(place) && tree.spans[place]!.agent === undefined) {
      up.push(place);
      place = tree.parent[place]!;
    }
    const agent = place === NONE ? '' : found[place] ?? tree.spans[place]!.agent ?? '';
    if (place !== NONE) found[place] = agent;
    for (const below of up) found[below] = agent;
  }
  return found;
}

/** Spans that only hold others together: drawn in a tree, left out of lanes. */
function isFrame(tree: Tree, place: number): boolean {
  const { type } = tree.spans[place] as Span;
  return tree.firstChild[place] !== NONE && (type === 'session' || type === 'agent' || type === 'workflow' || type === 'other');
}

export function inLanes(tree: Tree, nowUs: number): Lanes {
  const agentOf = agents(tree);
  const order = Array.from(tree.spans.keys()).filter((place) => !isFrame(tree, place));
  order.sort((a, b) => tree.spans[a]!.start_us - tree.spans[b]!.start_us || a - b);
  const byAgent = new Map<string, number[]>();
  for (const place of order) {
    const list = byAgent.get(agentOf[place]!);
    if (list) list.push(place);
    else byAgent.set(agentOf[place]!, [place]);
  }

  const row = new Int32Array(tree.spans.length).fill(NONE);
  const lanes: Lane[] = [];
  let top = 0;
  for (const [agent, places] of byAgent) {
    // The end of the last span in each row; a span takes the first row that is free.
    const ends: number[] = [];
    for (const place of places) {
      const span = tree.spans[place]!;
      let free = ends.findIndex((end) => end <= span.start_us);
      // The last row of a lane takes all that has no room.
      if (free < 0) free = Math.min(ends.length, MOST_ROWS - 1);
      ends[free] = endOf(span, nowUs);
      row[place] = top + free;
    }
    lanes.push({ agent, top, rows: ends.length, spans: places.length });
    top += ends.length;
  }
  return { lanes, row, rows: top };
}
