// Numbers, times, durations, sizes and money as people read them.

const GROUPED = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DAY_CLOCK = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit',
});
const FULL = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' });

export const NOTHING = '\u2013';

export function count(n: number | undefined): string {
  return n === undefined ? NOTHING : GROUPED.format(n);
}

/** Three digits and a letter: 12.3k, 1.25M. */
export function short(n: number | undefined): string {
  if (n === undefined) return NOTHING;
  const size = Math.abs(n);
  if (size < 999.5 || n === Math.trunc(n) && size < 1000) return Number.isInteger(n) ? String(n) : n.toPrecision(3);
  for (const [unit, letter] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']] as const) {
    if (size >= unit * 0.9995) {
      const scaled = n / unit;
      return `${scaled.toFixed(Math.abs(scaled) >= 99.95 ? 0 : Math.abs(scaled) >= 9.995 ? 1 : 2)}${letter}`;
    }
  }
  return GROUPED.format(n);
}

export function duration(us: number | undefined): string {
  if (us === undefined) return NOTHING;
  if (us < 1000) return `${Math.round(us)} \u00b5s`;
  if (us < 999_500) return `${(us / 1000).toFixed(us < 9995 ? 1 : 0)} ms`;
  const seconds = us / 1e6;
  if (seconds < 59.95) return `${seconds.toFixed(seconds < 9.995 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${pad(whole % 60)}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 2880) return `${Math.floor(minutes / 60)}h ${pad(minutes % 60)}m`;
  return `${Math.floor(minutes / 1440)}d ${Math.floor((minutes % 1440) / 60)}h`;
}

function pad(n: number): string {
  return String(n).padStart(2, '0');
}

export function money(amount: number | undefined, currency = 'USD'): string {
  if (amount === undefined) return NOTHING;
  const sign = currency === 'USD' ? '$' : `${currency} `;
  if (amount === 0) return `${sign}0`;
  const size = Math.abs(amount);
  if (size >= 1000) return `${sign}${GROUPED.format(amount)}`;
  if (size >= 0.995) return `${sign}${amount.toFixed(2)}`;
  if (size >= 0.00995) return `${sign}${amount.toFixed(3)}`;
  // Two digits that count, however small.
  return `${sign}${amount.toFixed(Math.min(9, 1 - Math.floor(Math.log10(size))))}`;
}

export function bytes(n: number | undefined): string {
  if (n === undefined) return NOTHING;
  if (n < 1024) return `${n} B`;
  let scaled = n;
  for (const unit of ['KiB', 'MiB', 'GiB', 'TiB']) {
    scaled /= 1024;
    if (scaled < 1023.5 || unit === 'TiB') return `${scaled.toFixed(scaled < 9.95 ? 1 : 0)} ${unit}`;
  }
  return NOTHING;
}

export function percent(part: number | undefined, whole: number | undefined): string {
  if (part === undefined || !whole) return NOTHING;
  const share = (100 * part) / whole;
  // Little is not nothing, and nearly all is not all.
  if (share > 0 && share < 0.05) return '<0.1%';
  if (share > 99 && share < 100) return `${Math.min(99.9, Math.round(share * 10) / 10)}%`;
  return `${share > 0 && share < 9.95 ? share.toFixed(1) : share.toFixed(0)}%`;
}

/** The time of day, with the day where it is not today's. */
export function clock(us: number, nowUs = Date.now() * 1000): string {
  const time = new Date(us / 1000);
  if (Number.isNaN(time.getTime())) return NOTHING;
  const isToday = time.toDateString() === new Date(nowUs / 1000).toDateString();
  return (isToday ? CLOCK : DAY_CLOCK).format(time);
}

const MINUTES = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const DAYS = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const LONG_US = 3 * 86_400e6;

/** A place on a time axis, in seconds since 1970: the day where the axis is long, and at midnight. */
export function axisTime(seconds: number, lengthUs: number): string {
  const time = new Date(seconds * 1000);
  const isMidnight = time.getHours() === 0 && time.getMinutes() === 0;
  return (lengthUs > LONG_US || isMidnight ? DAYS : MINUTES).format(time);
}

export function fullTime(us: number): string {
  const time = new Date(us / 1000);
  return Number.isNaN(time.getTime()) ? NOTHING : FULL.format(time);
}

/** A time for machines, as `datetime` of a time element. */
export function isoTime(us: number): string {
  const time = new Date(us / 1000);
  return Number.isNaN(time.getTime()) ? '' : time.toISOString();
}

/** Round places on an axis from 0 to `span` microseconds, about `wanted` of them. */
export function timeTicks(from: number, to: number, wanted: number): number[] {
  const rough = (to - from) / Math.max(1, wanted);
  if (!(rough > 0) || !Number.isFinite(rough)) return [];
  const steps = rough >= 60e6
    ? [60e6, 120e6, 300e6, 600e6, 1800e6, 3600e6, 7200e6, 21600e6, 43200e6, 86400e6]
    : [1, 2, 5, 10].map((digit) => digit * 10 ** Math.floor(Math.log10(rough)));
  const step = steps.find((candidate) => candidate >= rough) ?? Math.ceil(rough / 86400e6) * 86400e6;
  const ticks = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
  return ticks;
}
