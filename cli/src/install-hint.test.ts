import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Runtime } from 'isol8';
import { expect, it } from 'vitest';
import { hintAtImage, SLOW_INSTALL_MS } from './install-hint.js';
import { Output } from './output.js';

async function said(ms: number, runtime: Runtime, packages: string[]): Promise<string> {
  const stream = new PassThrough();
  hintAtImage(ms, runtime, packages, new Output(stream));
  stream.end();
  return text(stream);
}

it('says nothing after an install that nobody waited for', async () => {
  expect(await said(SLOW_INSTALL_MS - 1, 'python', ['six'])).toBe('');
});

it('gives the command for what was installed, sorted and each once', async () => {
  expect(await said(4_260, 'python', ['pandas==2.2', ' numpy', 'numpy', ''])).toBe(
    '[INFO] Installing packages took 4.3 s. Runs that need them skip that once there is an image:\n' +
      '  isol8 build --base python --install numpy --install pandas==2.2 --tag my-python-numpy-pandas-2-2\n',
  );
});

it.each<[Runtime, string[], string]>([
  ['node', ['@types/node'], 'my-node-types-node'],
  ['deno', ['npm:chalk@^5'], 'my-deno-npm-chalk-5'],
  ['bash', ['G++'], 'my-bash-g'],
  ['bun', Array.from({ length: 30 }, (_, n) => `package-${n}`), 'my-bun-package-0-package-1-package-10-packa'],
])('suggests a name that an image can have: %s %j', async (runtime, packages, tag) => {
  expect(await said(SLOW_INSTALL_MS, runtime, packages)).toMatch(new RegExp(` --tag ${tag}\n$`));
});
