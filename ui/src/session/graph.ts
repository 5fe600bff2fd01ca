// Agents, tools and models of a session as a graph: who called what, how often, for how long, at what cost.
//
// Agents stand in columns by how deep they were called; a model or tool stands in the column behind the
// last that calls it. A call that passes a column has a row of its own there, so that no line runs behind
// a box that has nothing to do with it. Only the busiest are drawn; the rest is counted in `left`, and the
// table beside has them all.

import { agents } from './lanes';
import { endOf, NONE, type Tree } from './tree';

export interface Node {
  key: string;
  kind: 'agent' | 'model' | 'tool';
  name: string;
  calls: number;
  errors: number;
  us: number;
  cost: number;
  column: number;
  x: number;
  y: number;
}

export interface Edge {
  from: string;
  to: string;
  calls: number;
  errors: number;
  us: number;
  /** Where it passes columns on its way: their left sides, and how high. */
  by: { x: number; y: number }[];
}

export interface Graph {
  nodes: Node[];
  edges: Edge[];
  left: number;
  width: number;
  height: number;
}

export const BOX = { width: 190, height: 50 };
const MOST = 40;
const COLUMN = 290;
const LINE = 66;
const PASSAGE = 22;
const MARGIN = 16;

/** Of the spans that had begun by `until`. */
export function graph(tree: Tree, until: number, nowUs: number): Graph {
  const agentOf = agents(tree);
  const nodes = new Map<string, Node>();
  const edges = new Map<string, Edge>();

  function node(kind: Node['kind'], name: string): Node {
    const key = `${kind}:${name}`;
    let found = nodes.get(key);
    if (!found) nodes.set(key, (found = { key, kind, name, calls: 0, errors: 0, us: 0, cost: 0, column: 0, x: 0, y: 0 }));
    return found;
  }

  function edge(from: string, to: string, us: number, failed: boolean): void {
    const key = `${from}\n${to}`;
    let found = edges.get(key);
    if (!found) edges.set(key, (found = { from, to, calls: 0, errors: 0, us: 0, by: [] }));
    found.calls++;
    found.us += us;
    if (failed) found.errors++;
  }

  tree.spans.forEach((span, place) => {
    if (span.start_us > until) return;
    const us = Math.max(0, Math.min(endOf(span, nowUs), until) - span.start_us);
    const failed = span.status === 'error';
    const agent = agentOf[place]!;
    const above = tree.parent[place] === NONE ? '' : agentOf[tree.parent[place]!]!;
    let kind: Node['kind'] | undefined;
    let name = '';
    if (span.type === 'llm' || span.type === 'embeddings') [kind, name] = ['model', span.model ?? span.name];
    else if (span.type === 'tool' || span.type === 'action' || span.type === 'retrieval') [kind, name] = ['tool', span.tool ?? span.name];
    // An agent that works in this session is seen by its own span.
    else if (span.type === 'delegation' && !holdsAgent(tree, place)) [kind, name] = ['agent', span.delegate_to?.agent ?? span.name];
    if (span.type === 'delegation' && !kind) return;
    if (kind) {
      const called = node(kind, name);
      called.calls++;
      called.us += us;
      called.cost += span.cost ?? 0;
      if (failed) called.errors++;
      const caller = node('agent', kind === 'agent' ? above : agent);
      if (caller !== called) edge(caller.key, called.key, us, failed);
      if (kind === 'model') caller.cost += span.cost ?? 0;
    } else if (agent !== above || tree.parent[place] === NONE) {
      // An agent begins here: called by the agent above.
      const called = node('agent', agent);
      called.calls++;
      called.us += us;
      if (failed) called.errors++;
      if (tree.parent[place] !== NONE) edge(node('agent', above).key, called.key, us, failed);
    }
  });
  return placed(nodes, [...edges.values()]);
}

function holdsAgent(tree: Tree, place: number): boolean {
  for (let child = tree.firstChild[place]!; child !== NONE; child = tree.nextSibling[child]!) {
    if (tree.spans[child]!.type === 'agent') return true;
  }
  return false;
}

function placed(all: Map<string, Node>, allEdges: Edge[]): Graph {
  const busiest = [...all.values()].sort((a, b) => b.us - a.us).slice(0, MOST);
  const kept = new Map(busiest.map((node) => [node.key, node]));
  const edges = allEdges.filter(({ from, to }) => kept.has(from) && kept.has(to));

  // An agent stands right of the leftmost that called it; a circle of calls changes nothing.
  const called = new Set(edges.filter(({ to }) => kept.get(to)!.kind === 'agent').map(({ to }) => to));
  let front = busiest.filter((node) => node.kind === 'agent' && !called.has(node.key)).map(({ key }) => key);
  if (!front.length) front = busiest.filter(({ kind }) => kind === 'agent').slice(0, 1).map(({ key }) => key);
  const seen = new Set(front);
  for (let column = 0; front.length; column++) {
    const next: string[] = [];
    for (const key of front) {
      kept.get(key)!.column = column;
      for (const { from, to } of edges) {
        if (from !== key || seen.has(to) || kept.get(to)!.kind !== 'agent') continue;
        seen.add(to);
        next.push(to);
      }
    }
    front = next;
  }
  for (const node of busiest) {
    if (node.kind === 'agent') continue;
    const callers = edges.filter(({ to }) => to === node.key).map(({ from }) => kept.get(from)!.column);
    node.column = 1 + Math.max(0, ...callers);
  }

  // What stands in a column: nodes, and passages of calls to nodes further on.
  const columns: { node: Node; passes: boolean }[][] = [];
  const stand = (column: number, node: Node, passes: boolean): void => {
    const all = (columns[column] ??= []);
    if (!passes || !all.some((other) => other.passes && other.node === node)) all.push({ node, passes });
  };
  for (const node of busiest) stand(node.column, node, false);
  for (const { from, to } of edges) {
    const [first, last] = [kept.get(from)!, kept.get(to)!];
    for (let column = first.column + 1; column < last.column; column++) stand(column, last, true);
  }

  const order = { agent: 0, model: 1, tool: 2 };
  const tall = (rows: { passes: boolean }[]): number => rows.reduce((sum, { passes }) => sum + (passes ? PASSAGE : LINE), 0);
  const height = Math.max(LINE, ...columns.map((rows) => tall(rows ?? [])));
  const passages = new Map<string, number>();
  columns.forEach((rows, column) => {
    rows.sort((a, b) => order[a.node.kind] - order[b.node.kind] || b.node.us - a.node.us);
    let y = MARGIN + (height - tall(rows)) / 2;
    for (const { node, passes } of rows) {
      if (passes) passages.set(`${column}\n${node.key}`, y + PASSAGE / 2 - (LINE - BOX.height) / 2);
      else [node.x, node.y] = [MARGIN + column * COLUMN, y];
      y += passes ? PASSAGE : LINE;
    }
  });
  for (const edge of edges) {
    for (let column = kept.get(edge.from)!.column + 1; column < kept.get(edge.to)!.column; column++) {
      edge.by.push({ x: MARGIN + column * COLUMN, y: passages.get(`${column}\n${edge.to}`)! });
    }
  }
  return {
    nodes: busiest, edges, left: all.size - busiest.length,
    width: 2 * MARGIN + Math.max(0, columns.length - 1) * COLUMN + BOX.width,
    height: 2 * MARGIN + height - (LINE - BOX.height),
  };
}
