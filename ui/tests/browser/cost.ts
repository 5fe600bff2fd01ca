// What a step of scrolling costs: time of the processor in the page's main thread, so that a busy machine
// changes nothing.

import type { Page } from 'playwright-core';

/** Runs `step` (in the page) `times` times, a frame apart, and returns the milliseconds of each. */
export async function costs(page: Page, times: number, step: (i: number) => string): Promise<number[]> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const spent = async (): Promise<number> => {
    const { metrics } = await session.send('Performance.getMetrics');
    return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0) * 1000;
  };
  const found: number[] = [];
  for (let i = 0; i < times; i++) {
    const before = await spent();
    await page.evaluate(`(async () => { ${step(i)}; await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); })()`);
    found.push((await spent()) - before);
  }
  await session.detach();
  return found;
}
