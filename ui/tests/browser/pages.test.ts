// Costs, the pipeline, comparing, and the rules of accessibility on every page.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, afterEach, before, describe, test } from 'node:test';

import { REAL, sessionId, SKIPPED, stage, type Stage } from './stage';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

interface Violation { id: string; nodes: { html: string; failureSummary: string }[] }

describe('pages', { skip: SKIPPED }, () => {
  let set: Stage;
  let done: string;
  let failed: string;
  before(async () => {
    set = await stage();
    done = encodeURIComponent(await sessionId(set.url, 'state=done&sort=-tokens'));
    failed = encodeURIComponent(await sessionId(set.url, 'state=failed&sort=-tokens'));
  });
  after(() => set.close());
  afterEach(() => assert.deepEqual(set.mistakes, [], 'no error, no breach of the policy, no request elsewhere'));

  test('costs: plots, their tables, their CSV, and another grouping', async () => {
    const page = await set.open('/#/usage');
    await page.locator('.plot canvas').first().waitFor();
    const cost = page.locator('figure', { has: page.getByRole('heading', { name: 'Cost', exact: true }) });
    await cost.getByText('Table').click();
    assert.equal(await cost.locator('tbody tr').count(), 48);
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Cost: save as CSV' }).click()]);
    const lines = (await readFile(await download.path(), 'utf8')).trim().split('\r\n');
    assert.equal(lines.length, 49);
    assert.match(lines[0]!, /^time,/);
    await page.getByRole('button', { name: 'by agent' }).click();
    await page.getByRole('heading', { name: 'Latency by agent' }).waitFor();
    await page.getByRole('heading', { name: 'Sessions that cost most' }).waitFor();
    await page.context().close();
  });

  test('the pipeline adds up, and follows what happens', async () => {
    const page = await set.open('/#/pipeline');
    const sum = page.locator('.sum').first();
    await sum.waitFor();
    const [, left, right] = /^([\d,]+) in = ([\d,]+) accounted for$/.exec(await sum.innerText()) ?? [];
    assert.ok(left);
    assert.equal(left, right);
    await page.getByRole('heading', { name: 'Destinations' }).waitFor();
    const time = page.getByText(/^as of /);
    const first = await time.innerText();
    await page.waitForFunction((text) => document.querySelector('.head .muted')?.textContent !== text, first);
    await page.context().close();
  });

  test('queues are named for those who run it, with the name of the API at hand', { skip: REAL !== undefined }, async () => {
    const page = await set.open('/#/pipeline');
    const queues = page.locator('section[aria-labelledby="queues"]');
    await queues.getByText('for the store, to be batched').waitFor();
    assert.equal(await queues.getByText('batcher-before-sampling').count(), 0);
    assert.equal(await queues.getByTitle(/queue "batcher-before-sampling"/).count(), 1);
    await page.getByRole('cell', { name: 'everything else' }).waitFor();
    await page.context().close();
  });

  test('what was refused is sent again or dropped, but only when asked twice', { skip: REAL !== undefined }, async () => {
    const page = await set.open('/#/pipeline');
    const rows = page.locator('section[aria-labelledby="disk"] tbody tr');
    await rows.first().waitFor();
    assert.equal(await rows.count(), 2);
    await page.getByText('away', { exact: true }).waitFor();
    await page.getByText(/^last error, \d/).waitFor();

    await rows.first().getByRole('button', { name: /^Send again/ }).click();
    await page.keyboard.press('Escape');
    assert.equal(await rows.count(), 2, 'nothing was sent');
    await rows.first().getByRole('button', { name: /^Send again/ }).press('Enter');
    const group = page.getByRole('group', { name: 'Send it again?' });
    await group.waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('status').getByText('wait for collector again').waitFor();
    await page.waitForFunction(() => document.querySelectorAll('section[aria-labelledby="disk"] tbody tr').length === 1);

    await rows.first().getByRole('button', { name: /^Drop/ }).click();
    await page.getByRole('group', { name: 'Drop it for good?' }).getByRole('button', { name: 'Drop' }).click();
    await page.getByText('Empty: no destination has refused anything for good.').waitFor();
    await page.context().close();
  });

  test('two sessions are compared step by step, and one leads to its span', async () => {
    const page = await set.open(`/#/compare?a=${done}&b=${failed}`);
    await page.getByRole('gridcell').first().waitFor();
    const all = await page.getByText(/^\d+ of \d+ steps/).innerText();
    await page.getByRole('checkbox', { name: 'Only differences' }).check();
    assert.match(await page.getByText(/^\d+ of \d+ steps/).innerText(), new RegExp(all.split(' of ')[1]!));
    await page.getByRole('button', { name: 'Swap' }).click();
    await page.waitForURL((url) => url.hash.includes(`b=${done}`));
    await page.getByRole('gridcell').first().waitFor();
    await page.getByRole('grid').getByRole('link').first().click();
    await page.getByRole('treeitem').first().waitFor();
    await page.context().close();
  });

  test('no page breaks a rule of accessibility, light or dark', async () => {
    const paths = [
      '/#/sessions', '/#/sessions?state=failed&min_cost=0', `/#/session/${done}`, `/#/session/${failed}?view=waterfall`, `/#/session/${done}?view=graph`,
      `/#/session/${done}?view=logs`, `/#/session/${done}?view=totals`, '/#/usage', '/#/pipeline', '/#/compare', `/#/compare?a=${done}&b=${failed}`,
    ];
    const axe = await readFile(AXE, 'utf8');
    const found: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const path of paths) {
        const page = await set.open(path, { colorScheme });
        await page.locator('main :is(.card, dl, table, .page)').first().waitFor();
        await page.waitForTimeout(700);
        if (path.includes('waterfall')) {
          await page.keyboard.press('f');
          await page.getByText(/^Attributes \(\d+\)/).waitFor();
        }
        await page.evaluate(axe);
        const violations = await page.evaluate(async () =>
          (await (window as unknown as { axe: { run: () => Promise<{ violations: Violation[] }> } }).axe.run()).violations);
        for (const { id, nodes } of violations) {
          found.push(`${colorScheme} ${path}: ${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 160)} (${failureSummary.replace(/\s+/g, ' ').slice(0, 200)})`).join(' | ')}`);
        }
        await page.context().close();
      }
    }
    assert.deepEqual(found, []);
  });
});
