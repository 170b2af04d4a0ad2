/** What the package exports, by name, and that every way of loading it finds all of it. */
import { createRequire } from 'node:module';
import * as isol8 from 'isol8';
import { expect, it } from 'vitest';
import * as addon from '../../index.js';
import { ERROR_CODES } from '../../library/types/error-code.js';
import { Process } from '../support/process.js';

const VALUES = [
  'AgentAdapter',
  'BunAdapter',
  'DenoAdapter',
  'DockerIsol8',
  'LABELS',
  'NodeAdapter',
  'PythonAdapter',
  'RemoteIsol8',
  'RuntimeRegistry',
  'Semaphore',
  'VERSION',
  'bashAdapter',
  'buildBaseImages',
  'buildCustomImage',
  'createServer',
  'imageExists',
  'listContainers',
  'listCustomImages',
  'listImages',
  'loadConfig',
  'logger',
  'pingDocker',
  'readConfig',
];

/** The names that Node finds in the compiled text, which are those that an `import` may use. */
async function importable(): Promise<string[]> {
  const code = `import * as isol8 from 'isol8'; console.log(JSON.stringify(Object.keys(isol8)))`;
  const { stdout, stderr } = await new Process(process.execPath, ['--input-type=module', '--eval', code]).ended;
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

it('exports these values and no others', async () => {
  const ours = (await importable()).filter((name) => name !== 'default' && name !== 'module.exports');
  expect(ours.filter((name) => name !== '__esModule').sort()).toEqual(VALUES);
});

it('gives `require` what it gives `import`', () => {
  const required = createRequire(import.meta.url)('isol8');
  const imported: Record<string, unknown> = { ...isol8 };
  expect(Object.keys(required).sort()).toEqual(VALUES);
  for (const name of VALUES) expect(required[name], name).toBe(imported[name]);
});

it('can be asked for its version by tools that read the manifest', () => {
  expect(createRequire(import.meta.url)('isol8/package.json')).toMatchObject({ name: 'isol8', version: isol8.VERSION });
});

it('keeps the addon to itself', () => {
  expect(() => createRequire(import.meta.url)('isol8/index.js')).toThrow(/not defined by "exports"/);
});

it('names the labels of images, for good', () => {
  expect(isol8.LABELS).toEqual({
    dockerHash: 'org.isol8.build.hash',
    depsHash: 'org.isol8.deps.hash',
    runtime: 'org.isol8.runtime',
    dependencies: 'org.isol8.dependencies',
    setupScript: 'org.isol8.setup',
  });
  expect(Object.isFrozen(isol8.LABELS)).toBe(true);
});

it('has a type for exactly the codes that errors can have', () => {
  expect([...ERROR_CODES]).toEqual(addon.errorCodes());
});
