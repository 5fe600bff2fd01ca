// What invented agents do: four kinds of work, and the ways in which it goes wrong.

import type { SpanDetail } from '../src/api/types';
import { Writer, type Place, type Recorded } from './writer';

const USERS = ['u-19', 'u-204', 'u-7', 'ana@example.com', 'ci-bot', 'u-88'];

export const KINDS = ['support', 'coder', 'research', 'analyst'] as const;

function text(words: string): { type: 'text'; text: string } {
  return { type: 'text', text: words };
}

function turn(w: Writer, root: Place, number: number, said: string, act: (place: Place) => [string, string] | undefined): [string, string] | undefined {
  const span = w.open('workflow', `turn ${number}`, root, root.agent);
  w.say(span.span_id, 'user', text(said));
  const error = act({ id: span.span_id, agent: root.agent });
  w.close(span, error);
  return error;
}

function support(w: Writer, root: Place, fails: boolean): [string, string] | undefined {
  const r = w.random;
  const order = `A-${r.whole(10_000, 99_999)}`;
  turn(w, root, 1, `Hi, where is my order ${order}? It should have come on Tuesday.`, (place) => {
    w.chat(place, 'claude-haiku-4-5', 60, [text('I will look that up.')]);
    w.tool(place, 'lookup_order', 180_000, { order }, { order, state: 'shipped', carrier: 'DHL', promised: '2026-11-17', items: 2 });
    w.tool(place, 'help_articles', 90_000, { query: 'late delivery compensation' }, { documents: 4, best: 'Late deliveries: what we offer' }, { type: 'retrieval' });
    w.chat(place, 'claude-haiku-4-5', 140, [text(`Your order ${order} left our warehouse with DHL and is two days late. I am sorry about that. I can refund the shipping if you like.`)]);
    return undefined;
  });
  w.pass(6_000_000);
  return turn(w, root, 2, 'Yes please, refund the shipping.', (place) => {
    w.chat(place, 'claude-sonnet-4-5', 50, [{ type: 'reasoning', text: 'The customer agreed. Shipping was 4.90. The policy allows refunds of shipping up to 10.' }, text('Refunding 4.90 now.')]);
    if (fails) {
      for (let retry = 0; retry < 3; retry++) {
        w.tool(place, 'refund_payment', 2_400_000, { order, amount: 4.9, currency: 'EUR' }, undefined, { error: ['TimeoutError', 'payments.internal did not answer within 2 s'], ...(retry ? { retry } : {}) });
        w.pass(400_000 * 2 ** retry);
      }
      return ['ToolFailed', 'refund_payment failed 3 times'];
    }
    w.tool(place, 'refund_payment', 420_000, { order, amount: 4.9, currency: 'EUR' }, { refund: `re_${r.hex(10)}`, state: 'done' });
    w.chat(place, 'claude-sonnet-4-5', 60, [text('Done: 4.90 EUR is on its way back to your card.')]);
    return undefined;
  });
}

const FILES = ['src/queue.rs', 'src/lib.rs', 'tests/queue.rs', 'Cargo.toml', 'src/worker/mod.rs'];

