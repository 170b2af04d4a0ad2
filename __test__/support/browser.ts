/** A real browser, without a window. */
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { browserPath } from '../../scripts/lib/browser.mjs';

/** It asks for nothing on its own account, and runs as root, as tests in containers do. */
const ARGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

/** Longer than a busy machine takes. */
const PATIENCE_MS = 20_000;

/** A browser for the tests of a file. Returns what opens a page of its own for one test. */
export function browser(): (options?: BrowserContextOptions) => Promise<Page> {
  let launched: Browser;
  beforeAll(async () => {
    launched = await chromium.launch({ executablePath: browserPath(), args: ARGS });
  });
  afterAll(() => launched?.close());
  return async (options) => {
    const context = await launched.newContext({ locale: 'en-GB', ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    onTestFinished(() => context.close());
    return context.newPage();
  };
}

/** What an automated check finds that keeps people from using the page: rule and element, one line each. */
export async function barriers(page: Page): Promise<string[]> {
  // The page's own policy lets no such script in: this one comes from the tool.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => (globalThis as any).axe.run());
  return violations
    .filter(({ impact }: any) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }: any) => nodes.map(({ target }: any) => `${id}: ${target}`));
}
