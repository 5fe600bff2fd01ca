// Agents, tools and models of a session as a graph: who called what, how often, for how long, at what cost.
//
// Agents stand in columns by how deep they were called; what they call stands in the column behind them
// all. Only the busiest are drawn; the rest is counted in `left`, and the table beside has them all.

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
    if (!found) edges.set(key, (found = { from, to, calls: 0, errors: 0, us: 0 }));
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
  const lastAgents = Math.max(0, ...busiest.filter(({ kind }) => kind === 'agent').map(({ column }) => column));
  for (const node of busiest) if (node.kind !== 'agent') node.column = lastAgents + 1;

  const columns = new Map<number, Node[]>();
  for (const node of busiest) {
    const column = columns.get(node.column);
    if (column) column.push(node);
    else columns.set(node.column, [node]);
  }
  const order = { agent: 0, model: 1, tool: 2 };
  const rows = Math.max(1, ...[...columns.values()].map(({ length }) => length));
  for (const [column, nodes] of columns) {
    nodes.sort((a, b) => order[a.kind] - order[b.kind] || b.us - a.us);
    nodes.forEach((node, row) => {
      node.x = MARGIN + column * COLUMN;
      node.y = MARGIN + ((rows - nodes.length) / 2 + row) * LINE;
    });
  }
  return {
    nodes: busiest, edges, left: all.size - busiest.length,
    width: 2 * MARGIN + Math.max(0, ...columns.keys()) * COLUMN + BOX.width,
    height: 2 * MARGIN + rows * LINE - (LINE - BOX.height),
  };
}
