// Requests to `/api/v1` of the server that the page came from.
//
// Holds nothing. A request that is aborted rejects with an AbortError; everything else that goes
// wrong is an ApiError with words for the reader.

import type {
  Activity, LatencyRow, Log, Message, Page, Pipeline, Quarantined, Session, Span, SpanDetail, Summary, Usage,
} from './types';

export const BASE = '/api/v1';

/** A request that was answered with an error, or not at all (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export function isAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** What to tell the reader about a failure of any kind. */
export function explained(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function refusal(response: Response): Promise<ApiError> {
  if (response.status === 401) {
    return new ApiError(401, 'unauthorized',
      'This server wants a token. Open /login?token=TOKEN once, with the token that it was started with.');
  }
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return new ApiError(response.status, error.code, error.message);
  } catch {
    return new ApiError(response.status, 'http', `The server answered ${response.status} ${response.statusText}.`);
  }
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return ask(path, { headers: { accept: 'application/json' }, ...(signal ? { signal } : {}) });
}

async function ask<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(BASE + path, { credentials: 'same-origin', ...init });
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new ApiError(0, 'unreachable', 'The server does not answer. Is "spanreel serve" still running?');
  }
  if (!response.ok) throw await refusal(response);
  return (await response.json()) as T;
}

function withQuery(path: string, query: URLSearchParams): string {
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

function sessionPath(id: string, rest = ''): string {
  return `/sessions/${encodeURIComponent(id)}${rest}`;
}

export function sessions(
  filters: URLSearchParams, limit: number, cursor?: string, signal?: AbortSignal,
): Promise<Page<Summary>> {
  const query = new URLSearchParams(filters);
  query.set('limit', String(limit));
  if (cursor) query.set('cursor', cursor);
  return get(withQuery('/sessions', query), signal);
}

export function session(id: string, signal?: AbortSignal): Promise<Session> {
  return get(sessionPath(id), signal);
}

/** All spans of a session, page by page: `take` is given each page as it comes. */
export async function spans(
  id: string, take: (page: Span[]) => void, signal?: AbortSignal,
): Promise<void> {
  await everyPage<Span>(sessionPath(id, '/spans'), 10_000, take, signal);
}

export function span(id: string, spanId: string, signal?: AbortSignal): Promise<SpanDetail> {
  return get(sessionPath(id, `/spans/${encodeURIComponent(spanId)}`), signal);
}

/** The conversation, or `captured: false` where the sender records no content. */
export async function messages(id: string, signal?: AbortSignal): Promise<Page<Message>> {
  const items: Message[] = [];
  const last = await everyPage<Message>(sessionPath(id, '/messages'), 1000, (page) => items.push(...page), signal);
  return last.captured === undefined ? { items } : { items, captured: last.captured };
}

export async function logs(id: string, signal?: AbortSignal): Promise<Page<Log>> {
  const items: Log[] = [];
  await everyPage<Log>(sessionPath(id, '/logs'), 1000, (page) => items.push(...page), signal);
  return { items };
}

async function everyPage<T>(
  path: string, limit: number, take: (page: T[]) => void, signal?: AbortSignal,
): Promise<Page<T>> {
  let cursor: string | undefined;
  for (;;) {
    const query = new URLSearchParams({ limit: String(limit) });
    if (cursor) query.set('cursor', cursor);
    const page = await get<Page<T>>(withQuery(path, query), signal);
    take(page.items);
    cursor = page.next;
    if (!cursor) return page;
  }
}

export function fields(signal?: AbortSignal): Promise<{ fields: { key: string; count: number }[] }> {
  return get('/fields', signal);
}

export function values(
  key: string, prefix: string, signal?: AbortSignal,
): Promise<{ values: { value: string; count: number }[] }> {
  return get(withQuery(`/fields/${encodeURIComponent(key)}/values`, new URLSearchParams({ prefix })), signal);
}

export function activity(filters: URLSearchParams, buckets: number, signal?: AbortSignal): Promise<Activity> {
  const query = new URLSearchParams(filters);
  query.delete('sort');
  query.set('buckets', String(buckets));
  return get(withQuery('/activity', query), signal);
}

export function usage(query: URLSearchParams, signal?: AbortSignal): Promise<Usage> {
  return get(withQuery('/usage', query), signal);
}

export function latency(query: URLSearchParams, signal?: AbortSignal): Promise<{ rows: LatencyRow[] }> {
  return get(withQuery('/latency', query), signal);
}

export function pipeline(signal?: AbortSignal): Promise<Pipeline> {
  return get('/pipeline', signal);
}

/** What is to become of a request that a destination has refused for good. */
export type Refused = 'replay' | 'drop';

/** Sends again what was refused, or drops it. The header says that it is meant: other sites cannot send it. */
export function changeRefused(id: string, change: Refused): Promise<Quarantined> {
  return ask(`/pipeline/quarantine/${encodeURIComponent(id)}/${change}`, {
    method: 'POST', headers: { accept: 'application/json', 'x-spanreel-request': '1' },
  });
}

export function exportAddress(id: string, format: 'otlp-json' | 'json' | 'html'): string {
  return `${BASE}${sessionPath(id, '/export')}?format=${format}`;
}
