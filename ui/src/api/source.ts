// Where the page of a session takes its data from: the server, or the recording inside an exported page.

import * as client from './client';
import type { Log, Message, Page, Recording, Session, Span, SpanDetail } from './types';

export interface SessionSource {
  /** Whether there is a server behind it, with other sessions, live news and exports. */
  readonly isLive: boolean;
  session(id: string, signal?: AbortSignal): Promise<Session>;
  spans(id: string, take: (page: Span[]) => void, signal?: AbortSignal): Promise<void>;
  span(id: string, spanId: string, signal?: AbortSignal): Promise<SpanDetail>;
  messages(id: string, signal?: AbortSignal): Promise<Page<Message>>;
  logs(id: string, signal?: AbortSignal): Promise<Page<Log>>;
}

export const server: SessionSource = {
  isLive: true,
  session: client.session,
  spans: client.spans,
  span: client.span,
  messages: client.messages,
  logs: client.logs,
};

/** A session as it was when it was exported. */
export class RecordedSession implements SessionSource {
  readonly isLive = false;
  readonly #recording: Recording;

  constructor(recording: Recording) {
    this.#recording = recording;
  }

  async session(): Promise<Session> {
    return this.#recording.session;
  }

  async spans(_id: string, take: (page: Span[]) => void): Promise<void> {
    take(this.#recording.spans.map((span) => ({ ...span, events: span.events.length, links: span.links.length })));
  }

  async span(_id: string, spanId: string): Promise<SpanDetail> {
    const found = this.#recording.spans.find((span) => span.span_id === spanId);
    if (!found) throw new Error('This span is not in the recording.');
    return found;
  }

  async messages(): Promise<Page<Message>> {
    return this.#recording.messages;
  }

  async logs(): Promise<Page<Log>> {
    return this.#recording.logs;
  }
}
