// The list of sessions in a browser.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import type { Page } from 'playwright-core';

import { session } from '../../dev/agents';
import { send } from '../../dev/otlp';
import { leastCosts } from './cost';
import { OTLP, REAL, SKIPPED, stage, type Stage } from './stage';

describe('sessions', { skip: SKIPPED }, () => {
  let set: Stage;
  before(async () => {
    set = await stage();
  });
  after(() => set.close());
  afterEach(() => assert.deepEqual(set.mistakes, [], 'no error, no breach of the policy, no request elsewhere'));

  test('the list shows sessions, and news change it without a reload', async () => {
    const page = await set.open();
    await page.getByRole('row').nth(1).waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    await page.evaluate(() => Object.assign(window, { kept: true }));
    const grid = page.getByRole('grid');
    const first = await grid.innerText();
    if (OTLP) await send(OTLP, session(Date.now() % 1_000_000, Date.now() * 1000 - 60e6));
    await page.waitForFunction((text) => document.querySelector<HTMLElement>('[role=grid]')?.innerText !== text, first);
    assert.equal(await page.evaluate(() => 'kept' in window), true);
    await page.context().close();
  });

  test('a filter narrows the list, is in the address, and survives a reload', async () => {
    const page = await set.open();
    await page.getByRole('button', { name: 'done', exact: true }).click();
    await page.waitForURL(/state=done/);
    await page.reload();
    await page.getByRole('row').nth(1).waitFor();
    await page.waitForTimeout(300);
    const states = await page.getByRole('grid').locator('.state').allInnerTexts();
    assert.ok(states.length > 0 && states.every((state) => state.trim() === 'done'), states.join());
    await page.getByRole('button', { name: /^Remove the filter state/ }).click();
    await page.waitForFunction(() => !location.hash.includes('state'));
    await page.goBack();
    await page.waitForURL(/state=done/);
    await page.context().close();
  });

  test('fields suggest the values that exist, and what is chosen filters', async () => {
    const page = await set.open();
    await page.getByRole('row').nth(1).waitFor();
    const agent = page.getByRole('combobox', { name: 'Agent' });
    await agent.focus();
    const list = page.locator(`datalist#${await agent.getAttribute('list')} option`);
    await list.first().waitFor({ state: 'attached' });
    const name = (await list.first().getAttribute('value')) ?? '';
    assert.notEqual(name, '');
    await agent.fill(name);
    await agent.press('Enter');
    await page.getByRole('button', { name: `Remove the filter agent ${name}` }).waitFor();
    await page.context().close();
  });

  test('text search, attributes and order reach the server', async () => {
    const page = await set.open();
    await page.keyboard.press('/');
    await page.keyboard.type('zzz-nowhere');
    await page.keyboard.press('Enter');
    await page.getByText('No session matches').waitFor();
    await page.getByRole('button', { name: 'Remove all filters' }).click();
    await page.getByRole('row').nth(1).waitFor();
    await page.getByRole('button', { name: 'Cost', exact: true }).click();
    await page.waitForURL(/sort=-cost/);
    assert.equal(await page.getByRole('columnheader', { name: /Cost/ }).getAttribute('aria-sort'), 'descending');
    await page.getByRole('button', { name: 'More filters' }).click();
    await page.getByRole('combobox', { name: 'Attribute' }).fill('session.id');
    await page.getByRole('combobox', { name: 'Attribute' }).press('Tab');
    await page.getByRole('combobox', { name: 'Value' }).fill('nobody');
    await page.getByRole('combobox', { name: 'Value' }).press('Enter');
    await page.waitForURL(/attr=session.id%3Dnobody/);
    await page.context().close();
  });

  test('dragging over the strip marks a time', async () => {
    const page = await set.open();
    const strip = page.getByRole('img', { name: /^Activity/ });
    await page.getByRole('row').nth(1).waitFor();
    const box = (await strip.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.5, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 2, box.y + 20, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL(/from_us=\d+&to_us=\d+/);
    await page.context().close();
  });

  test('with the keyboard alone a session is found, opened and left again', async () => {
    const page = await set.open();
    await page.getByRole('row').nth(1).waitFor();
    await page.locator('#sessions').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    assert.equal(await page.locator('#sessions').getAttribute('aria-activedescendant'), 'sessions-0');
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Story' }).waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('p');
    await page.getByRole('heading', { name: 'Pipeline' }).waitFor();
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.keyboard.press('g');
    await page.keyboard.press('s');
    await page.getByRole('grid', { name: 'Sessions' }).waitFor();
    await page.context().close();
  });

  test('dark follows the system until the reader chooses, and the choice stays', async () => {
    const page = await set.open('/', { colorScheme: 'dark' });
    const shown = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.getByRole('row').nth(1).waitFor();
    const dark = await shown();
    await page.keyboard.press('t');
    const light = await shown();
    assert.notEqual(light, dark);
    await page.reload();
    await page.getByRole('row').nth(1).waitFor();
    assert.equal(await shown(), light);
    await page.context().close();
  });

  test('a server that refuses is named, and asked again', async () => {
    const page = await set.open('/#/pipeline');
    await page.getByRole('heading', { name: 'Pipeline' }).waitFor();
    let refuses = true;
    await page.route('**/api/v1/sessions?*', (route) => refuses
      ? route.fulfill({ status: 503, contentType: 'application/json', body: '{"error":{"code":"busy","message":"the store is busy"}}' })
      : route.continue());
    await page.keyboard.press('g');
    await page.keyboard.press('s');
    await page.getByRole('alert').getByText('the store is busy').waitFor();
    refuses = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('row').nth(1).waitFor();
    // The browser itself logs the refusal, which is meant.
    set.mistakes.splice(0, set.mistakes.length, ...set.mistakes.filter((text) => !text.includes('503')));
    await page.context().close();
  });
});

describe('very many sessions', { skip: SKIPPED || (REAL ? 'SKIPPED: counts on the invented sessions' : false) }, () => {
  test('100,000 sessions scroll to the end, and no frame costs more than 50 ms', async (context) => {
    const set = await stage(100_000);
    context.after(() => set.close());
    const open = async (): Promise<Page> => {
      const page = await set.open();
      await page.getByText(/^100,\d{3} sessions$/).waitFor({ timeout: 60_000 });
      await page.getByRole('row').nth(20).waitFor();
      return page;
    };
    const spent = await leastCosts(5, open, 60, (i) => `document.getElementById('sessions').scrollTop = ${i * 700}`);
    context.diagnostic(`the dearest of ${spent.length} frames: ${Math.max(...spent).toFixed(1)} ms`);
    assert.ok(Math.max(...spent) <= 50, `milliseconds of the processor: ${spent.map((ms) => ms.toFixed(0)).join(' ')}`);
    const page = await open();
    await page.locator('#sessions').evaluate((list) => { list.scrollTop = 20_000; });
    await page.getByRole('row').and(page.locator('[aria-rowindex="602"]')).getByRole('link').waitFor();
    assert.ok((await page.getByRole('row').count()) < 80, 'only rows in sight exist');
    // Their elements are used in turns: the order that assistive programs are told is that of the rows.
    const order = await page.locator('#sessions [aria-owns]').evaluate((rows) => rows.getAttribute('aria-owns')!.split(' ')
      .map((id) => Number(document.getElementById(id)?.getAttribute('aria-rowindex'))));
    assert.ok(order.length > 20 && order.every((row, i) => row === order[0]! + i), order.join(' '));
    await page.locator('#sessions').focus();
    await page.keyboard.press('End');
    await page.waitForFunction(() => {
      const count = document.getElementById('sessions')?.getAttribute('aria-rowcount');
      const last = document.querySelector(`[role=row][aria-rowindex="${count}"]`);
      return last !== null && last.querySelector('a') !== null;
    }, undefined, { timeout: 120_000 });
    assert.deepEqual(set.mistakes, []);
  });

  test('a newcomer is told what to paste', async (context) => {
    const set = await stage(0, true);
    context.after(() => set.close());
    const page = await set.open();
    await page.getByRole('heading', { name: 'Waiting for the first session' }).waitFor();
    await page.getByText('export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318').waitFor();
    for (const path of ['usage', 'pipeline', 'compare']) {
      await page.goto(`${set.url}/#/${path}`);
      await page.locator('h1:visible').first().waitFor();
    }
    assert.deepEqual(set.mistakes, []);
  });
});
