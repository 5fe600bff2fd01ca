// The page on a real `spanreel serve`, which is started here: how soon a span is on it, what a session of
// 100,000 spans costs, and that spans are shown while they are open.
//
// SPANREEL_UI_BINARY names the program; without it, the newest one that cargo has built is taken. Times are
// asserted for a busy machine; SPANREEL_UI_CALM=1 asserts what is promised for a calm one.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { big, BIG_ID } from '../../dev/odd';
import { send } from '../../dev/otlp';
import { costs } from './cost';
import { SKIPPED as NO_BROWSER, stage, type Stage } from './stage';

const BUILT = ['release', 'debug']
  .map((profile) => join(import.meta.dirname, `../../../target/${profile}/spanreel`))
  .filter((path) => existsSync(path))
  .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
const BINARY = process.env['SPANREEL_UI_BINARY'] ?? BUILT[0];
const SKIPPED = NO_BROWSER || (BINARY ? false : 'SKIPPED: no program (cargo build -p spanreel-cli, or set SPANREEL_UI_BINARY)');

const CALM = process.env['SPANREEL_UI_CALM'] === '1';
/** From sending to appearing: what is promised, and what a machine that does other things may take. */
const SOON_MS = CALM ? 1000 : 3000;
const FRAME_MS = CALM ? 50 : 100;
const BYTES = 200 * 1024 * 1024;

interface Program {
  process: ChildProcess;
  url: string;
  otlp: string;
  directory: string;
}

