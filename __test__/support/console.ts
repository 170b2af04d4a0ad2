/** A server with its console, and people in front of it, for the tests of a file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Isol8Server } from 'isol8';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { browser } from './browser.js';
import { KEY } from './live-server.js';
import { usual, web } from './servers.js';

/** The parts of the console, as addresses have them. */
export const PARTS = ['run', 'sessions', 'network', 'keys', 'load'];

/** How many executions the server runs at a time. */
export const CAPACITY = 3;

/** What {@link LiveConsole.asking} gets from where it may go. */
export const ALLOWED = 'a token from the network';

export interface LiveConsole {
  /** Where it is. */
  readonly url: string;
  /** What pages have complained of. What is left when a test ends has it fail. */
  readonly complaints: string[];
  /** A page with nothing on it. */
  blank(settings?: BrowserContextOptions): Promise<Page>;
  /** The console before anybody has signed in. */
  stranger(settings?: BrowserContextOptions, at?: string): Promise<Page>;
  /** The console of somebody who has signed in. */
  signedIn(settings?: BrowserContextOptions, key?: string, at?: string): Promise<Page>;
  /** Asks the server, as any client. */
  ask(path: string, body?: unknown, key?: string, signal?: AbortSignal): Promise<any>;
  /** Another key of this tenant. */
  keyOf(tenantId: string): Promise<string>;
  /** A command line that asks for both: a path of a server that may be reached, and a host below `example` that may not. */
  asking(path: string, blocked: string): string;
}

/** Starts both for the tests of this file. */
export function liveConsole(): LiveConsole {
  const open = browser();
  const home = mkdtempSync(join(tmpdir(), 'isol8-console-'));
  const complaints: string[] = [];
  let [server, port]: [Isol8Server | undefined, number] = [undefined, 0];

  beforeAll(async () => {
    ({ port } = await web(usual(ALLOWED)));
    const network = { whitelist: [], blacklist: ['\\.example$'], allowPrivate: ['127.0.0.0/8'], ports: [80, port] };
    const config = { network, maxConcurrent: CAPACITY };
    const authDbPath = join(home, 'auth.db');
    server = await createServer({ port: 0, host: '127.0.0.1', apiKey: KEY, authDbPath, config });
  });
  afterAll(async () => {
    await server?.shutdown();
    rmSync(home, { recursive: true });
  });
  afterEach(() => {
    expect(complaints.splice(0)).toEqual([]);
  });

  const self: LiveConsole = {
    get url() {
      return `http://127.0.0.1:${server?.port}/`;
    },
    complaints,
    blank: open,
    async stranger(settings, at = self.url) {
      const page = await open(settings);
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        if (/security policy|trusted/i.test(message.text())) complaints.push(message.text());
      });
      page.on('dialog', (dialog) => void dialog.accept());
      await page.goto(at);
      return page;
    },
    async signedIn(settings, key = KEY, at) {
      const page = await self.stranger(settings, at);
      await page.getByLabel('API key').fill(key);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'Run' }).waitFor();
      return page;
    },
    async ask(path, body, key = KEY, signal) {
      const response = await fetch(new URL(path, self.url), {
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        ...(signal && { signal }),
        ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      });
      return response.json();
    },
    keyOf: async (tenantId) => (await self.ask('auth/keys', { name: `of ${tenantId}`, tenantId })).key,
    asking: (path, blocked) => `curl -s http://127.0.0.1:${port}${path}; curl -s http://${blocked}/`,
  };
  return self;
}

/** Goes to the part of that name. */
export async function go(page: Page, part: string): Promise<void> {
  await page.getByRole('link', { name: part, exact: true }).click();
  await page.getByRole('heading', { name: part, exact: true }).waitFor();
}

/** Has this run. */
export async function run(page: Page, runtime: string, code: string): Promise<void> {
  await page.getByLabel('Runtime').selectOption(runtime);
  await page.getByLabel('Code', { exact: true }).fill(code);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
}

export const output = (page: Page) => page.locator('#output');

/** Resolves when this is in the output. */
export const prints = (page: Page, text: string) => output(page).filter({ hasText: text }).waitFor();

/** Resolves when the page says that the program has ended in this way. */
export const ends = (page: Page, how: string) => page.locator('#status').filter({ hasText: how }).waitFor();
