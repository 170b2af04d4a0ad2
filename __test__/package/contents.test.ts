/** What is in the packages that are published, and what is not. */
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faultOfAddon, programsIn } from '../../scripts/release/programs.mjs';
import { ROOT } from '../support/paths.js';
import { contentOf, entriesOf, manifestOf, ownAddon, ownManifest, packAll } from '../support/tarballs.js';

const directory = mkdtempSync(join(tmpdir(), 'isol8-test-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let addon: string;
let library: string;
let cli: string;

beforeAll(async () => {
  [addon, library, cli] = await packAll(directory);
});

const EVERYWHERE = ['LICENSE', 'README.md', 'THIRD-PARTY.txt', 'package.json'];

describe('isol8', () => {
  it('holds what programs and tools need', async () => {
    const entries = await entriesOf(library);
    expect(entries).toEqual(
      expect.arrayContaining([
        ...EVERYWHERE,
        'CHANGELOG.md',
        'dist/index.d.ts',
        'dist/index.js',
        'images/Dockerfile',
        'images/agent/package-lock.json',
        'images/install/python.sh',
        'index.d.ts',
        'index.js',
        'schema/isol8.config.schema.json',
        'seccomp/strict.json',
      ]),
    );
  });

  it('holds nothing else', async () => {
    const known = [
      /^dist\/(types\/)?[\w-]+\.d\.ts$/,
      /^dist\/index\.js$/,
      /^images\/(Dockerfile|install\/\w+\.sh|agent\/package(-lock)?\.json)$/,
      /^index\.(js|d\.ts)$/,
      /^schema\/[\w.]+\.json$/,
      /^seccomp\/strict\.json$/,
      /^CHANGELOG\.md$/,
    ];
    const entries = (await entriesOf(library)).filter((path) => !EVERYWHERE.includes(path));
    expect(entries.filter((path) => !known.some((pattern) => pattern.test(path)))).toEqual([]);
  });

  it('gets its addon from the package for the platform, in its own version', async () => {
    const { name, version } = await manifestOf(addon);
    const manifest = await manifestOf(library);
    expect(manifest).toMatchObject({ name: 'isol8', version, optionalDependencies: { [name]: version } });
    expect(manifest).not.toHaveProperty('devDependencies');
    expect(manifest).not.toHaveProperty('scripts');
    expect(manifest).not.toHaveProperty('workspaces');
  });
});

describe('the package for this platform', () => {
  it('holds the addon alone', async () => {
    const entries = await entriesOf(addon);
    expect(entries).toEqual([...EVERYWHERE, ownAddon(entries)].sort());
  });

  it('says where it can be installed', async () => {
    const { napi, version } = await ownManifest();
    const [file] = (await entriesOf(addon)).filter((path) => path.endsWith('.node'));
    const manifest = await manifestOf(addon);
    expect(manifest).toMatchObject({ version, main: file, os: [process.platform], cpu: [process.arch] });
    expect(manifest.name.startsWith(`${napi.packageName}-${process.platform}-${process.arch}`)).toBe(true);
  });

  it('has the guest inside the addon, for the same processor', async () => {
    const bytes = await contentOf(addon, ownAddon(await entriesOf(addon)));
    const os = process.platform;
    expect(faultOfAddon(bytes, { os, cpu: process.arch })).toBeUndefined();
    expect(programsIn(bytes)).toMatchObject([{ os: 'linux', cpu: process.arch }]);
  });

  it('names those whose code is in it, with their licences', async () => {
    const notices = (await contentOf(addon, 'THIRD-PARTY.txt')).toString();
    for (const name of ['bollard', 'tokio', 'postcard', 'yamux', 'the standard library', 'the GNU C Library']) {
      expect(notices).toMatch(new RegExp(`^${name}\\b.*\n {2}licence: \\S`, 'm'));
    }
    expect(notices).toContain('Permission is hereby granted, free of charge');
    expect(notices).toContain('GNU LESSER GENERAL PUBLIC LICENSE');
    expect(notices).not.toMatch(/^proptest /m);
  });
});

describe('@isol8/cli', () => {
  it('holds the bundle and its entry', async () => {
    expect(await entriesOf(cli)).toEqual([...EVERYWHERE, 'bin/isol8.js', 'dist/main.js'].sort());
  });

  it('depends on the library of its own version, and on nothing else', async () => {
    const { version } = await ownManifest('cli');
    const manifest = await manifestOf(cli);
    expect(manifest).toMatchObject({ name: '@isol8/cli', version, bin: { isol8: 'bin/isol8.js' } });
    expect(manifest.dependencies).toEqual({ isol8: version });
    expect(manifest).not.toHaveProperty('devDependencies');
  });

  it('names those whose code is in the bundle', async () => {
    const bundled = [...(await contentOf(cli, 'dist/main.js')).toString().matchAll(/^\/\/ .*node_modules\/([^/]+)/gm)];
    const notices = (await contentOf(cli, 'THIRD-PARTY.txt')).toString();
    const names = new Set(bundled.map(([, name]) => name));
    expect(names).toContain('commander');
    for (const name of names) expect(notices).toMatch(new RegExp(`^${name} \\d`, 'm'));
  });
});

it('nothing in any package tells of the machine that it was made on', async () => {
  for (const tarball of [library, cli, addon]) {
    for (const path of await entriesOf(tarball)) {
      // Where the compiler stood is in an addon's messages for panics.
      if (path.endsWith('.node')) continue;
      const text = (await contentOf(tarball, path)).toString();
      expect(text.includes(ROOT) || text.includes(`${homedir()}/`), path).toBe(false);
    }
  }
});
