// `npm run release:pack`: from a built checkout to the tarballs that are tried and then published, byte for byte.
//
//   --addons DIR      where the built addons are (default: the checkout)
//   --out DIR         where the tarballs go (default: release/)
//   --all             fail unless there is an addon for every platform
//   --repository URL  where the source is, for the manifests
//
// Prints the path of each tarball, in the order in which they are to be published. An addon that is for another
// platform than its name says, or whose guest is for another processor, ends it.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { root } from '../lib/project.mjs';
import { stagePackages } from './stage.mjs';

const { values: flags } = parseArgs({
  options: {
    addons: { type: 'string', default: root },
    out: { type: 'string', default: join(root, 'release') },
    all: { type: 'boolean', default: false },
    repository: { type: 'string' },
  },
});

const out = resolve(flags.out);
const stage = await mkdtemp(join(tmpdir(), 'isol8-pack-'));
try {
  await mkdir(out, { recursive: true });
  for (const directory of await stagePackages(stage, flags)) process.stdout.write(`${await pack(directory)}\n`);
} catch (error) {
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await rm(stage, { recursive: true, force: true });
}

/** Makes the tarball and resolves with its path. No script of the package runs. */
async function pack(directory) {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', out];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: directory });
  const [{ filename }] = JSON.parse(stdout);
  return join(out, filename);
}
