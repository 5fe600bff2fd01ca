// Filters, order, fields and sums over the sessions of the fixture server.

import type { Activity, LatencyRow, Series, SpanDetail, Summary, Usage } from '../src/api/types';
import type { Library } from './library';
import { spansOf, until } from './summary';

export function matching(library: Library, query: URLSearchParams, nowUs: number): Summary[] {
  const is = (name: string, of: (s: Summary) => string | undefined | string[]) => {
    const wanted = query.get(name);
    return (s: Summary): boolean => !wanted || [of(s)].flat().includes(wanted);
  };
  const from = Number(query.get('from_us') ?? -Infinity);
  const to = Number(query.get('to_us') ?? Infinity);
  const least = Number(query.get('min_cost') ?? -Infinity);
  const most = Number(query.get('max_cost') ?? Infinity);
  const error = query.get('error');
  const text = query.get('text')?.toLowerCase();
  const tests = [
    is('state', (s) => s.state), is('agent', (s) => s.agents), is('user', (s) => s.user), is('model', (s) => s.models),
    (s: Summary) => s.start_us >= from && s.start_us <= to,
    (s: Summary) => (s.cost ?? 0) >= least && (s.cost ?? 0) <= most,
    (s: Summary) => !error || (error === 'true' ? s.errors > 0 : s.error?.type === error),
    (s: Summary) => !text || said(library, s.id).includes(text),
    ...query.getAll('attr').map((wanted) => {
      const at = wanted.indexOf('=');
      const [key, value] = [wanted.slice(0, at), wanted.slice(at + 1)];
      return (s: Summary): boolean => (library.find(s.id)?.spans ?? []).some(({ attributes }) =>
        attributes.some((a) => a.key === key && (!value || String(a.value) === value)));
    }),
  ];
  const sort = query.get('sort') ?? '-start';
  const by: Record<string, (s: Summary) => number> = {
    start: (s) => s.start_us, duration: (s) => s.duration_us ?? 0, cost: (s) => s.cost ?? 0,
    tokens: (s) => (s.input_tokens ?? 0) + (s.output_tokens ?? 0), errors: (s) => s.errors,
  };
  const of = by[sort.replace('-', '')] ?? by['start']!;
  const sign = sort.startsWith('-') ? -1 : 1;
  return library.summaries(nowUs).filter((s) => tests.every((test) => test(s))).sort((a, b) => sign * (of(a) - of(b)));
}

function said(library: Library, id: string): string {
  const found = library.find(id);
  const words = found?.messages.flatMap(({ parts }) => parts.map((part) => part.text ?? '')) ?? [];
  return `${id} ${words.join(' ').slice(0, 100_000)}`.toLowerCase();
}

export function counted(values: Iterable<string>): { value: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].map(([value, count]) => ({ value, count })).sort((a, b) => b.count - a.count);
}

export function fieldValues(library: Library, key: string, nowUs: number): string[] {
  const all = library.summaries(nowUs);
  if (key === 'agent') return all.flatMap(({ agents }) => agents);
  if (key === 'model') return all.flatMap(({ models }) => models);
  if (key === 'user') return all.flatMap(({ user }) => user ?? []);
  if (key === 'error.type') return all.flatMap(({ error }) => error?.type ?? []);
  return library.all().flatMap(({ spans }) => spans[0]!.attributes.concat(spans[1]?.attributes ?? []))
    .filter((attribute) => attribute.key === key).map(({ value }) => String(value).slice(0, 200));
}

export function keys(library: Library): string[] {
  return library.all().flatMap(({ spans }) => spans.slice(0, 4).flatMap(({ attributes }) => attributes.map(({ key }) => key)));
}

export function activity(found: Summary[], query: URLSearchParams, nowUs: number): Activity {
  const buckets = Number(query.get('buckets') ?? 60);
  const from = Number(query.get('from_us') ?? Math.min(nowUs - 1e6, ...found.map(({ start_us }) => start_us).slice(-1), ...found.slice(0, 1).map(({ start_us }) => start_us)));
  const to = Number(query.get('to_us') ?? nowUs);
  const size = Math.max(1, Math.ceil((to - from) / buckets));
  const zeros = (): number[] => new Array<number>(buckets).fill(0);
  const strip = { from_us: from, bucket_us: size, sessions: zeros(), spans: zeros(), errors: zeros() };
  for (const s of found) {
    const at = Math.floor((s.start_us - from) / size);
    if (at < 0 || at >= buckets) continue;
    strip.sessions[at]! += 1;
    strip.spans[at]! += s.spans;
    strip.errors[at]! += s.errors > 0 ? 1 : 0;
  }
  return strip;
}