/** Starts `spanreel serve` on free ports, and waits until it listens. */
async function start(): Promise<Program> {
  const directory = await mkdtemp(join(tmpdir(), 'spanreel-'));
  const local = '127.0.0.1:0';
  const child = spawn(BINARY!, ['serve', '--data-dir', directory, '--otlp-http', local, '--otlp-grpc', 'off', '--http', local, '--log-level', 'error'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  const [url, otlp] = await new Promise<[string, string]>((found, failed) => {
    child.on('exit', (code) => failed(new Error(`'spanreel serve' has ended with ${code}: ${said}`)));
    child.stdout.on('data', (text: Buffer) => {
      said += text;
      const page = /page\s+(http:\S+?)\/?\s/.exec(said)?.[1];
      const receiver = /OTLP\/HTTP\s+([^\s,]+)/.exec(said)?.[1];
      if (page && receiver) found([page, `http://${receiver}`]);
    });
  });
  return { process: child, url, otlp, directory };
}

/** The most memory that a process ever had, where the system says so. */
function peakBytes(pid: number): number | undefined {
  const path = `/proc/${pid}/status`;
  if (!existsSync(path)) return undefined;
  const found = /VmHWM:\s+(\d+) kB/.exec(readFileSync(path, 'utf8'))?.[1];
  return found === undefined ? undefined : Number(found) * 1024;
}

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, '0');
const said = (key: string, value: string): unknown => ({ key, value: { stringValue: value } });

/** Sends one span, or the record that one has begun. */
async function sendOne(otlp: string, session: string, trace: number, id: number, name: string, hasEnded: boolean): Promise<void> {
  const now = `${Date.now()}000000`;
  const ids = { traceId: hex(trace, 32), spanId: hex(id, 16) };
  const attributes = [said('session.id', session), said('gen_ai.operation.name', 'execute_tool'), said('gen_ai.agent.name', 'keeper')];
  const span = { ...ids, name, parentSpanId: hex(1, 16), startTimeUnixNano: now, endTimeUnixNano: now, attributes };
  const record = {
    ...ids, timeUnixNano: now, eventName: 'spanreel.span.start',
    attributes: [...attributes, said('spanreel.span.name', name), said('spanreel.span.parent_id', hex(1, 16))],
  };
  const [path, body] = hasEnded
    ? ['/v1/traces', { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }]
    : ['/v1/logs', { resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] }];
  const response = await fetch(otlp + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  assert.ok(response.ok, `${response.status} ${await response.clone().text()}`);
}

describe('a real server', { skip: SKIPPED }, () => {
  let program: Program;
  let set: Stage;
  before(async () => {
    program = await start();
    set = await stage(0, false, program.url);
  });
  after(async () => {
    await set?.close();
    if (!program) return;
    const ended = new Promise((resolve) => program.process.once('exit', resolve));
    program.process.kill();
    await ended;
    await rm(program.directory, { recursive: true, force: true });
  });
  afterEach(() => assert.deepEqual(set.mistakes, [], 'no error, no breach of the policy, no request elsewhere'));

  test('a session is on the page within a second, and so is each of its spans', async (context) => {
    await sendOne(program.otlp, 'warm-up', 1, 2, 'first', true);
    const list = await set.open('/');
    await list.getByRole('link', { name: 'warm-up' }).first().waitFor();
    const took: number[] = [];
    for (let i = 0; i < 8; i++) {
      const begun = performance.now();
      await sendOne(program.otlp, `soon-${i}`, 100 + i, 2, 'first', true);
      await list.getByRole('link', { name: `soon-${i}` }).first().waitFor();
      took.push(performance.now() - begun);
    }
    // One page at a time: a browser lets the others wait.
    await list.context().close();
    const one = await set.open('/#/session/warm-up?view=waterfall');
    await one.getByRole('treeitem').first().waitFor();
    await one.waitForTimeout(500);
    for (let i = 0; i < 8; i++) {
      const begun = performance.now();
      await sendOne(program.otlp, 'warm-up', 1, 10 + i, `step ${i}`, true);
      await one.getByRole('treeitem', { name: `step ${i}` }).waitFor();
      took.push(performance.now() - begun);
    }
    await one.context().close();
    context.diagnostic(`from sending to appearing, in the list and in the session: ${took.map((ms) => ms.toFixed(0)).join(' ')} ms`);
    took.sort((a, b) => a - b);
    assert.ok(took.at(-1)! <= SOON_MS, `${took.map((ms) => ms.toFixed(0)).join(' ')} ms`);
  });

  test('a span is shown while it is open, grows, and ends', async () => {
    await sendOne(program.otlp, 'open', 300, 2, 'before', true);
    const page = await set.open('/#/session/open?view=waterfall');
    await page.getByRole('treeitem', { name: 'before' }).waitFor();
    // What it was told first is not in the way any more.
    await page.waitForTimeout(500);
    await sendOne(program.otlp, 'open', 300, 3, 'long work', false);
    const open = page.getByRole('treeitem', { name: 'long work' });
    await open.waitFor();
    const label = (): Promise<string | null> => open.getAttribute('aria-label');
    const before = await label();
    await page.waitForFunction((old) => Array.from(document.querySelectorAll('[role=treeitem]'), (item) => item.getAttribute('aria-label')).every((text) => text !== old), before);
    await sendOne(program.otlp, 'open', 300, 3, 'long work', true);
    await page.waitForTimeout(SOON_MS);
    const ended = await label();
    await page.waitForTimeout(1500);
    assert.equal(await label(), ended, 'it grows no more');
    assert.equal(await open.count(), 1);
    await page.context().close();
  });

  test('a session of 100,000 spans opens, scrolls, and is exported, in bounded memory', async (context) => {
    const all = big((Date.now() - 3_600_000) * 1000);
    for (let from = 0; from < all.spans.length; from += 2_000) {
      await send(program.otlp, { ...all, spans: all.spans.slice(from, from + 2_000), logs: [] });
    }
    const stored = async (): Promise<number> => {
      const response = await fetch(`${program.url}/api/v1/sessions/${BIG_ID}`);
      return response.ok ? ((await response.json()) as { spans: number }).spans : 0;
    };
    for (let tries = 0; (await stored()) < all.spans.length; tries++) {
      assert.ok(tries < 600, `${await stored()} of ${all.spans.length} are stored`);
      await new Promise((done) => setTimeout(done, 100));
    }
    const begun = performance.now();
    const page = await set.open(`/#/session/${BIG_ID}?view=waterfall`);
    await page.getByRole('treeitem').nth(10).waitFor({ timeout: 60_000 });
    const firstRows = performance.now() - begun;
    await page.waitForFunction((count) => document.body.innerText.replaceAll(/[,\u202f\u00a0 ]/g, '').includes(count), String(all.spans.length), { timeout: 60_000 });
    await page.waitForFunction(() => !document.querySelector('.status')?.textContent?.includes('Loading'), undefined, { timeout: 60_000 });
    const whole = performance.now() - begun;
    const spent = await costs(page, 40, (i) => `document.getElementById('spans').scrollTop = ${i * 60_000}`);
    for (const key of ['1', '3', '5', '2']) {
      await page.keyboard.press(key);
      await page.waitForTimeout(400);
    }
    await page.getByRole('treeitem').nth(5).click({ position: { x: 80, y: 10 } });
    await page.getByRole('region', { name: 'Details of the span' }).getByText(/^Attributes \(\d+\)/).waitFor();
    await page.context().close();
    for (const format of ['json', 'html', 'otlp-json']) {
      const response = await fetch(`${program.url}/api/v1/sessions/${BIG_ID}/export?format=${format}`);
      assert.equal(response.status, 200);
      let bytes = 0;
      let tail = '';
      const words = new TextDecoder();
      for await (const piece of response.body!) {
        bytes += piece.length;
        tail = (tail + words.decode(piece, { stream: true })).slice(-200);
      }
      assert.ok(bytes > 10_000_000, `${format}: ${bytes} bytes`);
      assert.ok(!tail.includes('cut off'), tail);
    }
    const memory = peakBytes(program.process.pid!);
    context.diagnostic(`first rows after ${firstRows.toFixed(0)} ms, all after ${whole.toFixed(0)} ms; the dearest of ${spent.length} frames ${Math.max(...spent).toFixed(1)} ms; memory of the server ${memory === undefined ? 'unknown' : `${(memory / 1048576).toFixed(0)} MiB`}`);
    assert.ok(Math.max(...spent) <= FRAME_MS, `milliseconds of the processor: ${spent.map((ms) => ms.toFixed(0)).join(' ')}`);
    if (memory !== undefined) assert.ok(memory <= BYTES, `${(memory / 1048576).toFixed(0)} MiB`);
  });
});
