/** What a program is told when the native addon cannot be loaded. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { platformsOf } from '../../scripts/release/platforms.mjs';
import { ROOT } from '../support/paths.js';
import { Process } from '../support/process.js';
import { scratch } from '../support/scratch.js';
import { ownManifest } from '../support/tarballs.js';

/** An installation of the package in which the addon is missing; `index` stands for napi's loader. */
function installation({ index }: { index?: string } = {}): string {
  const directory = scratch();
  const library = join(directory, 'node_modules/isol8');
  mkdirSync(library, { recursive: true });
  for (const name of ['package.json', 'dist', 'index.js'])
    cpSync(join(ROOT, name), join(library, name), { recursive: true });
  if (index) writeFileSync(join(library, 'index.js'), index);
  return directory;
}

interface Failure {
  code: string;
  message: string;
  hint: string;
  cause: boolean;
}

/** How loading fails in a process that believes to be on this platform. */
async function failure(
  cwd: string,
  { platform = process.platform, arch = process.arch, env = {} }: Record<string, any> = {},
): Promise<Failure> {
  const code = `
    Object.defineProperty(process, 'platform', { value: ${JSON.stringify(platform)} });
    Object.defineProperty(process, 'arch', { value: ${JSON.stringify(arch)} });
    try {
      require('isol8');
    } catch ({ code, message, hint, cause }) {
      console.log(JSON.stringify({ code, message, hint, cause: cause instanceof Error }));
    }`;
  const { stdout, stderr } = await new Process(process.execPath, ['--eval', code], { cwd, env }).ended;
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

it('lists all that was tried, and what to do next', async () => {
  const { code, message, hint, cause } = await failure(installation());
  expect({ code, cause }).toEqual({ code: 'ADDON_UNAVAILABLE', cause: true });
  const [what, ...tried] = message.split('\n');
  expect(what).toBe(`the native addon of isol8 could not be loaded on ${process.platform} ${process.arch}`);
  expect(tried[0]).toMatch(/^ {2}tried: Cannot find module '\.\/isol8\..*\.node'$/);
  expect(tried[1]).toMatch(/^ {2}tried: Cannot find module '@isol8\/addon-.*'$/);
  expect(hint).toContain('remove node_modules and run `npm install` on this machine');
});

it('an override that is of no use is named', async () => {
  const env = { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/isol8.node' };
  const { code, message, hint } = await failure(installation(), { env });
  expect(code).toBe('ADDON_UNAVAILABLE');
  expect(message).toContain("\n  tried: Cannot find module '/nowhere/isol8.node'");
  expect(hint).toContain('unset NAPI_RS_NATIVE_LIBRARY_PATH (/nowhere/isol8.node)');
});

it('Windows is told what it needs', async () => {
  const { message, hint } = await failure(installation(), { platform: 'win32', arch: 'x64' });
  expect(message).toContain('could not be loaded on win32 x64\n  tried: ');
  expect(hint).toContain('Run it inside WSL2');
  expect(hint).toContain('isol8 serve');
});

it('a platform without an addon is told which have one', async () => {
  const { message, hint } = await failure(installation(), { platform: 'linux', arch: 'riscv64' });
  expect(message).toContain('could not be loaded on linux riscv64');
  for (const { os, cpu } of platformsOf(await ownManifest())) expect(hint).toContain(`${os}-${cpu}`);
});

it('an addon of another C library is told from one that is missing', async () => {
  const reason =
    "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by isol8.linux-x64-gnu.node)";
  const cwd = installation({ index: `throw new Error('no binding', { cause: new Error(${JSON.stringify(reason)}) })` });
  const { message, hint } = await failure(cwd);
  expect(message).toContain(`\n  tried: ${reason}`);
  expect(hint).toContain('C library');
});

it('an addon of another version is refused', async () => {
  const { version } = await ownManifest();
  const cwd = installation({ index: `module.exports = { VERSION: '0.0.1' }` });
  const { code, message, hint, cause } = await failure(cwd);
  expect({ code, cause }).toEqual({ code: 'ADDON_UNAVAILABLE', cause: false });
  expect(message).toBe(`the native addon is of version 0.0.1, and isol8 of ${version}`);
  expect(hint).toContain('npm install');
});

it('the command line says it as any other error, without a stack', async () => {
  const cwd = installation();
  cpSync(join(ROOT, 'cli/dist'), join(cwd, 'node_modules/@isol8/cli/dist'), { recursive: true });
  cpSync(join(ROOT, 'cli/package.json'), join(cwd, 'node_modules/@isol8/cli/package.json'));
  const main = join(cwd, 'node_modules/@isol8/cli/dist/main.js');
  const { code, stdout, stderr } = await new Process(process.execPath, [main, 'run', '-e', '1'], { cwd }).ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  const lines = stderr.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^\[ERR\] the native addon of isol8 could not be loaded on /);
  expect(lines.at(-1)).toMatch(/^hint: remove node_modules/);
  expect(stderr).not.toContain('    at ');
});
