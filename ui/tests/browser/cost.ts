// What a step of scrolling costs: time of the processor in the page's main thread, so that other programs
// change little.

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

/**
 * The same steps on `rounds` pages that are alike: of each step, the least it took. What a page does at a step it does
 * on each of them; what a virtual machine is kept waiting for, which counts as time of the processor, comes and goes.
 */
export async function leastCosts(rounds: number, open: () => Promise<Page>, times: number, step: (i: number) => string): Promise<number[]> {
  let least: number[] | undefined;
  for (let round = 0; round < rounds; round++) {
    const page = await open();
    const found = await costs(page, times, step);
    least = least?.map((ms, i) => Math.min(ms, found[i]!)) ?? found;
    await page.context().close();
  }
  return least ?? [];
}
