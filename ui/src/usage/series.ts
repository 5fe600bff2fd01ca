// Series for plots: the largest by name, the rest together.

import type { Series } from '../api/types';

const MOST = 7;
export const OTHERS = 'others';

export type Measure = 'calls' | 'errors' | 'input_tokens' | 'output_tokens' | 'cached_tokens' | 'cost';

export interface Line {
  key: string;
  values: number[];
}

export function lines(series: readonly Series[], measure: Measure): Line[] {
  const all = series.map((one) => ({ key: one.key, values: one[measure], sum: sum(one[measure]) }));
  all.sort((a, b) => b.sum - a.sum);
  const kept = all.filter((one, i) => i < MOST && one.sum > 0).map(({ key, values }) => ({ key: key || 'not known', values }));
  const rest = all.slice(MOST).filter((one) => one.sum > 0);
  if (rest.length) kept.push({ key: OTHERS, values: added(rest.map(({ values }) => values)) });
  return kept.length ? kept : all.slice(0, 1).map(({ key, values }) => ({ key: key || 'not known', values }));
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, n) => total + n, 0);
}

export function added(rows: readonly (readonly number[])[]): number[] {
  const length = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length }, (_, i) => rows.reduce((total, row) => total + (row[i] ?? 0), 0));
}

/** Tokens by what they are: cached input is part of the input, and shown apart from it. */
export function tokenLines(series: readonly Series[]): Line[] {
  const cached = added(series.map((one) => one.cached_tokens));
  const input = added(series.map((one) => one.input_tokens)).map((n, i) => Math.max(0, n - (cached[i] ?? 0)));
  return [
    { key: 'input', values: input },
    { key: 'cached input', values: cached },
    { key: 'output', values: added(series.map((one) => one.output_tokens)) },
  ];
}

/** Errors of a hundred calls. */
export function errorRates(series: readonly Series[]): Line[] {
  return lines(series, 'calls').filter(({ key }) => key !== OTHERS).map(({ key, values }) => {
    const errors = series.find((one) => (one.key || 'not known') === key)?.errors ?? [];
    return { key, values: values.map((calls, i) => (calls ? (100 * (errors[i] ?? 0)) / calls : 0)) };
  });
}
