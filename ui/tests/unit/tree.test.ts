// The tree of spans, what hangs on it, and what must not break it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { criticalPath, waits } from '../../src/session/critical';
import { failureChain } from '../../src/session/failure';
import { BOX, graph } from '../../src/session/graph';
import { agents, inLanes } from '../../src/session/lanes';
import { grow, NONE, rows } from '../../src/session/tree';
import { span } from './spans';

const names = (places: Iterable<number>, tree: ReturnType<typeof grow>): string[] => Array.from(places, (place) => tree.spans[place]!.span_id);

test('children stand below their parent in order of start, whatever the order of arrival', () => {
  const tree = grow([span('c', 'a', 30, 40), span('b', 'a', 10, 20), span('a', undefined, 0, 50), span('d', 'b', 12, 15)]);
  assert.deepEqual(names(rows(tree, new Set()), tree), ['a', 'b', 'd', 'c']);
  assert.deepEqual(Array.from(tree.below), [0, 1, 3, 0]);
  assert.deepEqual(names(rows(tree, new Set(['b'])), tree), ['a', 'b', 'c']);
});

test('circles of parents and missing parents lose no span', () => {
  const tree = grow([span('a', 'b', 0, 1), span('b', 'c', 0, 1), span('c', 'a', 0, 1), span('self', 'self', 0, 1), span('orphan', 'gone', 0, 1), span('below', 'c', 0, 1)]);
  assert.deepEqual(names(rows(tree, new Set()), tree).sort(), ['a', 'b', 'below', 'c', 'orphan', 'self']);
  assert.equal(tree.roots.length, 3);
  assert.equal(tree.broken.size, 3);
});

test('a chain of 100,000 spans is laid out without recursion', () => {
  const spans = Array.from({ length: 100_000 }, (_, i) => span(`s${i}`, i ? `s${i - 1}` : undefined, i, 200_000));
  const tree = grow(spans);
  assert.equal(rows(tree, new Set()).length, 100_000);
  assert.equal(tree.below[0], 99_999);
  assert.ok(criticalPath(tree, 200_000).length > 0);
  assert.equal(failureChain(grow(spans.map((one) => ({ ...one, status: 'error' as const }))), 0).length, 100_000);
});

test('the critical path goes through what ended last, and covers the whole time once', () => {
  const tree = grow([
    span('root', undefined, 0, 100), span('a', 'root', 10, 40), span('b', 'root', 20, 70), span('c', 'root', 75, 90), span('late', 'b', 30, 60),
  ]);
  const path = criticalPath(tree, 100);
  assert.equal(path.reduce((sum, { from, to }) => sum + to - from, 0), 100);
  const byName = new Map(waits(path).map(({ place, us }) => [tree.spans[place]!.span_id, us]));
  assert.deepEqual(Object.fromEntries(byName), { root: 35, b: 20, c: 15, late: 30 });
  assert.ok(!byName.has('a'), 'b was running until 70: a held nothing up');
});

test('a child that outlives its parent counts as far as the parent goes', () => {
  const tree = grow([span('root', undefined, 0, 50), span('async', 'root', 10, 500)]);
  assert.equal(criticalPath(tree, 500).reduce((sum, { from, to }) => sum + to - from, 0), 50);
});

test('the cause of a failure is the last error below it, not one that was got over', () => {
  const error = { status: 'error' as const };
  const tree = grow([
    span('root', undefined, 0, 100, error), span('turn', 'root', 1, 99),
    span('retried', 'turn', 5, 10, error), span('fatal', 'turn', 60, 90, error), span('deep', 'fatal', 65, 85, error), span('fine', 'turn', 91, 92),
  ]);
  assert.deepEqual(names(failureChain(tree, 100), tree), ['root', 'fatal', 'deep']);
});

