/** Code that is run on the page. */
import { expect, test } from 'vitest';
import { ends, liveConsole, output, prints, run } from '../../support/console.js';

const live = liveConsole();
const { signedIn } = live;

test('each runtime says hello with the code that the page begins with', async () => {
  const page = await signedIn();
  for (const [runtime, greeting] of Object.entries({ python: 'Python', node: 'Node.js', bun: 'Bun', deno: 'Deno' })) {
    await page.getByLabel('Runtime').selectOption(runtime);
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await prints(page, `Hello from ${greeting} `);
    await ends(page, 'exit code 0');
  }
  await page.getByLabel('Runtime').selectOption('agent');
  await page.getByText('The agent needs the host of its model provider').waitFor();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await prints(page, 'Agent runtime requires network access');
  await ends(page, 'not run');
});

test('output appears while the program runs, and then its exit code', async () => {
  const page = await signedIn();
  await run(page, 'python', 'import time\nprint("first")\ninput()\nprint("second")\nexit(3)');
  await prints(page, 'first');
  expect(await output(page).textContent()).not.toContain('second');
  await page.getByRole('button', { name: 'Send line' }).click();
  await ends(page, 'exit code 3');
  expect(await output(page).textContent()).toContain('second');
});

test('a program reads what is typed, line by line', async () => {
  const page = await signedIn();
  await run(page, 'bash', 'while read line; do echo "got <$line>"; done; echo over');
  await page.getByLabel('Standard input').fill('one');
  await page.getByLabel('Standard input').press('Enter');
  await prints(page, 'got <one>');
  await page.getByRole('button', { name: 'End input' }).click();
  await ends(page, 'exit code 0');
  expect(await output(page).textContent()).toContain('over');
});

test('a program can be interrupted, and stopped with all that it started', async () => {
  const page = await signedIn();
  await page.getByLabel('Session (optional)').fill('stopping');
  await run(page, 'bash', 'trap "echo interrupted; exit 9" INT; echo ready; while :; do sleep 0.1; done');
  await prints(page, 'ready');
  await page.getByRole('button', { name: 'Interrupt' }).click();
  await ends(page, 'exit code 9');

  await run(page, 'bash', 'sleep 1000 & echo going; wait');
  await prints(page, 'going');
  await page.getByRole('button', { name: 'Stop' }).click();
  await ends(page, 'stopped after');
  await run(page, 'bash', 'cat /proc/[0-9]*/comm | grep -c sleep');
  await ends(page, 'exit code 1');
  expect(await output(page).textContent()).toBe('0\n');
});

test('secrets and time limits of the form hold', async () => {
  const page = await signedIn();
  await page.getByText('Options').click();
  await page.getByLabel('Secrets').fill('TOKEN=hunter2=2');
  await run(page, 'bash', 'echo "${#TOKEN} $TOKEN"');
  await ends(page, 'exit code 0');
  expect(await output(page).textContent()).toBe('9 ***\n');
  await page.getByLabel('Time limit').fill('1');
  await run(page, 'bash', 'sleep 1000');
  await ends(page, 'exit code 137');
});

test('what a program prints is text, whatever it looks like', async () => {
  const page = await signedIn();
  const hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
  await run(page, 'bash', `printf '%s' '${hostile}'`);
  await ends(page, 'exit code 0');
  expect(await output(page).textContent()).toContain(hostile);
  expect(await output(page).locator('img, script').count()).toBe(0);
  expect(await page.title()).toBe('Run – isol8 console');
});

test('a flood of output stays bounded on the page', async () => {
  const page = await signedIn();
  await run(page, 'bash', 'yes 0123456789 | head -c 900000');
  await ends(page, 'exit code 0');
  const shown = (await output(page).textContent()) ?? '';
  expect(shown).toContain('More is not shown here.');
  expect(shown.length).toBeGreaterThan(200_000);
  expect(shown.length).toBeLessThan(200_100);
  expect(await output(page).locator('span').count()).toBeLessThan(10);
});
