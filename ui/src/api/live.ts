// News from the server: `/api/v1/live`, server-sent events.
//
// The browser reconnects by itself and says which event it saw last; the server tells what came after that.
// Where the server does not know (`reset`), or we were too slow (`lagged`), `reload` is called: everything is
// read again.

import { BASE } from './client';
import type { Log, Pipeline, Span, Summary } from './types';

export interface News {
  session?: (summary: Summary) => void;
  pipeline?: (pipeline: Pipeline) => void;
  span?: (span: Span) => void;
  log?: (log: Log) => void;
  /** Something may have been missed. */
  reload?: () => void;
  /** Whether the connection stands. */
  connected?: (connected: boolean) => void;
}

/** Listens until the function that it returns is called. */
export function listen(news: News, sessionId?: string): () => void {
  const query = sessionId === undefined ? '' : `?session=${encodeURIComponent(sessionId)}`;
  const events = new EventSource(`${BASE}/live${query}`);

  function on<T>(name: string, take: ((value: T) => void) | undefined): void {
    if (!take) return;
    events.addEventListener(name, (event) => take(JSON.parse((event as MessageEvent<string>).data) as T));
  }
  on('session', news.session);
  on('pipeline', news.pipeline);
  on('span', news.span);
  on('log', news.log);
  events.addEventListener('lagged', () => news.reload?.());
  events.addEventListener('reset', () => news.reload?.());
  events.addEventListener('open', () => news.connected?.(true));
  events.addEventListener('error', () => news.connected?.(false));
  return () => events.close();
}