function coder(w: Writer, root: Place, fails: boolean): [string, string] | undefined {
  const r = w.random;
  const model = r.one(['claude-sonnet-4-5', 'gpt-5']);
  w.context = 4200;
  const error = turn(w, root, 1, 'The test `drains_in_order` is flaky on CI. Find out why and mend it.', (place) => {
    w.chat(place, model, 180, [text('I will look at the queue and at the test first.')]);
    for (let i = 0; i < 2; i++) {
      const path = FILES[i]!;
      w.tool(place, 'read_file', 12_000, { path }, { lines: r.whole(80, 400), text: `//! ${path}\n\nuse std::collections::VecDeque;\n` });
    }
    w.tool(place, 'grep', 40_000, { pattern: 'drains_in_order', path: '.' }, { matches: 2 });
    w.chat(place, model, 320, [{ type: 'reasoning', text: 'Two workers take from the queue. The test assumes one. Order is only kept per producer.' }, text('The test starts two workers, and the order is kept per producer only. I will make the test use one worker, and add one that states the guarantee for two.')]);
    for (let attempt = 0; attempt < (fails ? 4 : r.whole(1, 2)); attempt++) {
      w.tool(place, 'apply_patch', 25_000, { path: 'tests/queue.rs', hunks: r.whole(1, 3) }, { applied: true });
      const bad = fails || (attempt === 0 && r.chance(0.5));
      w.tool(place, 'run_tests', 7_500_000, { command: 'cargo test --test queue' }, { passed: bad ? 11 : 12, failed: bad ? 1 : 0 },
        bad ? { error: ['TestFailed', 'drains_in_order: assertion `left == right` failed: left [2, 1], right [1, 2]'] } : {});
      w.chat(place, model, 220, [text(bad ? 'One test still fails. The patch missed the second producer.' : 'All 12 tests pass.')]);
    }
    if (fails) {
      w.chat(place, model, 0, [], { error: ['context_length_exceeded', 'prompt is too long: 200,412 tokens > 200,000 maximum'] });
      return ['context_length_exceeded', 'prompt is too long: 200,412 tokens > 200,000 maximum'];
    }
    return undefined;
  });
  if (error) return error;
  w.pass(4_000_000);
  return turn(w, root, 2, 'Let the reviewer look at it.', (place) => {
    const call = w.open('delegation', 'invoke_agent reviewer', place, root.agent);
    call.delegate_to = { agent: 'reviewer' };
    const reviewer = w.open('agent', 'invoke_agent reviewer', { id: call.span_id, agent: 'reviewer' }, 'reviewer');
    const within = { id: reviewer.span_id, agent: 'reviewer' };
    w.tool(within, 'read_diff', 20_000, { base: 'main' }, { files: 2, added: 31, removed: 9 });
    w.chat(within, 'gpt-5-mini', 260, [text('The change is right. Please name the test after the guarantee: `keeps_the_order_of_each_producer`.')]);
    w.close(reviewer);
    w.close(call);
    w.tool(place, 'apply_patch', 25_000, { path: 'tests/queue.rs', hunks: 1 }, { applied: true });
    w.tool(place, 'run_tests', 6_900_000, { command: 'cargo test --test queue' }, { passed: 12, failed: 0 });
    w.chat(place, model, 120, [text('Renamed as the reviewer asked; all tests pass.')]);
    return undefined;
  });
}

function research(w: Writer, root: Place, fails: boolean): [string, string] | undefined {
  const r = w.random;
  w.context = 1600;
  return turn(w, root, 1, 'Compare three ways to store embeddings for ten million documents: cost, recall, upkeep.', (place) => {
    w.chat(place, 'claude-sonnet-4-5', 240, [text('Three researchers will each take one way: a vector extension of a database, a dedicated engine, files with an index in memory.')]);
    const began = w.now;
    let latest = began;
    // Side by side: each begins at the same time.
    ['pgvector', 'dedicated engine', 'memory-mapped files'].forEach((topic, i) => {
      w.now = began + i * 30_000;
      const call = w.open('delegation', 'invoke_agent researcher', place, root.agent);
      call.delegate_to = { agent: 'researcher' };
      const span = w.open('agent', `invoke_agent researcher`, { id: call.span_id, agent: 'researcher' }, `researcher ${i + 1}`);
      const within = { id: span.span_id, agent: `researcher ${i + 1}` };
      for (let n = r.whole(2, 4); n > 0; n--) {
        w.tool(within, 'web_search', 700_000, { query: `${topic} recall benchmark` }, { results: r.whole(4, 10) });
        const bad = r.chance(0.12);
        w.tool(within, 'fetch_page', 1_300_000, { url: `https://example.org/${topic.replaceAll(' ', '-')}/${n}` }, { bytes: r.whole(9_000, 90_000) }, bad ? { error: ['HttpError', '503 Service Unavailable'] } : {});
        w.chat(within, 'gemini-2.5-flash', 180, [text(`Notes on ${topic}: recall between 0.9 and 0.98 by parameters; cost is dominated by memory.`)]);
      }
      if (fails && i === 2) {
        for (let retry = 0; retry < 4; retry++) {
          w.chat(within, 'gemini-2.5-flash', 0, [], { error: ['rate_limit_exceeded', '429: quota of 60 requests a minute is used up'], ...(retry ? { retry } : {}) });
          w.pass(1_000_000 * 2 ** retry);
        }
        w.close(span, ['rate_limit_exceeded', '429: quota of 60 requests a minute is used up']);
        w.close(call, ['DelegationFailed', 'researcher 3 gave up']);
      } else {
        w.close(span);
        w.close(call);
      }
      latest = Math.max(latest, w.now);
    });
    w.now = latest;
    if (fails) return ['DelegationFailed', 'researcher 3 gave up'];
    const embedded = w.open('embeddings', 'embeddings text-embedding-3-small', place, root.agent);
    embedded.model = 'text-embedding-3-small';
    embedded.provider = 'openai';
    embedded.input_tokens = 5200;
    embedded.cost = 0.0001;
    w.pass(260_000);
    w.close(embedded);
    w.chat(place, 'claude-sonnet-4-5', 700, [text('Summary\n\n1. A vector extension costs least to run where the database is there already.\n2. A dedicated engine has the best recall at a given latency, and is one more thing to keep.\n3. Files are cheapest at rest, and are rebuilt at night.\n\nFor ten million documents I would begin with the first.')]);
    return undefined;
  });
}

