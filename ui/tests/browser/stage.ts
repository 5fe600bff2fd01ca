// A browser and a server for the tests of the page.
//
// The server is the fixture with invented data, or the one that SPANREEL_UI_URL names. Where there is no
// Chromium, each test says by name that it was skipped.

import { existsSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

import { serve } from '../../dev/server';

const CHROMIUM = [process.env['SPANREEL_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  .find((path) => path && existsSync(path));

/** Why tests in a browser are skipped, or false. */
export const SKIPPED = CHROMIUM ? false : 'SKIPPED: no Chromium (apt-get install chromium, or set SPANREEL_CHROMIUM)';
export const REAL = process.env['SPANREEL_UI_URL'];
/** Where the real server receives OTLP: with it, the hostile session is sent to it, too. */
export const OTLP = process.env['SPANREEL_UI_OTLP'];

export interface Stage {
  url: string;
  browser: Browser;
  /** A page whose mistakes are noted: errors of scripts and breaches of the content policy. */
  open(path?: string, options?: BrowserContextOptions): Promise<Page>;
  mistakes: string[];
  close(): Promise<void>;
}

/** `at` is a server that runs; without it, see above. */
export async function stage(sessions = 250, empty = false, at?: string): Promise<Stage> {
  let server: Server | undefined;
  let url = at ?? REAL?.replace(/\/$/, '') ?? '';
  if (!at && (!url || empty || sessions > 250)) {
    server = await serve(0, { sessions, empty });
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const browser = await chromium.launch({ executablePath: CHROMIUM!, args: ['--no-sandbox'] });
  const mistakes: string[] = [];
  return {
    url,
    browser,
    mistakes,
    async open(path = '/', options = {}) {
      const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
      const page = await context.newPage();
      page.setDefaultTimeout(30_000);
      page.on('pageerror', (error) => mistakes.push(String(error)));
      page.on('console', (message) => {
        if (message.type() === 'error') mistakes.push(message.text());
      });
      page.on('request', (request) => {
        const to = request.url();
        if (!to.startsWith(url) && !to.startsWith('blob:') && !to.startsWith('file:')) mistakes.push(`a request to ${to}`);
      });
      await page.goto(path.startsWith('file:') ? path : url + path);
      return page;
    },
    async close() {
      await browser.close();
      server?.closeAllConnections();
      server?.close();
    },
  };
}

/** The id of the newest session for which `query` holds. */
export async function sessionId(url: string, query: string): Promise<string> {
  const response = await fetch(`${url}/api/v1/sessions?limit=1&${query}`);
  const { items } = (await response.json()) as { items: { id: string }[] };
  const id = items[0]?.id;
  if (!id) throw new Error(`no session with ${query}`);
  return id;
}
