// What pages work out: addresses, filters, the ledger, the story, series, steps.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Lane, Message, Pipeline } from '../../src/api/types';
import { align, sameStep, steps } from '../../src/compare/align';
import { flows } from '../../src/pipeline/flow';
import { parts } from '../../src/pipeline/parts';
import { queues, samples } from '../../src/pipeline/queues';
import { pan, zoom } from '../../src/session/scale';
import { story } from '../../src/session/story';
import { grow } from '../../src/session/tree';
import { chips, nextSort, toApi } from '../../src/sessions/filters';
import { href, parse } from '../../src/shell/address';
import { errorRates, lines, tokenLines } from '../../src/usage/series';
import { span } from './spans';

test('every id survives its address', () => {
  for (const id of ['plain', 'a/b?c#d', '%2e%2e/..', '\u202e\ud83d\ude00', '<img src=x>', '100%']) {
    const { page, id: found, query } = parse(href('session', id, { span: 'a&b=c' }));
    assert.deepEqual([page, found, query.get('span')], ['session', id, 'a&b=c']);
  }
});

test('addresses that nobody wrote lead to the sessions', () => {
  for (const hash of ['', '#', '#/', '#/nowhere', '#/__proto__']) assert.equal(parse(hash).page, 'sessions');
  assert.equal(parse('#/session/%E0%A4%A').id, '%E0%A4%A');
});

test('filters of the address become those of the API, and unknown ones do not', () => {
  const settings = new URLSearchParams('state=failed&attr=a=b&attr=c=d&last=1h&evil=1&to_us=5');
  assert.equal(toApi(settings, 7_200_000_000).toString(), 'state=failed&attr=a%3Db&attr=c%3Dd&from_us=3600000000');
  const found = chips(settings);
  assert.deepEqual(found.map(({ value }) => value), ['failed', 'a=b', 'c=d', 'marked in the strip']);
  assert.deepEqual(found[1]!.without.getAll('attr'), ['c=d']);
  assert.deepEqual([nextSort(null, 'start'), nextSort('start', 'start'), nextSort(null, 'cost')], ['start', '-start', '-cost']);
});

const LEDGER = { time_us: 0, receivers: [], lanes: [], queues: [] };

test('the ledger adds up, and says so when it does not', () => {
  const books = (received: number): Pipeline => ({ ...LEDGER, ledger: { spans: { received, ended: 5, in_flight: 2, held: 3, fates: { handed: 7, queue_full: 1, new_fate: 2 } } } });
  const [whole] = flows(books(10));
  assert.deepEqual([whole!.entered, whole!.settled, whole!.missing], [15, 15, 0]);
  assert.deepEqual(whole!.to.map(({ tone }) => tone), ['good', 'bad', 'bad', 'wait', 'wait']);
  assert.equal(flows(books(12))[0]!.missing, 2);
});

test('what a destination was handed is the sum of its parts', () => {
  const lane: Lane = { name: 'a', state: 'ok', handed: 100, exported: 60, waiting: 30, on_disk: 25, retries: 0, fates: { exported: 60, quarantined: 5 } };
  const found = parts(lane);
  assert.equal(found.reduce((sum, { items }) => sum + items, 0), 100);
  assert.equal(parts({ ...lane, recovered: 7 }).reduce((sum, { items }) => sum + items, 0), 107);
  assert.deepEqual(Object.fromEntries(found.map(({ name, items }) => [name, items])), { delivered: 60, quarantined: 5, 'waiting on disk': 25, 'waiting in memory': 10 });
});

test('what is asked within something that was asked is no turn of its own, and tools have what their own spans say', () => {
  const tree = grow([
    span('root', undefined, 0, 100, { type: 'session' }), span('a', 'root', 10, 90, { type: 'agent' }),
    span('search', 'a', 20, 30, { tool: 'search' }),
  ]);
  const said = (id: string, at: number, role: Message['role'], part: Message['parts'][number]): Message => ({ span_id: id, time_us: at, role, parts: [part] });
  const messages = [
    said('root', 0, 'user', { type: 'text', text: 'find it' }), said('a', 10, 'user', { type: 'text', text: 'depth 3' }),
    said('search', 20, 'assistant', { type: 'tool_call', name: 'search', arguments: 'it' }), said('search', 30, 'tool', { type: 'tool_result', name: 'search', result: 'found' }),
  ];
  const turns = story(tree, messages, 100);
  assert.deepEqual(turns.map(({ items }) => items.map(({ kind }) => kind)), [['message', 'message', 'call']]);
  assert.deepEqual(turns[0]!.items[2], { kind: 'call', at: 20, place: 2, arguments: 'it', result: 'found' });
  assert.equal(story(tree, [messages[0]!, said('', 50, 'user', { type: 'text', text: 'and now?' })], 100).length, 2);
});

test('queues have plain names, and sampling is shown where something is sampled', () => {
  const names = ['processor', 'fork', 'batcher-before-sampling', 'sampler', 'batcher', 'a-new_one'];
  const of = (rules: NonNullable<Pipeline['sampling']>['rules'], items = 0): Pipeline =>
    ({ ...LEDGER, ledger: {}, queues: names.map((name) => ({ name, items })), sampling: { rules } });
  const rest = { name: 'rest', kept: 5, dropped: 0 };
  const unsampled = queues(of([rest]));
  assert.deepEqual([samples(of([rest])), samples(of([{ ...rest, dropped: 1 }])), samples(of([{ ...rest, name: 'errors' }, rest]))], [false, true, true]);
  assert.deepEqual(unsampled.map(({ queue }) => queue.name), names.filter((name) => name !== 'sampler'));
  assert.equal(unsampled.at(-1)!.name, 'a new one');
  assert.equal(queues(of([rest], 3)).length, names.length, 'what waits is always shown');
  for (const { queue, name, explained } of unsampled) assert.ok(name !== queue.name && explained.includes(`"${queue.name}"`));
});

