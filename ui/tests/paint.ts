// How soon the page of a server is painted, and has its list: `npm run paint -- http://127.0.0.1:4320 [TIMES]`.

import { chromium } from 'playwright-core';

const [url = 'http://127.0.0.1:4320', times = '10'] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env['SPANREEL_CHROMIUM'] ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const painted: number[] = [];
const listed: number[] = [];
for (let i = 0; i < Number(times); i++) {
  // A context of its own: nothing is cached.
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const begun = performance.now();
  await page.goto(url);
  await page.getByRole('grid').getByRole('link').first().waitFor();
  listed.push(performance.now() - begun);
  painted.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN));
  await context.close();
}
await browser.close();

function line(name: string, found: number[]): string {
  found.sort((a, b) => a - b);
  return `${name}: p50 ${found[Math.floor(found.length / 2)]!.toFixed(0)} ms, most ${found.at(-1)!.toFixed(0)} ms`;
}
console.log(line('first paint', painted));
console.log(line('the list', listed));
