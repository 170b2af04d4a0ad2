/** The packages as they would be published, made from this checkout. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './paths.js';

const run = promisify(execFile);

/** A tarball holds an addon, which is larger than what `execFile` takes by default. */
const MAX_BYTES = 256 * 1024 * 1024;

/** Makes the tarballs in `directory` and resolves with their paths: this platform's addon, the library, the CLI. */
export async function packAll(directory: string): Promise<[addon: string, library: string, cli: string]> {
  const { stdout } = await run(process.execPath, [join(ROOT, 'scripts/release/pack.mjs'), '--out', directory]);
  return stdout.trim().split('\n') as [string, string, string];
}

/** The paths in a tarball, below the directory that npm puts everything in. */
export async function entriesOf(tarball: string): Promise<string[]> {
  const { stdout } = await run('tar', ['--list', '--gzip', '--file', tarball]);
  return stdout
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''))
    .sort();
}

/** The bytes of one file in a tarball. */
export async function contentOf(tarball: string, path: string): Promise<Buffer> {
  const args = ['--extract', '--to-stdout', '--gzip', '--file', tarball, `package/${path}`];
  return (await run('tar', args, { encoding: 'buffer', maxBuffer: MAX_BYTES })).stdout;
}

export async function manifestOf(tarball: string): Promise<any> {
  return JSON.parse((await contentOf(tarball, 'package.json')).toString());
}

/** The manifest of the checkout, or of its CLI. */
export async function ownManifest(directory = ''): Promise<any> {
  return JSON.parse(await readFile(join(ROOT, directory, 'package.json'), 'utf8'));
}

/** The name that napi gives the addon of this platform. */
export function ownAddon(entries: string[]): string {
  const [name, ...rest] = entries.filter((path) => path.endsWith('.node'));
  if (!name || rest.length) throw new Error(`not one addon among ${entries.join(', ')}`);
  return basename(name);
}
