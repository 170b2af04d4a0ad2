/**
 * The versions of Node.js, and the Bun, that programs which use isol8 run on. They come as packages and are kept in
 * `node_modules/.cache`, so that only the first run on a machine downloads them.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './paths.js';

export const RUNTIMES = ['node20', 'node22', 'node24', 'bun'] as const;

export type JavaScriptRuntime = (typeof RUNTIMES)[number];

const CACHE = join(ROOT, 'node_modules/.cache/isol8-runtimes');

/** Makes sure that all of them are there. */
export async function ensureRuntimes(): Promise<void> {
  if (RUNTIMES.every((name) => existsSync(executable(name)))) return;
  const making = `${CACHE}.${process.pid}`;
  await mkdir(making, { recursive: true });
  await writeFile(join(making, 'package.json'), '{}');
  // Straight to the packages that hold the programs: those that are called `node` and `bun` fetch them in scripts.
  const packages = RUNTIMES.map((name) => `${name}@npm:${packageOf(name)}`);
  const options = { cwd: making, env: { ...process.env, CI: 'true' } };
  await promisify(execFile)('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages], options);
  await rm(CACHE, { recursive: true, force: true });
  await rename(making, CACHE);
}

/** Where the program is. */
export function executable(name: JavaScriptRuntime): string {
  return join(CACHE, 'node_modules', name, 'bin', name === 'bun' ? 'bun' : 'node');
}

function packageOf(name: JavaScriptRuntime): string {
  const { platform, arch } = process;
  if (name !== 'bun') return `node-${platform}-${arch}@${name.slice('node'.length)}`;
  // The plain build for x64 needs a processor of the last ten years.
  return `@oven/bun-${platform}-${arch === 'arm64' ? 'aarch64' : 'x64-baseline'}@1`;
}
