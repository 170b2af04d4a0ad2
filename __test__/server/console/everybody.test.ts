/** The page for people with any eyes, any device and no mouse; and the pictures of it. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { barriers } from '../../support/browser.js';
import { CAPACITY, ends, go, liveConsole, PARTS, prints, run } from '../../support/console.js';
import { KEY } from '../../support/live-server.js';
import { until } from '../../support/until.js';

/** Where pictures for the documentation go, where somebody asks for them. */
const PICTURES = process.env.ISOL8_PICTURES;

const live = liveConsole();
const { ask, asking, keyOf, signedIn, stranger } = live;

test.each(['light', 'dark'] as const)('nothing keeps people from using the page, in %s', async (colorScheme) => {
  // Something to see in each part.
  await ask('execute', {
    request: { runtime: 'bash', cmd: asking('/', 'denied.example') },
    options: { network: 'filtered' },
    sessionId: colorScheme,
  });
  await keyOf('somebody');
  const page = await stranger({ colorScheme });
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(await barriers(page), 'sign-in').toEqual([]);
  await page.getByLabel('API key').fill(KEY);
  await page.keyboard.press('Enter');
  await run(page, 'bash', 'echo out; echo err >&2; exit 1');
  await ends(page, 'exit code 1');
  await page.getByText('Options').click();
  for (const part of PARTS) {
    await page.goto(`${live.url}#${part}`);
    await page.locator(`#${part}`).waitFor();
    const rows = page.locator(`#${part} tbody td:nth-child(2)`);
    if (['sessions', 'network', 'keys'].includes(part)) await rows.first().waitFor();
    expect(await barriers(page), part).toEqual([]);
  }
});

test('a check that finds nothing could find something', async () => {
  const page = await stranger();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.evaluate('document.querySelector("label[for=key]").remove()');
  expect(await barriers(page)).toContain('label: #key');
});

test('everything can be done from the keyboard', async () => {
  const page = await stranger();
  const focused = () => page.evaluate('document.activeElement.id || document.activeElement.textContent');
  const tabTo = async (wanted: string) => {
    const passed: unknown[] = [];
    while (passed.at(-1) !== wanted && passed.length < 40) {
      await page.keyboard.press('Tab');
      passed.push(await focused());
    }
    expect(passed.at(-1), passed.join(', ')).toBe(wanted);
  };
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await until('the focus on the key', 10_000, async () => (await focused()) === 'key');
  await page.keyboard.type(KEY);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Run' }).waitFor();
  await until('the focus on the content', 10_000, async () => (await focused()) === 'main');
  await tabTo('code');
  await page.keyboard.press('Control+a');
  await page.keyboard.type('print(6 * 7)\ninput()');
  await page.keyboard.press('Control+Enter');
  await prints(page, '42');
  await tabTo('stop');
  await page.keyboard.press('Enter');
  await ends(page, 'stopped');
  expect(await focused()).toBe('start');
  await page.keyboard.press('Tab');
  await tabTo('skip');
  await tabTo('Network');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Network' }).waitFor();
  expect(await page.title()).toBe('Network – isol8 console');
});

test('nothing is wider than a phone', async () => {
  const page = await signedIn({ viewport: { width: 360, height: 740 } });
  await page.getByText('Options').click();
  await run(page, 'bash', `printf '%s' ${'wide'.repeat(100)}`);
  await ends(page, 'exit code 0');
  for (const part of PARTS) {
    await page.goto(`${live.url}#${part}`);
    await page.locator(`#${part}`).waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth'), part).toBeLessThanOrEqual(360);
  }
});

test('the whole page weighs less than 100 KB', async () => {
  const page = await live.blank();
  const bodies: Promise<Buffer>[] = [];
  page.on('response', (response) => bodies.push(response.body()));
  await page.goto(live.url, { waitUntil: 'networkidle' });
  const weights = (await Promise.all(bodies)).map((body) => gzipSync(body).length);
  const weight = weights.reduce((sum, each) => sum + each, 0);
  expect(weights.length).toBeGreaterThan(10);
  expect(weight).toBeGreaterThan(5_000);
  expect(weight).toBeLessThan(100_000);
});

if (PICTURES) {
  describe('pictures', () => {
    const picture = async (page: Page, name: string) => {
      mkdirSync(resolve(PICTURES), { recursive: true });
      await page.screenshot({ path: join(resolve(PICTURES), `console-${name}.png`) });
    };
    const program = `import time

for step in ["read", "check", "train"]:
    print(step, "...")
    time.sleep(0.4)
name = input("Save as? ")
print("saved", name)
`;
    const sizes = { desktop: { width: 1100, height: 700 }, phone: { width: 390, height: 780 } };

    test.each(['light', 'dark'] as const)('in %s', { timeout: 120_000 }, async (colorScheme) => {
      for (const [size, viewport] of Object.entries(sizes)) {
        const page = await signedIn({ colorScheme, viewport });
        await page.getByLabel('Session (optional)').fill('training');
        await run(page, 'python', program);
        await prints(page, 'Save as?');
        await page.getByLabel('Standard input').fill('model-7');
        await page.keyboard.press('Enter');
        await ends(page, 'exit code 0');
        await page.locator('#main').focus();
        await page.evaluate('scrollTo(0, 0)');
        await picture(page, `${size}-${colorScheme}`);
      }
    });

    test('of the network', async () => {
      const options = { network: 'filtered' };
      for (const [tenant, path, host] of [
        ['grader', '/datasets/cities.csv', 'files.example'],
        ['notebooks', '/api/v1/items?page=2', 'telemetry.example'],
      ] as const)
        await ask('execute', { request: { runtime: 'bash', cmd: asking(path, host) }, options }, await keyOf(tenant));
      const page = await signedIn({ viewport: { width: 1100, height: 420 } });
      await go(page, 'Network');
      await page.locator('#network-rows').getByText('telemetry.example').waitFor();
      await picture(page, 'network');
    });

    test('of the load', { timeout: 300_000 }, async () => {
      const execute = (cmd: string) => ask('execute', { request: { runtime: 'bash', cmd } });
      // Whoever comes first waits for sandboxes, which is another story.
      await Promise.all(Array.from({ length: CAPACITY }, () => execute('sleep 1')));
      const page = await signedIn({ viewport: { width: 1100, height: 680 } });
      await go(page, 'Load');
      const end = performance.now() + 200_000;
      const client = async () => {
        while (performance.now() < end) {
          await execute('sleep $((RANDOM % 2)).$((RANDOM % 9 + 1))');
          await pause(Math.random() * 2000);
        }
      };
      await Promise.all(Array.from({ length: 6 }, client));
      await picture(page, 'load');
    });
  });
}
