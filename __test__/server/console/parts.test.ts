/** Sessions and their files, network decisions, keys and load. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { buckets, ended, quantile } from '../../../src/server/console/assets/latency.js';
import { ALLOWED, CAPACITY, ends, go, liveConsole, prints, run } from '../../support/console.js';
import { KEY } from '../../support/live-server.js';

const live = liveConsole();
const { ask, asking, keyOf, signedIn } = live;

describe('sessions', () => {
  test('files go into a session and come back as they were', async () => {
    const page = await signedIn();
    await page.getByLabel('Session (optional)').fill('files');
    await run(page, 'bash', 'echo begun');
    await ends(page, 'exit code 0');
    await go(page, 'Sessions');
    await page.getByRole('cell', { name: 'files', exact: true }).waitFor();

    const buffer = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await page.locator('#file-session').selectOption('files');
    await page.getByLabel('Path in the sandbox').fill('/sandbox/all.bin');
    await page
      .getByLabel('File to send')
      .setInputFiles({ name: 'all.bin', mimeType: 'application/octet-stream', buffer });
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.locator('#file-status').filter({ hasText: 'Sent 256 bytes' }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Fetch' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('all.bin');
    expect(readFileSync(await download.path())).toEqual(buffer);

    await page.getByRole('button', { name: 'End the session files' }).click();
    await page.getByRole('cell', { name: 'files', exact: true }).waitFor({ state: 'detached' });
    expect((await ask('sessions')).sessions.map(({ id }: any) => id)).not.toContain('files');
  });

  test('the operator reaches those of tenants, and a tenant only its own', async () => {
    const key = await keyOf('owner');
    // A tenant chooses the name, and the operator's page shows it.
    const sessionId = '<img src=x onerror="document.title=1">';
    await ask('execute', { request: { runtime: 'bash', cmd: 'echo theirs > a.txt' }, sessionId }, key);
    const page = await signedIn();
    await go(page, 'Sessions');
    await page.locator('#file-session').selectOption(`${sessionId} (owner)`);
    await page.getByLabel('Path in the sandbox').fill('a.txt');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Fetch' }).click(),
    ]);
    expect(readFileSync(await download.path(), 'utf8')).toBe('theirs\n');

    const another = await signedIn({}, await keyOf('another'));
    await go(another, 'Sessions');
    await another.getByText('No sessions.').waitFor();
    await page.getByRole('button', { name: `End the session ${sessionId} (owner)` }).click();
    await page
      .locator('#file-status')
      .filter({ hasText: `Ended ${sessionId} (owner).` })
      .waitFor();
    expect(await page.locator('#sessions img').count()).toBe(0);
  });
});

describe('network decisions', () => {
  test('they appear while the program still runs', async () => {
    const page = await signedIn();
    await page.getByText('Options').click();
    await page.locator('#mode').selectOption('filtered');
    await run(page, 'bash', `${asking('/seen-path', 'denied.example')}; read`);
    await prints(page, ALLOWED);
    await go(page, 'Network');
    await page.getByRole('row', { name: /allowed GET 127\.0\.0\.1\/seen-path – \d+ ms/ }).waitFor();
    await page.getByRole('row', { name: /blocked GET denied\.example\/ – blacklist/ }).waitFor();
    await go(page, 'Run');
    await page.getByRole('button', { name: 'End input' }).click();
    await prints(page, 'Requests to the network: 2');

    await page.getByLabel('Allowed hosts').fill('^only\\.test$\n^these\\.test$');
    await page.getByLabel('Ports').fill('80, 8080');
    await run(page, 'bash', 'curl -s http://other.test/; curl -s http://only.test:99/');
    await ends(page, 'exit code');
    await go(page, 'Network');
    await page.getByRole('row', { name: /blocked GET other\.test\/ – not-whitelisted/ }).waitFor();
    await page.getByRole('row', { name: /blocked GET only\.test\/ – port;/ }).waitFor();
  });

  test('a tenant sees its own, and the operator all of them and whose they are', async () => {
    const [one, two] = [await keyOf('one'), await keyOf('two')];
    const options = { network: 'filtered' };
    for (const [key, path, host] of [
      [one, '/of-one', 'one.example'],
      [two, '/of-two', 'two.example'],
    ] as const)
      await ask('execute', { request: { runtime: 'bash', cmd: asking(path, host) }, options }, key);
    const rows = (page: Page) => page.locator('#network-rows');

    const tenant = await signedIn({}, one);
    await go(tenant, 'Network');
    await rows(tenant).getByText('one.example').waitFor();
    await rows(tenant).getByText('/of-one').waitFor();
    expect(await rows(tenant).textContent()).not.toMatch(/two\.|of-two|seen-path/);

    const operator = await signedIn();
    await go(operator, 'Network');
    await operator.getByRole('row', { name: /blocked GET one\.example\/ one / }).waitFor();
    await operator.getByRole('row', { name: /allowed GET 127\.0\.0\.1\/of-two two / }).waitFor();
  });
});

test('a key is made, works, is listed without itself, and is revoked', async () => {
  const page = await signedIn();
  await go(page, 'Keys');
  await page.getByLabel('Name', { exact: true }).fill('for an <i>agent</i>');
  await page.getByLabel('Tenant', { exact: true }).fill('team');
  await page.getByRole('button', { name: 'Make a key' }).click();
  const key = (await page.locator('#new-key code').textContent()) ?? '';
  expect(key).toMatch(/^isol8_[0-9a-f]{64}$/);
  const row = page.getByRole('row', { name: /for an <i>agent<\/i>/ });
  await row.waitFor();
  expect(await row.textContent()).not.toContain(key);
  const status = async () =>
    (await fetch(`${live.url}sessions`, { headers: { authorization: `Bearer ${key}` } })).status;
  expect(await status()).toBe(200);
  await page.getByRole('button', { name: 'Revoke the key for an' }).click();
  await row.getByText('revoked').waitFor();
  expect(await status()).toBe(403);
});

describe('load', () => {
  test('who runs and who waits is shown, and how long executions take', async () => {
    const page = await signedIn();
    await go(page, 'Load');
    await page.locator('#latency-status').filter({ hasText: 'There were none.' }).waitFor();
    const leaving = new AbortController();
    const program = { request: { runtime: 'bash', cmd: 'sleep 1000' } };
    const running = Array.from({ length: CAPACITY + 1 }, () => ask('execute', program, KEY, leaving.signal));
    await page
      .locator('#load-status')
      .filter({ hasText: `${CAPACITY} of ${CAPACITY} running, 1 waiting` })
      .waitFor();
    leaving.abort();
    await Promise.allSettled(running);
    await ask('execute', { request: { runtime: 'bash', cmd: 'true' } });
    await page.locator('#latency-status').filter({ hasText: 'ended: half within' }).waitFor();
    for (const chart of ['saturation', 'latency'])
      expect(await page.locator(`#${chart}-chart .line-a`).getAttribute('d'), chart).toMatch(/^M[\d.]+ [\d.]+/);
  });

  test('percentiles come from the executions between two looks', () => {
    const look = (fast: number, slow: number, endless: number) =>
      buckets(
        [
          '# TYPE isol8_phase_seconds histogram',
          'isol8_phase_seconds_bucket{le="+Inf",phase="queue"} 99',
          `isol8_phase_seconds_bucket{le="+Inf",phase="total"} ${fast + slow + endless}`,
          `isol8_phase_seconds_bucket{le="0.1",phase="total"} ${fast}`,
          `isol8_phase_seconds_bucket{phase="total",le="1.0"} ${fast + slow}`,
          '# EOF',
        ].join('\n'),
      );
    expect(ended(look(1, 1, 1), look(11, 11, 1))).toBe(20);
    expect(quantile(look(5, 0, 0), look(15, 0, 0), 0.5)).toBeCloseTo(0.05);
    expect(quantile(look(0, 5, 0), look(10, 15, 0), 0.75)).toBeCloseTo(0.55);
    expect(quantile(look(0, 0, 0), look(0, 0, 4), 0.5)).toBe(1);
    // Nothing happened, or the server was started anew.
    expect(quantile(look(3, 3, 3), look(3, 3, 3), 0.5)).toBeUndefined();
    expect(quantile(look(3, 3, 3), look(1, 0, 0), 0.5)).toBeUndefined();
  });
});
