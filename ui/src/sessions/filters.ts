// The filters of the list of sessions, as settings of the address.
//
// The address has the names of the API, and one of its own: `last`, a time range that moves with the
// clock (`last=1h`).

export const SETTINGS = [
  'text', 'state', 'agent', 'user', 'model', 'from_us', 'to_us', 'min_cost', 'max_cost', 'error', 'sort',
] as const;

export const RANGES: [string, string, number][] = [
  ['15m', '15 min', 15 * 60e6],
  ['1h', '1 h', 3600e6],
  ['6h', '6 h', 6 * 3600e6],
  ['24h', '24 h', 24 * 3600e6],
  ['7d', '7 days', 7 * 86400e6],
  ['30d', '30 days', 30 * 86400e6],
];

/** What is asked of the API. A moving range begins before `nowUs`. */
export function toApi(settings: URLSearchParams, nowUs: number): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of SETTINGS) {
    const value = settings.get(name);
    if (value) query.set(name, value);
  }
  for (const attribute of settings.getAll('attr')) query.append('attr', attribute);
  const range = RANGES.find(([name]) => name === settings.get('last'));
  if (range) {
    query.set('from_us', String(Math.round(nowUs - range[2])));
    query.delete('to_us');
  }
  return query;
}

export interface Chip {
  name: string;
  value: string;
  without: URLSearchParams;
}

const NAMES: Record<string, string> = {
  text: 'text', state: 'state', agent: 'agent', user: 'user', model: 'model',
  min_cost: 'cost at least', max_cost: 'cost at most', error: 'error',
};

/** What is filtered now, each with the settings that are left without it. */
export function chips(settings: URLSearchParams): Chip[] {
  const found: Chip[] = [];
  for (const [key, value] of settings) {
    const name = key === 'attr' ? 'attribute' : NAMES[key];
    if (!name || !value) continue;
    const without = new URLSearchParams();
    for (const [other, content] of settings) {
      if (other !== key || content !== value) without.append(other, content);
    }
    found.push({ name, value: key === 'error' && value === 'true' ? 'any' : value, without });
  }
  if (settings.has('from_us') || settings.has('to_us')) {
    const without = new URLSearchParams(settings);
    without.delete('from_us');
    without.delete('to_us');
    found.push({ name: 'time', value: 'marked in the strip', without });
  }
  return found;
}

/** The order after a click on a column: descending first, then ascending. */
export function nextSort(now: string | null, column: string): string {
  return (now ?? '-start') === `-${column}` ? column : `-${column}`;
}