function analyst(w: Writer, root: Place, fails: boolean): [string, string] | undefined {
  const r = w.random;
  let error: [string, string] | undefined;
  const asked = ['How many users signed up last week?', 'And by country?', 'Plot that, please.'];
  for (let i = 0; i < r.whole(1, 3) && !error; i++) {
    error = turn(w, root, i + 1, asked[i]!, (place) => {
      w.chat(place, 'gpt-5-mini', 110, [text('Asking the warehouse.')]);
      const bad = fails && i === 0;
      w.tool(place, 'run_sql', 1_900_000, { sql: `select count(*) from users where created_at > now() - interval '${7 * (i + 1)} days'` }, { rows: [[r.whole(900, 4000)]] },
        bad ? { error: ['PermissionDenied', 'role "agent" may not read schema "users"'] } : {});
      if (bad) return ['PermissionDenied', 'role "agent" may not read schema "users"'];
      w.chat(place, 'gpt-5-mini', 90, [text(`There were ${r.whole(900, 4000).toLocaleString('en-US')}.`)]);
      return undefined;
    });
    w.pass(3_000_000);
  }
  return error;
}

/** A session of some kind that began at `startUs`. The same seed makes the same session. */
export function session(seed: number, startUs: number, kind = KINDS[seed % KINDS.length]!): Recorded {
  const agent = { support: 'support', coder: 'coder', research: 'planner', analyst: 'analyst' }[kind];
  const w = new Writer(seed, startUs, '', `${kind}-host`, agent);
  const r = w.random;
  w.session.id = kind === 'analyst' ? `${r.hex(8)}-${r.hex(4)}-4${r.hex(3)}-a${r.hex(3)}-${r.hex(12)}` : `${kind}-${r.hex(6)}`;
  w.session.user = r.one(USERS);
  if (r.chance(0.3)) w.session.tags.push(r.one(['beta', 'eval', 'nightly', 'eu']));
  const root = w.open('session', `invoke_agent ${agent}`, undefined, agent, [
    { key: 'session.id', value: w.session.id },
    { key: 'gen_ai.agent.name', value: agent },
    { key: 'user.id', value: w.session.user },
    { key: 'deployment.environment.name', value: r.one(['production', 'staging']) },
  ]);
  const run = { support, coder, research, analyst }[kind];
  const fails = r.chance(0.16);
  const error = run(w, { id: root.span_id, agent }, fails);
  w.pass(300_000);
  w.close(root, error);
  const spans: SpanDetail[] = w.session.spans;
  spans.sort((a, b) => a.start_us - b.start_us);
  w.session.logs.sort((a, b) => a.time_us - b.time_us);
  w.session.messages.sort((a, b) => a.time_us - b.time_us);
  if (r.chance(0.04)) w.session.end = r.one(['incomplete', 'stalled']);
  if (r.chance(0.12)) w.session.captured = false;
  return w.session;
}
