// A server with the API of `spanreel serve`, invented data, and the built page. For development and for
// the browser tests alone: it keeps nothing, receives nothing, and is never shipped.

import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';

import type { Pipeline, Quarantined, Recording, Summary } from '../src/api/types';
import { pipeline } from './health';
import { Library, type Options } from './library';
import * as lists from './lists';
import { listed, spansOf, summary, until, whole } from './summary';
import type { Recorded } from './writer';

const DIST = join(import.meta.dirname, '../dist');
const TYPES: Record<string, string> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.txt': 'text/plain' };
export const POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

class Refused extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

export async function serve(port: number, options: Options): Promise<Server> {
  const library = new Library(options, now());
  const server = createServer((request, response) => {
    answer(library, request, response).catch((error: unknown) => {
      const refused = error instanceof Refused ? error : new Refused(500, 'internal', String(error));
      json(response, { error: { code: refused.code, message: refused.message } }, refused.status);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

function now(): number {
  return Date.now() * 1000;
}

function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(value));
}

async function answer(library: Library, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://localhost');
  if (!pathname.startsWith('/api/v1/')) return file(pathname, response);
  const path = pathname.slice('/api/v1/'.length).split('/').map(decodeURIComponent);
  const at = now();
  switch (path[0]) {
    case 'sessions':
      if (path.length === 1) return json(response, paged(found(library, query, at), query, 1000, true));
      return session(library, path, query, response);
    case 'fields': {
      if (path.length === 1) return json(response, { fields: lists.counted(lists.keys(library)).map(({ value, count }) => ({ key: value, count })) });
      const prefix = (query.get('prefix') ?? '').toLowerCase();
      const values = lists.counted(lists.fieldValues(library, path[1]!, at)).filter(({ value }) => value.toLowerCase().startsWith(prefix));
      return json(response, { values: values.slice(0, 50) });
    }
    case 'activity':
      return json(response, lists.activity(lists.matching(library, query, at), query, at));
    case 'usage':
      return json(response, lists.usage(library, query, at));
    case 'latency':
      return json(response, { rows: lists.latency(library, query, at) });
    case 'pipeline':
      if (path[1] === 'quarantine') return json(response, quarantine(library, path, request));
      return json(response, health(library));
    case 'live':
      return live(library, query.get('session') ?? undefined, request, response);
    default:
      throw new Refused(404, 'not_found', `there is no ${pathname}`);
  }
}

interface Answer {
  library: Library;
  filters: string;
  at: number;
  all: Summary[];
}

const KEPT_US = 60e6;
let kept: Answer | undefined;

/** Later pages are cut from the list of the first one. */
function found(library: Library, query: URLSearchParams, at: number): Summary[] {
  const filters = new URLSearchParams(query);
  filters.delete('cursor');
  filters.delete('limit');
  const key = filters.toString();
  if (query.has('cursor') && kept && kept.library === library && kept.filters === key && at - kept.at < KEPT_US) return kept.all;
  kept = { library, filters: key, at, all: lists.matching(library, query, at) };
  return kept.all;
}

function health(library: Library): Pipeline {
  const all = library.summaries(now());
  return pipeline(all.reduce((sum, { spans }) => sum + spans, 0), all.length, now(), library.startedUs, library.gone);
}

/** Something in quarantine is sent again or dropped: here, both make it go. */
function quarantine(library: Library, [, , id, change]: string[], request: IncomingMessage): Quarantined {
  if (request.method !== 'POST') throw new Refused(405, 'bad_method', 'only POST');
  if (!request.headers['x-spanreel-request']) throw new Refused(403, 'not_meant', 'send the header x-spanreel-request: 1 with it');
  const found = health(library).spool?.quarantined?.find((it) => it.id === id);
  if (!found || !['replay', 'drop'].includes(change ?? '')) throw new Refused(404, 'not_in_quarantine', `there is no refused request ${id}`);
  library.gone.add(found.id);
  return found;
}

function paged<T>(all: readonly T[], query: URLSearchParams, most: number, withTotal = false): unknown {
  const limit = Math.min(most, Math.max(1, Number(query.get('limit') ?? 100)));
  const from = Number(query.get('cursor') ?? 0);
  if (!Number.isInteger(limit) || !Number.isInteger(from)) throw new Refused(400, 'bad_query', 'limit and cursor must be what the server gave');
  return {
    items: all.slice(from, from + limit),
    ...(from + limit < all.length ? { next: String(from + limit) } : {}),
    ...(withTotal ? { total: all.length } : {}),
  };
}

async function session(library: Library, path: string[], query: URLSearchParams, response: ServerResponse): Promise<void> {
  const found = library.find(path[1]!);
  if (!found) throw new Refused(404, 'no_session', 'There is no session of this id. It may have been removed because of its age.');
  const at = now();
  const spans = (): ReturnType<typeof spansOf> => spansOf(found, at);
  switch (path[2]) {
    case undefined:
      return json(response, { ...whole(found, at), id: path[1] });
    case 'spans': {
      if (path[3] === undefined) return json(response, paged(spans().map((span) => listed(span, at)), query, 10_000));
      const span = spans().find(({ span_id: id }) => id === path[3]);
      if (!span) throw new Refused(404, 'no_span', 'There is no such span in this session.');
      return json(response, until(span, at));
    }
    case 'messages':
      return json(response, { ...(paged(said(found, at), query, 1000) as object), captured: found.captured });
    case 'logs':
      return json(response, paged(found.logs.filter(({ time_us: time }) => time <= at), query, 1000));
    case 'export':
      return exported(found, query.get('format') ?? 'json', response);
    default:
      throw new Refused(404, 'not_found', 'there is no such part of a session');
  }
}

function said(found: Recorded, at: number): Recorded['messages'] {
  return found.captured ? found.messages.filter(({ time_us: time }) => time <= at) : [];
}

async function exported(found: Recorded, format: string, response: ServerResponse): Promise<void> {
  const at = now();
  const recording: Recording = {
    session: whole(found, at), spans: spansOf(found, at).map((span) => until(span, at)),
    messages: { items: said(found, at), captured: found.captured }, logs: { items: found.logs },
  };
  const name = found.id.replace(/[^\w.-]+/g, '_').slice(0, 80);
  if (format === 'html') {
    const template = await readFile(join(DIST, 'export.html'), 'utf8');
    const safe = JSON.stringify(recording).replaceAll('<', '\\u003c');
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-disposition': `attachment; filename="${name}.html"` });
    response.end(template.replace('__SPANREEL_RECORDING__', () => safe));
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json', 'content-disposition': `attachment; filename="${name}.json"` });
  response.end(JSON.stringify(recording));
}

/** News four times a second: running sessions, and the spans and logs of the one that is asked for. */
function live(library: Library, watched: string | undefined, request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const sent = new Map<string, string>();
  let logsUntil = now();
  let beat = 0;
  const send = (event: string, key: string, value: unknown): void => {
    const data = JSON.stringify(value);
    if (key && sent.get(key) === data) return;
    if (key) sent.set(key, data);
    response.write(`id: fixture\nevent: ${event}\ndata: ${data}\n\n`);
  };
  // What was missed is not kept here.
  send(request.headers['last-event-id'] ? 'reset' : 'hello', '', {});
  const timer = setInterval(() => {
    const at = now();
    for (const running of library.running(at)) {
      send('session', running.id, summary(running, at));
      if (running.id !== watched) continue;
      for (const span of spansOf(running, at)) send('span', span.span_id, listed(span, at));
      for (const log of running.logs) if (log.time_us > logsUntil && log.time_us <= at) send('log', '', log);
    }
    logsUntil = at;
    if (beat++ % 4 === 0) send('pipeline', '', health(library));
  }, 250);
  request.on('close', () => clearInterval(timer));
}

async function file(path: string, response: ServerResponse): Promise<void> {
  const name = path === '/' ? 'index.html' : normalize(path).replace(/^(\.\.[/\\])+/, '');
  try {
    const content = await readFile(join(DIST, name));
    response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream', 'content-security-policy': POLICY, 'x-content-type-options': 'nosniff' });
    response.end(content);
  } catch {
    throw new Refused(404, 'not_found', `there is no ${path}`);
  }
}
