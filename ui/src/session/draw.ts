// Bars of spans on a canvas. Colours come from the style sheet and are read once per drawing.

import type { Span, SpanType } from '../api/types';
import { colour } from '../shell/theme.svelte';
import { TYPE_COLOURS } from '../show/kinds';
import { duration } from '../show/number';
import { x, type Stretch } from './scale';
import { endOf } from './tree';

export interface Palette {
  kinds: Record<SpanType, string>;
  text: string;
  muted: string;
  line: string;
  accent: string;
  bad: string;
  chosen: string;
  card: string;
  font: string;
}

export function palette(): Palette {
  const kinds = Object.fromEntries(
    Object.entries(TYPE_COLOURS).map(([type, name]) => [type, colour(name)]),
  ) as Record<SpanType, string>;
  return {
    kinds,
    text: colour('--text'),
    muted: colour('--muted'),
    line: colour('--line'),
    accent: colour('--accent'),
    bad: colour('--bad'),
    chosen: colour('--accent-soft'),
    card: colour('--card'),
    font: `11px ${colour('--sans')}`,
  };
}

/** Fits the canvas to its place on the screen and clears it. `undefined` while it has no size. */
export function begin(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | undefined {
  const pen = canvas.getContext('2d');
  if (!pen || width <= 0 || height <= 0) return undefined;
  const ratio = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

export interface Bar {
  top: number;
  height: number;
  /** Of the time axis. */
  width: number;
  /** Of the canvas: what is written behind a bar may go beyond the axis. */
  room: number;
  stretch: Stretch;
  nowUs: number;
  /** The moment of the replay. */
  at: number | undefined;
  isFrame: boolean;
  label: boolean;
}

/** Draws one span. What begins after the moment of the replay is only hinted at. */
export function bar(pen: CanvasRenderingContext2D, span: Span, colours: Palette, place: Bar): void {
  const { stretch, width, at } = place;
  const until = at === undefined ? place.nowUs : Math.min(place.nowUs, at);
  const isFuture = at !== undefined && span.start_us > at;
  const end = isFuture ? endOf(span, place.nowUs) : Math.min(endOf(span, place.nowUs), Math.max(until, span.start_us));
  const left = x(span.start_us, stretch, width);
  const right = x(end, stretch, width);
  if (right < 0 || left > width) return;
  const from = Math.max(-4, left);
  const length = Math.max(2, Math.min(width + 4, right) - from);
  const thick = place.isFrame ? 5 : place.height;
  const top = place.top + (place.height - thick) / 2;
  const isOpen = span.end_us === undefined && !span.incomplete;

  pen.globalAlpha = isFuture ? 0.15 : 1;
  pen.fillStyle = span.status === 'error' && !place.isFrame ? colours.bad : colours.kinds[span.type] ?? colours.kinds.other;
  pen.beginPath();
  pen.roundRect(from, top, length, thick, Math.min(3, thick / 2, length / 2));
  pen.fill();
  if (isFuture) {
    pen.globalAlpha = 1;
    return;
  }
  if (span.status === 'error' && place.isFrame) {
    pen.fillStyle = colours.bad;
    pen.fillRect(Math.max(from, from + length - 3), place.top, 3, place.height);
  }
  if (span.ttft_us !== undefined && length > 6) {
    // The wait for the first chunk is lighter.
    const first = Math.min(from + length, x(span.start_us + span.ttft_us, stretch, width));
    pen.globalAlpha = 0.55;
    pen.fillStyle = colours.card;
    pen.fillRect(from + 1, top + 1, Math.max(0, first - from - 1), thick - 2);
    pen.globalAlpha = 1;
  }
  if (isOpen && right <= width + 4) {
    pen.strokeStyle = colours.accent;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.moveTo(from + length, place.top - 1);
    pen.lineTo(from + length, place.top + place.height + 1);
    pen.stroke();
  }
  if (place.label) label(pen, span, colours, place, from, length, end);
}

function label(
  pen: CanvasRenderingContext2D, span: Span, colours: Palette, place: Bar, from: number, length: number, end: number,
): void {
  const isOpen = span.end_us === undefined && !span.incomplete;
  let text = duration(Math.max(0, end - span.start_us));
  if (isOpen) text += ' and on';
  if (span.incomplete) text = 'incomplete';
  if (span.retry) text += `  retry ${span.retry}`;
  pen.font = colours.font;
  pen.textBaseline = 'middle';
  const middle = place.top + place.height / 2 + 0.5;
  const size = pen.measureText(text).width;
  if (from + length + size + 8 < place.room) {
    pen.fillStyle = colours.muted;
    pen.fillText(text, from + length + 6, middle);
  } else if (from - size - 8 > 0) {
    pen.fillStyle = colours.muted;
    pen.fillText(text, from - size - 6, middle);
  }
}
