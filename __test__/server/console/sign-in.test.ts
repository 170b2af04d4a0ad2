/** Who gets in, with which key, and what is left of it. */
import { expect, test } from 'vitest';
import { ends, go, liveConsole, prints, run } from '../../support/console.js';
import { KEY } from '../../support/live-server.js';

const live = liveConsole();
const { ask, keyOf, signedIn, stranger } = live;

test('a wrong key is refused in the server’s words, and asked for again', async () => {
  const page = await stranger();
  await page.getByLabel('API key').fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ hasText: 'Invalid API key' }).waitFor();
  expect(await page.locator('#run').isVisible()).toBe(false);
  expect(await page.getByLabel('API key').inputValue()).toBe('');
  await page.getByLabel('API key').fill('schlüssel');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ hasText: 'characters in it that no key has' }).waitFor();
});

test('the key outlives a reload, is in no address and no lasting store, and is forgotten by signing out', async () => {
  const page = await stranger();
  const addresses: string[] = [];
  page.on('request', (request) => addresses.push(request.url()));
  page.on('websocket', (socket) => addresses.push(socket.url()));
  page.on('framenavigated', (frame) => addresses.push(frame.url()));
  await page.getByLabel('API key').fill(KEY);
  await page.keyboard.press('Enter');
  await run(page, 'bash', 'echo done');
  await ends(page, 'exit code 0');
  for (const part of ['Sessions', 'Network', 'Keys', 'Load', 'Run']) await go(page, part);
  await page.reload();
  await page.getByRole('heading', { name: 'Run' }).waitFor();
  expect(addresses.some((address) => address.endsWith('/execute/ws'))).toBe(true);
  expect(addresses.filter((address) => address.includes(KEY))).toEqual([]);
  expect(await page.evaluate('localStorage.length + document.cookie.length')).toBe(0);

  await run(page, 'bash', 'echo seen by me');
  await prints(page, 'seen by me');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(await page.evaluate('sessionStorage.length')).toBe(0);
  expect(await page.content()).not.toContain('seen by me');
  await page.reload();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(await page.locator('#run').isVisible()).toBe(false);
});

test('whoever’s key is revoked is signed out and told why', async () => {
  const { id, key } = await ask('auth/keys', { name: 'short-lived', tenantId: 'somebody' });
  const page = await signedIn({}, key);
  await go(page, 'Sessions');
  await fetch(new URL(`auth/keys/${id}`, live.url), {
    method: 'DELETE',
    headers: { authorization: `Bearer ${KEY}` },
  });
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.getByRole('alert').filter({ hasText: 'Invalid API key' }).waitFor();
});

test('a tenant is offered nothing that is the operator’s', async () => {
  const page = await signedIn({}, await keyOf('tenant'));
  expect(await page.getByRole('link', { name: 'Keys' }).isVisible()).toBe(false);
  await page.goto(`${live.url}#keys`);
  expect(await page.locator('#keys').isVisible()).toBe(false);
  await go(page, 'Load');
  await page.locator('#load-status').filter({ hasText: 'running' }).waitFor();
  expect(await page.locator('#latency-figure').isVisible()).toBe(false);
});