test('where nothing failed as a whole, the earliest error is explained; without errors nothing is', () => {
  const tree = grow([span('root', undefined, 0, 100), span('one', 'root', 5, 10, { status: 'error' }), span('two', 'root', 20, 30, { status: 'error' })]);
  assert.deepEqual(names(failureChain(tree, 100), tree), ['one']);
  assert.deepEqual(failureChain(grow([span('root', undefined, 0, 1)]), 1), []);
  assert.deepEqual(failureChain(grow([]), 0), []);
});

test('a span belongs to the nearest agent above it, and spans of one row never overlap', () => {
  const tree = grow([
    span('root', undefined, 0, 100, { type: 'session', agent: 'planner' }), span('x', 'root', 0, 50), span('y', 'root', 10, 60),
    span('sub', 'root', 20, 90, { type: 'agent', agent: 'coder' }), span('z', 'sub', 30, 40), span('next', 'root', 50, 70),
  ]);
  assert.deepEqual(agents(tree), ['planner', 'planner', 'planner', 'coder', 'coder', 'planner']);
  const lanes = inLanes(tree, 100);
  assert.deepEqual(lanes.lanes.map(({ agent, rows, spans }) => [agent, rows, spans]), [['planner', 2, 3], ['coder', 1, 1]]);
  assert.equal(lanes.row[0], NONE);
  assert.equal(lanes.row[5], lanes.row[1], 'the first row is free again at 50');
});

test('the graph counts each call once, and only those that had begun', () => {
  const tree = grow([
    span('root', undefined, 0, 100, { type: 'session', agent: 'planner' }),
    span('m1', 'root', 1, 10, { type: 'llm', model: 'gpt', cost: 1 }), span('m2', 'root', 50, 60, { type: 'llm', model: 'gpt', cost: 2, status: 'error' }),
    span('d', 'root', 20, 40, { type: 'delegation', delegate_to: { agent: 'coder' } }), span('a', 'd', 21, 39, { type: 'agent', agent: 'coder' }), span('t', 'a', 22, 30, { tool: 'grep' }),
  ]);
  const all = graph(tree, Infinity, 100);
  const model = all.nodes.find(({ key }) => key === 'model:gpt')!;
  assert.deepEqual([model.calls, model.errors, model.cost, model.us], [2, 1, 3, 19]);
  assert.deepEqual(all.edges.map(({ from, to, calls }) => `${from}>${to} ${calls}`).sort(), ['agent:coder>tool:grep 1', 'agent:planner>agent:coder 1', 'agent:planner>model:gpt 2']);
  assert.equal(graph(tree, 45, 100).nodes.find(({ key }) => key === 'model:gpt')!.calls, 1);
});

test('no line of the graph runs behind a box that it does not call', () => {
  const tree = grow([
    span('root', undefined, 0, 100, { type: 'session', agent: 'planner' }), span('own', 'root', 1, 10, { tool: 'plan' }),
    span('m1', 'root', 1, 10, { type: 'llm', model: 'gpt' }), span('a', 'root', 20, 90, { type: 'agent', agent: 'coder' }),
    span('m2', 'a', 22, 30, { type: 'llm', model: 'gpt' }), span('t', 'a', 31, 40, { tool: 'grep' }),
  ]);
  const { nodes, edges } = graph(tree, Infinity, 100);
  const column = new Map(nodes.map(({ name, x }) => [name, x]));
  assert.equal(column.get('plan'), column.get('coder'), 'a tool stands beside the agents that its agent called');
  assert.equal(column.get('gpt'), column.get('grep'), 'a shared model stands behind the last that calls it');
  const long = edges.find(({ from, to }) => from === 'agent:planner' && to === 'model:gpt')!;
  assert.equal(long.by.length, 1);
  for (const { x, y } of nodes.filter(({ x }) => x === long.by[0]!.x)) {
    assert.ok(long.by[0]!.y < y || long.by[0]!.y > y + BOX.height, `it passes the box at ${x}`);
  }
  for (const { from, to, by } of edges) if (!(from === long.from && to === long.to)) assert.deepEqual(by, []);
});
