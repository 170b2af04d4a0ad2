/**
 * The first screen of the README, as a stranger goes through it: every line typed in its order, from an empty folder and
 * an empty home. The packages are the tarballs that would be published, installed where nothing else is.
 */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, it } from 'vitest';
import { examplesIn } from '../docs/support/pages.js';
import { commandsIn, difference } from '../docs/support/terminal.js';
import { Process } from '../support/process.js';
import { scratch } from '../support/scratch.js';
import { packAll } from '../support/tarballs.js';

/** As the README has it; tests take what is to be published. */
const PUBLISHED = '@isol8/cli';

/** Where the part for those who have a checkout begins. */
const CHECKOUT = 'npm run quickstart';

const PATIENCE_MS = 120_000;

it('works line by line', { timeout: 2 * PATIENCE_MS }, async () => {
  const commands = firstScreen();
  expect(commands.map(({ typed }) => typed.split(' ')[0])).toEqual(['npm', 'isol8', 'isol8']);
  const [cwd, HOME, prefix, packages] = [scratch(), scratch(), scratch(), scratch()].map((path) => realpathSync(path));
  const tarballs = await packAll(packages as string);
  const PATH = [join(prefix as string, 'bin'), process.env.PATH].join(':');
  const env = { ...inject('buildEnv'), HOME, PATH, NO_COLOR: '1', NODE_PATH: undefined, npm_config_prefix: prefix };

  const began = performance.now();
  for (const { typed, shown } of commands) {
    const line = typed.replace(PUBLISHED, tarballs.join(' '));
    const { code, stdout, stderr } = await new Process('bash', ['-c', line], { cwd, env }).ended;
    expect({ typed, code, stderr: code === 0 ? '' : stderr }).toEqual({ typed, code: 0, stderr: '' });
    expect(difference(shown, stdout.trimEnd().split('\n'))).toBeUndefined();
  }
  expect(performance.now() - began).toBeLessThan(PATIENCE_MS);
});

/** The commands up to those for whoever has a checkout. */
function firstScreen() {
  const blocks = examplesIn('README.md').filter(({ language }) => language === 'console');
  const end = blocks.findIndex(({ text }) => text.includes(CHECKOUT));
  return blocks.slice(0, end).flatMap(({ text }) => commandsIn(text));
}
