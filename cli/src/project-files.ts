/**
 * `--files <dir>`: a directory on its way into the sandbox.
 *
 * Regular files only: what a symlink points to may be anywhere. Directories that hold dependencies or history, which
 * are large and of this machine, stay here.
 */
import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, posix, resolve } from 'node:path';
import type { InputFile } from 'isol8';

const SANDBOX = '/sandbox';
const SKIPPED = new Set(['.git', 'node_modules', '__pycache__', '.venv', 'venv', '.tox']);

/** More than any project has that is meant to be sent along. */
const MAX_FILES = 100_000;
const MAX_BYTES = 1024 ** 3;

/** The files of `directory` by their paths in the sandbox; `workdir` is where the program is going to run. */
export async function projectFiles(directory: string, workdir: string | undefined): Promise<Record<string, InputFile>> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => undefined);
  if (!entries) throw new Error(`--files path is not a directory: ${directory}`);
  const target = targetOf(directory, workdir, entries);
  const files: Record<string, InputFile> = {};
  let count = 0;
  let bytes = 0;
  for await (const path of walk(directory, entries, '')) {
    const source = join(directory, path);
    const { mode, size } = await stat(source);
    count += 1;
    bytes += size;
    if (count > MAX_FILES) throw new Error(`--files ${directory} holds more than ${MAX_FILES} files`);
    if (bytes > MAX_BYTES) throw new Error(`--files ${directory} holds more than 1 GiB`);
    files[posix.join(target, path)] = { content: await readFile(source), executable: (mode & 0o111) !== 0 };
  }
  return files;
}

/**
 * Where the directory goes: its contents into `/sandbox`, unless the program is to run in a directory of its name
 * that would not come to be that way.
 */
function targetOf(directory: string, workdir: string | undefined, entries: Dirent[]): string {
  const name = basename(resolve(directory));
  const named = posix.join(SANDBOX, name);
  const where = posix.resolve(SANDBOX, workdir ?? '.');
  const runsInNamed = where === named || where.startsWith(`${named}/`);
  return runsInNamed && !entries.some((entry) => entry.name === name) ? named : SANDBOX;
}

/** Paths of regular files, relative to `directory`. */
async function* walk(directory: string, entries: Dirent[], path: string): AsyncGenerator<string> {
  for (const entry of entries) {
    const inner = posix.join(path, entry.name);
    if (entry.isFile()) yield inner;
    else if (entry.isDirectory() && !SKIPPED.has(entry.name)) {
      yield* walk(directory, await readdir(join(directory, inner), { withFileTypes: true }), inner);
    }
  }
}
