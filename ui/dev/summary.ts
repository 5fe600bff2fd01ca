// What of an invented session is visible at a moment, and its totals.

import type { Session, Span, SpanDetail, Summary, Totals } from '../src/api/types';
import type { Recorded } from './writer';

export function listed(span: SpanDetail, nowUs: number): Span {
  const { kind: _kind, attributes: _attributes, events, links, resource: _resource, scope: _scope, dropped: _dropped, ...rest } = span;
  return { ...until(rest, nowUs), events: events.length, links: links.length };
}

/** An open span has no end and nothing that is known only at its end. */
export function until<T extends Omit<Span, 'events' | 'links'>>(span: T, nowUs: number): T {
  if (span.end_us !== undefined && span.end_us <= nowUs) return span;
  const { end_us: _end, input_tokens: _input, output_tokens: _output, cached_tokens: _cached, cost: _cost, message: _message, error_type: _type, ...open } = span;
  return { ...open, status: 'unset' } as T;
}

export function spansOf(session: Recorded, nowUs: number): SpanDetail[] {
  const begun = session.spans.filter((span) => span.start_us <= nowUs);
  if (session.end === 'ends') return begun;
  // Its program went away before the last part ended.
  const cut = session.spans.length - 3;
  return begun.slice(0, Math.max(1, cut)).map((span) => {
    if (span.type !== 'session' && span.type !== 'workflow') return span;
    const { end_us: _end, ...open } = span;
    return session.end === 'incomplete' ? { ...open, status: 'unset', incomplete: true } : { ...open, status: 'unset' };
  });
}

function total(spans: readonly SpanDetail[], of: (span: SpanDetail) => number | undefined): number {
  return spans.reduce((sum, span) => sum + (of(span) ?? 0), 0);
}

export function summary(session: Recorded, nowUs: number): Summary {
  const spans = spansOf(session, nowUs).map((span) => until(span, nowUs));
  const root = spans[0]!;
  const models = spans.filter(({ type }) => type === 'llm');
  const failed = spans.filter(({ status }) => status === 'error');
  const isOver = root.end_us !== undefined;
  const state = session.end !== 'ends' && !isOver ? session.end
    : !isOver ? 'running' : root.status === 'error' ? 'failed' : 'done';
  const lastUs = spans.reduce((last, span) => Math.max(last, span.end_us ?? span.start_us), 0);
  const error = failed[0];
  return {
    id: session.id, trace_id: session.trace_id, state, service: session.service, agent: session.agent,
    agents: [...new Set(spans.map(({ agent }) => agent ?? ''))], models: [...new Set(models.map(({ model }) => model ?? ''))],
    tags: session.tags, start_us: root.start_us, last_us: lastUs,
    spans: spans.length, llm_calls: models.length, tool_calls: spans.filter(({ type }) => type === 'tool').length, errors: failed.length,
    ...(models.some(({ input_tokens: known }) => known !== undefined) ? {
      input_tokens: total(models, (span) => span.input_tokens), output_tokens: total(models, (span) => span.output_tokens),
      cached_tokens: total(models, (span) => span.cached_tokens), cost: total(spans, (span) => span.cost), currency: 'USD',
    } : {}),
    ...(session.user ? { user: session.user } : {}),
    ...(root.end_us === undefined ? {} : { end_us: root.end_us, duration_us: root.end_us - root.start_us }),
    ...(state === 'failed' && error ? { error: { type: error.error_type ?? '', message: error.message ?? '', span_id: error.span_id } } : {}),
    ...(session.delegated_from ? { delegated_from: session.delegated_from } : {}),
  };
}

function group(spans: readonly SpanDetail[], key: 'model' | 'tool' | 'agent'): Totals[] {
  const groups = new Map<string, SpanDetail[]>();
  for (const span of spans) {
    const name = span[key];
    if (name === undefined) continue;
    const list = groups.get(name);
    if (list) list.push(span);
    else groups.set(name, [span]);
  }
  return [...groups].map(([name, members]) => {
    const first = members[0]!;
    const hasTokens = members.some((span) => span.input_tokens !== undefined);
    return {
      [key]: name, calls: members.length, errors: members.filter(({ status }) => status === 'error').length,
      duration_us: total(members, (span) => (span.end_us ?? span.start_us) - span.start_us),
      ...(key === 'model' && first.provider ? { provider: first.provider } : {}),
      ...(hasTokens ? {
        input_tokens: total(members, (span) => span.input_tokens), output_tokens: total(members, (span) => span.output_tokens),
        cached_tokens: total(members, (span) => span.cached_tokens), cost: total(members, (span) => span.cost),
      } : {}),
    };
  });
}

export function whole(session: Recorded, nowUs: number): Session {
  const spans = spansOf(session, nowUs).map((span) => until(span, nowUs));
  const calls = spans.filter(({ type }) => type !== 'session' && type !== 'workflow' && type !== 'agent');
  return {
    ...summary(session, nowUs),
    by_model: group(calls, 'model'), by_tool: group(calls, 'tool'), by_agent: group(calls, 'agent'),
    resource: { 'service.name': session.service, 'service.version': '1.4.2', 'host.name': 'build-7' },
    links: session.delegated_from ? [{ ...session.delegated_from, relation: 'delegated from' }] : [],
    logs: session.logs.length,
  };
}