interface Call { span: SpanDetail; user: string; failed: boolean }

function calls(library: Library, from: number, to: number, nowUs: number): Call[] {
  return library.all().flatMap((session) => {
    const spans = spansOf(session, nowUs).map((span) => until(span, nowUs));
    const failed = spans[0]?.status === 'error';
    return spans.filter(({ start_us }) => start_us >= from && start_us <= to).map((span) => ({ span, user: session.user ?? '', failed }));
  });
}

export function usage(library: Library, query: URLSearchParams, nowUs: number): Usage {
  const from = Number(query.get('from_us') ?? nowUs - 86_400e6);
  const to = Number(query.get('to_us') ?? nowUs);
  const buckets = Number(query.get('buckets') ?? 60);
  const size = Math.max(1, Math.ceil((to - from) / buckets));
  const by = query.get('by') ?? 'none';
  const models = calls(library, from, to, nowUs).filter(({ span }) => span.type === 'llm');
  const series = new Map<string, Series>();
  const totals = { calls: 0, errors: 0, input_tokens: 0, output_tokens: 0, cached_tokens: 0, cost: 0, retries_cost: 0, failed_sessions_cost: 0 };
  for (const { span, user, failed } of models) {
    const key = by === 'model' ? span.model ?? '' : by === 'agent' ? span.agent ?? '' : by === 'user' ? user : 'all';
    const zeros = (): number[] => new Array<number>(buckets).fill(0);
    let one = series.get(key);
    if (!one) series.set(key, (one = { key, calls: zeros(), errors: zeros(), input_tokens: zeros(), output_tokens: zeros(), cached_tokens: zeros(), cost: zeros() }));
    const at = Math.min(buckets - 1, Math.floor((span.start_us - from) / size));
    const measures = { calls: 1, errors: span.status === 'error' ? 1 : 0, input_tokens: span.input_tokens ?? 0, output_tokens: span.output_tokens ?? 0, cached_tokens: span.cached_tokens ?? 0, cost: span.cost ?? 0 };
    for (const [name, n] of Object.entries(measures) as [keyof typeof measures, number][]) {
      one[name][at]! += n;
      totals[name] += n;
    }
    if (span.retry) totals.retries_cost += span.cost ?? 0;
    if (failed) totals.failed_sessions_cost += span.cost ?? 0;
  }
  return { from_us: from, bucket_us: size, series: [...series.values()], totals };
}

export function latency(library: Library, query: URLSearchParams, nowUs: number): LatencyRow[] {
  const by = query.get('by') === 'tool' ? 'tool' : query.get('by') === 'agent' ? 'agent' : 'model';
  const groups = new Map<string, SpanDetail[]>();
  for (const { span } of calls(library, Number(query.get('from_us') ?? 0), Number(query.get('to_us') ?? Infinity), nowUs)) {
    const key = span[by];
    if (!key || (by !== 'tool' && span.type !== 'llm') || span.end_us === undefined) continue;
    groups.set(key, [...(groups.get(key) ?? []), span]);
  }
  const at = (sorted: number[], share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
  return [...groups].map(([key, spans]) => {
    const lasted = spans.map((span) => span.end_us! - span.start_us).sort((a, b) => a - b);
    const first = spans.flatMap(({ ttft_us }) => ttft_us ?? []).sort((a, b) => a - b);
    return {
      key, count: spans.length, errors: spans.filter(({ status }) => status === 'error').length,
      p50_us: at(lasted, 0.5), p90_us: at(lasted, 0.9), p99_us: at(lasted, 0.99),
      ...(first.length ? { ttft_p50_us: at(first, 0.5), ttft_p99_us: at(first, 0.99) } : {}),
    };
  }).sort((a, b) => b.count - a.count);
}
