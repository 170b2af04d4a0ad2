/** The packages as strangers get them: installed from tarballs into an empty folder, with an empty home directory. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureRuntimes, executable, RUNTIMES } from '../support/javascript-runtimes.js';
import { ROOT } from '../support/paths.js';
import { Process } from '../support/process.js';
import { ownManifest, packAll } from '../support/tarballs.js';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'isol8-test-')));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const cwd = join(directory, 'app');
const HOME = join(directory, 'home');
const env = { HOME, NO_COLOR: '1', NODE_PATH: undefined, NAPI_RS_NATIVE_LIBRARY_PATH: undefined };

/** What a first program does, after it got at `DockerIsol8` and `VERSION`. */
const PROGRAM = `
  const isol8 = new DockerIsol8();
  try {
    const { stdout } = await isol8.execute({ runtime: 'bash', code: 'echo executed' });
    let streamed = '';
    for await (const { type, data } of isol8.executeStream({ runtime: 'bash', cmd: 'echo streamed' })) {
      if (type === 'stdout') streamed += data;
    }
    console.log(VERSION, stdout, streamed.trim());
  } finally {
    await isol8.stop();
  }
`;

const PROGRAMS = {
  'esm.mjs': `import { DockerIsol8, VERSION } from 'isol8';\n${PROGRAM}`,
  'commonjs.cjs': `const { DockerIsol8, VERSION } = require('isol8');\n(async () => {${PROGRAM}})();`,
};

let version: string;

beforeAll(async () => {
  mkdirSync(cwd);
  mkdirSync(HOME);
  version = (await ownManifest()).version;
  const [tarballs] = await Promise.all([packAll(directory), ensureRuntimes()]);
  // The types of Node.js are for the compiler only; they are what comes from a registry.
  const args = ['install', '--no-audit', '--no-fund', '--no-update-notifier', ...tarballs, '@types/node@20'];
  await promisify(execFile)('npm', args, { cwd, env: { ...process.env, ...env } });
  for (const [name, text] of Object.entries(PROGRAMS)) writeFileSync(join(cwd, name), text);
}, 180_000);

it('installs one addon and nothing that was not asked for', () => {
  const { packages } = JSON.parse(readFileSync(join(cwd, 'node_modules/.package-lock.json'), 'utf8'));
  const names = Object.keys(packages).map((path) => path.replace('node_modules/', ''));
  const ours = names.filter((name) => !['@types/node', 'undici-types'].includes(name));
  const addon = ours.find((name) => name.startsWith('@isol8/addon-'));
  expect(ours.sort()).toEqual([addon, '@isol8/cli', 'isol8']);
});

describe.each(RUNTIMES)('in %s', (runtime) => {
  it.each(Object.keys(PROGRAMS))('%s runs code in a sandbox', async (name) => {
    const ended = await new Process(executable(runtime), [name], { cwd, env }).ended;
    expect(ended).toEqual({ code: 0, stdout: `${version} executed streamed\n`, stderr: '' });
  });

  it('the command line runs code in a sandbox', async () => {
    const args = [join(cwd, 'node_modules/@isol8/cli/bin/isol8.js'), 'run', '-e', 'print(2 ** 10)'];
    const ended = await new Process(executable(runtime), args, { cwd, env }).ended;
    expect(ended).toEqual({ code: 0, stdout: '1024\n', stderr: '' });
  });
});

it('npx finds the command', async () => {
  const ended = await new Process('npx', ['--no-install', 'isol8', 'run', '-e', 'print(2 ** 10)'], { cwd, env }).ended;
  expect(ended).toEqual({ code: 0, stdout: '1024\n', stderr: '' });
});

it('the schema can be had by its name in the package', async () => {
  const code = `console.log(require('isol8/schema/isol8.config.schema.json').type)`;
  const ended = await new Process(process.execPath, ['--eval', code], { cwd, env }).ended;
  expect(ended).toEqual({ code: 0, stdout: 'object\n', stderr: '' });
});

/** A program that is right, but for the line with a number in place of a runtime. */
const TYPED = `
import { DockerIsol8, type ExecutionResult, VERSION } from 'isol8';

const isol8 = new DockerIsol8({ memoryLimit: '256m' });
export const result: Promise<ExecutionResult> = isol8.execute({ runtime: 'python', code: 'print(1)' });
export const version: string = VERSION;
// @ts-expect-error A runtime has a name.
isol8.execute({ runtime: 1, code: '' });
`;

const REQUIRED = TYPED.replace(
  /^import .*$/m,
  (line) => `${line}\nimport required = require('isol8');\nrequired.VERSION.at(0);`,
);

const RESOLUTIONS = {
  node16: { options: ['--module', 'node16'], files: ['typed.mts', 'typed.cts'] },
  nodenext: { options: ['--module', 'nodenext'], files: ['typed.mts', 'typed.cts'] },
  bundler: { options: ['--module', 'esnext', '--moduleResolution', 'bundler'], files: ['typed.ts', 'typed.mts'] },
};

it.each(Object.entries(RESOLUTIONS))('types resolve under %s', async (_, { options, files }) => {
  for (const name of files) writeFileSync(join(cwd, name), name.endsWith('.cts') ? REQUIRED : TYPED);
  const strict = ['--strict', '--noEmit', '--target', 'es2022', '--types', 'node', '--ignoreConfig'];
  const args = [join(ROOT, 'node_modules/typescript/bin/tsc'), ...strict, ...options, ...files];
  const ended = await new Process(process.execPath, args, { cwd, env }).ended;
  expect(ended).toEqual({ code: 0, stdout: '', stderr: '' });
});