test('a turn begins with what the user says to the agent of the session, not with what agents say to agents', () => {
  const tree = grow([
    span('root', undefined, 0, 100, { type: 'session', agent: 'planner' }),
    span('m', 'root', 10, 20, { type: 'llm', model: 'gpt', cost: 2, input_tokens: 5 }), span('t', 'root', 20, 30, { tool: 'grep', call_id: 'c1' }),
    span('sub', 'root', 30, 50, { type: 'agent', agent: 'coder' }), span('m2', 'sub', 31, 40, { type: 'llm', model: 'gpt', cost: 1 }),
    span('m3', 'root', 70, 80, { type: 'llm', model: 'gpt', cost: 4, status: 'error' }),
  ]);
  const text = (id: string, at: number, role: Message['role'], words: string): Message => ({ span_id: id, time_us: at, role, parts: [{ type: 'text', text: words }] });
  const messages: Message[] = [
    text('root', 5, 'user', 'do it'), text('m', 20, 'assistant', 'I will'),
    { span_id: 't', time_us: 20, role: 'assistant', parts: [{ type: 'tool_call', call_id: 'c1', name: 'grep', arguments: { x: 1 } }] },
    { span_id: 't', time_us: 30, role: 'tool', parts: [{ type: 'tool_result', call_id: 'c1', result: 'found' }] },
    text('m2', 31, 'user', 'to the coder'), text('root', 60, 'user', 'again'),
  ];
  const turns = story(tree, messages, 100);
  assert.deepEqual(turns.map(({ items, cost }) => [items.map(({ kind }) => kind), cost]), [
    [['message', 'message', 'call', 'message', 'model'], 3], [['message', 'model'], 4],
  ]);
  const call = turns[0]!.items[2]!;
  assert.deepEqual(call.kind === 'call' && [call.arguments, call.result], [{ x: 1 }, 'found']);
});

test('without messages the parts right below the session are its turns', () => {
  const tree = grow([
    span('root', undefined, 0, 100, { type: 'session' }), span('turn 1', 'root', 0, 40, { type: 'workflow' }), span('a', 'turn 1', 1, 2),
    span('turn 2', 'root', 50, 90, { type: 'workflow' }), span('b', 'turn 2', 51, 52, { status: 'error' }),
  ]);
  assert.deepEqual(story(tree, [], 100).map(({ title, items, errors }) => [title, items.length, errors]), [['turn 1', 1, 0], ['turn 2', 1, 1]]);
});

test('zooming and panning never leave the session', () => {
  const whole = { from: 100, to: 1100 };
  assert.deepEqual(zoom(whole, 0.5, 600, whole), { from: 350, to: 850 });
  assert.deepEqual(zoom(whole, 5, 600, whole), whole);
  assert.deepEqual(pan({ from: 100, to: 300 }, -500, whole), { from: 100, to: 300 });
  const deep = zoom({ from: 200, to: 220 }, 0.0001, 210, whole);
  assert.ok(deep.to - deep.from >= 19.9);
});

test('series: the largest by name, the rest together, nothing lost', () => {
  const series = Array.from({ length: 12 }, (_, i) => ({ key: `m${i}`, calls: [i, i], errors: [1, 0], input_tokens: [10, 0], output_tokens: [1, 1], cached_tokens: [4, 0], cost: [0, 0] }));
  const found = lines(series, 'calls');
  assert.equal(found.length, 8);
  assert.equal(found.flatMap(({ values }) => values).reduce((a, b) => a + b), 132);
  assert.deepEqual(tokenLines(series).map(({ values }) => values), [[72, 0], [48, 0], [12, 12]]);
  assert.equal(errorRates(series)[0]!.values[0], 100 / 11);
});

test('two sessions are aligned by their steps, and no step is lost', () => {
  const steps = (text: string) => Array.from(text, (tool, i) => span(`${text}${i}`, undefined, i, i + 1, { tool }));
  const shown = (a: string, b: string): string => align(steps(a), steps(b)).map((pair) => `${pair.a?.tool ?? '-'}${pair.b?.tool ?? '-'}`).join(' ');
  assert.equal(shown('abcd', 'abcd'), 'aa bb cc dd');
  assert.equal(shown('abd', 'axbcd'), 'aa -x bb -c dd');
  assert.equal(shown('', 'ab'), '-a -b');
  assert.equal(shown('ab', ''), 'a- b-');
});

test('steps are calls in order of time, and the same where they call the same', () => {
  const found = steps([span('b', 'x', 5, 6, { tool: 'grep' }), span('turn', undefined, 0, 9, { type: 'workflow' }), span('a', 'x', 1, 2, { type: 'llm', model: 'gpt' })]);
  assert.deepEqual(found.map(({ span_id: id }) => id), ['a', 'b']);
  assert.ok(!sameStep(found[0]!, found[1]!));
  assert.ok(sameStep(found[1]!, span('other', undefined, 0, 1, { tool: 'grep' })));
});
