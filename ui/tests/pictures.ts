// Pictures of every page, light and dark: `npm run pictures -- [FOLDER]`, to look at, or for the documentation.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { sessionId, stage } from './browser/stage';

const folder = process.argv[2] ?? join(import.meta.dirname, 'shots');
const only = process.argv[3];
const size = { width: 1280, height: 800 };

await mkdir(folder, { recursive: true });
const set = await stage();
const failed = await sessionId(set.url, 'state=failed&sort=-cost');
const done = await sessionId(set.url, 'state=done&sort=-tokens');
const running = await sessionId(set.url, 'state=running&sort=start').catch(() => undefined);
const id = encodeURIComponent(done);
const pages: [string, string, ((page: import('playwright-core').Page) => Promise<void>)?][] = [
  ['sessions', '/#/sessions'],
  ['sessions-filtered', '/#/sessions?state=failed&agent=support'],
  ['story', `/#/session/${id}`],
  ['waterfall', `/#/session/${id}?view=waterfall`],
  ['lanes', `/#/session/${id}?view=waterfall`, async (page) => page.getByRole('button', { name: 'Lanes' }).click()],
  ['graph', `/#/session/${id}?view=graph`],
  ['totals', `/#/session/${id}?view=totals`],
  ['logs', `/#/session/${id}?view=logs`],
  ['failure', `/#/session/${encodeURIComponent(failed)}?view=waterfall`, async (page) => page.getByRole('button', { name: 'Why did it fail?' }).click()],
  ...(running ? [['running', `/#/session/${encodeURIComponent(running)}?view=waterfall`] as [string, string]] : []),
  ['costs', '/#/usage'],
  ['pipeline', '/#/pipeline'],
  ['compare', `/#/compare?a=${id}&b=${encodeURIComponent(failed)}`],
];
for (const theme of ['light', 'dark'] as const) {
  for (const [name, path, act] of pages) {
    if (only && !name.startsWith(only)) continue;
    const page = await set.open(path, { viewport: size, colorScheme: theme });
    await page.waitForTimeout(700);
    await act?.(page);
    await page.waitForTimeout(500);
    await page.screenshot({ path: join(folder, `${name}-${theme}.png`) });
    await page.context().close();
  }
}
await set.close();
for (const mistake of new Set(set.mistakes)) console.error(mistake);
