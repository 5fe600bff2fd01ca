// News from the server: what is told to the page when it was away.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { listen } from '../../src/api/live';

/** Stands for the browser's. */
class Source extends EventTarget {
  static last: Source;
  isClosed = false;
  constructor(readonly address: string) {
    super();
    Source.last = this;
  }

  say(event: string, value?: unknown): void {
    this.dispatchEvent(value === undefined ? new Event(event) : new MessageEvent(event, { data: JSON.stringify(value) }));
  }

  close(): void {
    this.isClosed = true;
  }
}

Object.assign(globalThis, { EventSource: Source });

test('everything is read again only when something may have been missed', () => {
  const told: string[] = [];
  const close = listen({
    session: ({ id }) => told.push(id), reload: () => told.push('reload'), connected: (yes) => told.push(yes ? 'on' : 'off'),
  }, 'a/b');
  const source = Source.last;
  assert.equal(source.address, '/api/v1/live?session=a%2Fb');
  source.say('open');
  source.say('hello', {});
  source.say('session', { id: 's1' });
  source.say('error');
  source.say('open');
  source.say('session', { id: 's2' });
  assert.deepEqual(told, ['on', 's1', 'off', 'on', 's2'], 'the server has told what was missed');
  source.say('reset', {});
  source.say('lagged', { missed: 3 });
  assert.deepEqual(told.slice(5), ['reload', 'reload']);
  close();
  assert.ok(source.isClosed);
});
