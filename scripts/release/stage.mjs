// Lays out packages as they are to be published.

import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { root } from '../lib/project.mjs';
import { cliManifest, libraryManifest, NOTICES, platformManifest, platformReadme } from './manifests.mjs';
import { noticesOfAddon, noticesOfBundle, noticesOfLibrary, render } from './notices.mjs';
import { addonFile, platformsOf } from './platforms.mjs';
import { faultOfAddon } from './programs.mjs';

/** Goes into a package whether or not its manifest lists it. */
const ALWAYS = ['README.md', 'LICENSE'];

/**
 * Makes a directory in `stage` for each package and resolves with their paths, those that others depend on first.
 * `addons` is where the built addons are. Rejects if one is not what its name says, or with `all` if one is missing.
 */
export async function stagePackages(stage, { addons, all, repository }) {
  const manifest = await json('package.json');
  const platforms = platformsOf(manifest);
  const there = platforms.filter((platform) => existsSync(join(addons, addonFile(manifest, platform))));
  const missing = platforms.filter((platform) => !there.includes(platform)).map(({ name }) => name);
  if (!there.length) throw new Error(`there is no addon in ${addons}: \`npm run build\` makes one`);
  if (all && missing.length) throw new Error(`there is no addon for ${missing.join(', ')}`);

  const staged = there.map((platform) => stagePlatform(stage, manifest, platform, { addons, repository }));
  return [
    ...(await Promise.all(staged)),
    await stageLibrary(stage, manifest, there, repository),
    await stageCli(stage, await json('cli/package.json'), repository),
  ];
}

async function stagePlatform(stage, manifest, platform, { addons, repository }) {
  const name = addonFile(manifest, platform);
  const addon = join(addons, name);
  const fault = faultOfAddon(await readFile(addon), platform);
  if (fault) throw new Error(`${addon} cannot be published for ${platform.name}: ${fault}`);
  const directory = join(stage, platform.name);
  await write(directory, 'package.json', text(platformManifest(manifest, platform, repository)));
  await write(directory, 'README.md', platformReadme(manifest, platform));
  await write(directory, NOTICES, render(await noticesOfAddon(root, platform)));
  await copy(join(root, 'LICENSE'), join(directory, 'LICENSE'));
  await copy(addon, join(directory, name));
  return directory;
}

async function stageLibrary(stage, manifest, platforms, repository) {
  const directory = join(stage, 'isol8');
  await write(directory, 'package.json', text(libraryManifest(manifest, platforms, repository)));
  await write(directory, NOTICES, render(await noticesOfLibrary()));
  await copyFiles(root, manifest, directory);
  return directory;
}

async function stageCli(stage, manifest, repository) {
  const directory = join(stage, 'cli');
  const from = join(root, 'cli');
  await write(directory, 'package.json', text(cliManifest(manifest, repository)));
  await write(directory, NOTICES, render(await noticesOfBundle(root, join(from, 'dist/main.js'))));
  await copyFiles(from, manifest, directory);
  await copy(join(root, 'LICENSE'), join(directory, 'LICENSE'));
  return directory;
}

/** Copies what the manifest lists. What is missing has not been built. */
async function copyFiles(from, { files }, to) {
  const names = new Set([...files, ...ALWAYS.filter((name) => existsSync(join(from, name)))]);
  names.delete(NOTICES);
  for (const name of names) {
    if (!existsSync(join(from, name))) throw new Error(`${join(from, name)} is missing: \`npm run build\` makes it`);
    await copy(join(from, name), join(to, name));
  }
}

async function copy(from, to) {
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to, { recursive: true });
}

async function write(directory, name, content) {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, name), content);
}

const text = (manifest) => `${JSON.stringify(manifest, null, 2)}\n`;

const json = async (name) => JSON.parse(await readFile(join(root, name), 'utf8'));
