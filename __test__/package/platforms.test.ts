/** The packages of platforms other than this one: what can be said of them without building them. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { libraryManifest, platformManifest } from '../../scripts/release/manifests.mjs';
import { addonFile, platformOf, platformsOf } from '../../scripts/release/platforms.mjs';
import { binaryAt, faultOfAddon } from '../../scripts/release/programs.mjs';
import { ownManifest } from '../support/tarballs.js';

const manifest = await ownManifest();

it('all of these are published, and `isol8` offers each to npm', () => {
  const packages = platformsOf(manifest).map((platform) => platformManifest(manifest, platform, undefined));
  expect(packages.map(({ main, name, os, cpu, libc = [] }) => [main, name, ...os, ...cpu, ...libc].join(' '))).toEqual([
    'isol8.linux-x64-gnu.node @isol8/addon-linux-x64-gnu linux x64 glibc',
    'isol8.linux-arm64-gnu.node @isol8/addon-linux-arm64-gnu linux arm64 glibc',
    'isol8.linux-x64-musl.node @isol8/addon-linux-x64-musl linux x64 musl',
    'isol8.linux-arm64-musl.node @isol8/addon-linux-arm64-musl linux arm64 musl',
    'isol8.darwin-x64.node @isol8/addon-darwin-x64 darwin x64',
    'isol8.darwin-arm64.node @isol8/addon-darwin-arm64 darwin arm64',
  ]);
  const { optionalDependencies } = libraryManifest(manifest, platformsOf(manifest), undefined);
  expect(optionalDependencies).toEqual(Object.fromEntries(packages.map(({ name }) => [name, manifest.version])));
});

it('the loader looks for each by the names that it has', async () => {
  const loader = await readFile(new URL('../../index.js', import.meta.url), 'utf8');
  for (const platform of platformsOf(manifest)) {
    expect(loader).toContain(`require('./${addonFile(manifest, platform)}')`);
    expect(loader).toContain(`require('${platformManifest(manifest, platform, undefined).name}')`);
  }
});

it('the release builds and tries each of them', async () => {
  const workflow = await readFile(new URL('../../.github/workflows/release.yml', import.meta.url), 'utf8');
  const named = (key: string) =>
    new Set([...workflow.matchAll(new RegExp(`\\{ ${key}: ([\\w-]+),`, 'g'))].map(([, name]) => name));
  const platforms = platformsOf(manifest);
  expect([...named('target')].sort()).toEqual(platforms.map(({ target }) => target).sort());
  expect([...named('platform')].sort()).toEqual(platforms.map(({ name }) => name).sort());
});

it('a release says where its source is', () => {
  const [platform] = platformsOf(manifest);
  const { repository } = platformManifest(manifest, platform, 'https://example.com/isol8/isol8');
  expect(repository).toEqual({ type: 'git', url: 'git+https://example.com/isol8/isol8.git' });
});

it.each(['x86_64-pc-windows-msvc', 'wasm32-wasip1', 'armv7-unknown-linux-gnueabihf'])('%s is refused', (target) => {
  expect(() => platformOf(target)).toThrow('no target that there is a package for');
});

describe('an addon', () => {
  const CPUS = { x64: { elf: 0x3e, macho: 0x01000007 }, arm64: { elf: 0xb7, macho: 0x0100000c } };

  function elf(cpu: keyof typeof CPUS): Buffer {
    const bytes = Buffer.alloc(128);
    bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    bytes.writeUInt16LE(CPUS[cpu].elf, 18);
    return bytes;
  }

  function machO(cpu: keyof typeof CPUS): Buffer {
    const bytes = Buffer.alloc(128);
    bytes.writeUInt32LE(0xfeedfacf);
    bytes.writeUInt32LE(CPUS[cpu].macho, 4);
    return bytes;
  }

  it('for macOS holds a guest for Linux on the same processor', () => {
    const addon = Buffer.concat([machO('arm64'), elf('arm64')]);
    expect(binaryAt(addon)).toEqual({ os: 'darwin', cpu: 'arm64' });
    expect(faultOfAddon(addon, platformOf('aarch64-apple-darwin'))).toBeUndefined();
  });

  it.each([
    ['of another system', elf('arm64'), elf('arm64'), 'it is for linux arm64, not for darwin arm64'],
    ['of another processor', machO('x64'), elf('arm64'), 'it is for darwin x64, not for darwin arm64'],
    [
      'with a guest of another processor',
      machO('arm64'),
      elf('x64'),
      'its guest is for x64, and the containers are arm64',
    ],
    ['without a guest', machO('arm64'), Buffer.alloc(0), 'it holds 0 Linux programs, where one is the guest'],
    ['that is a text', Buffer.from('x'.repeat(200)), elf('arm64'), 'it is no library, not for darwin arm64'],
  ])('%s is not published', (_, own, guest, fault) => {
    expect(faultOfAddon(Buffer.concat([own, guest]), platformOf('aarch64-apple-darwin'))).toBe(fault);
  });
});
