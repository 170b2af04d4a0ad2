/** After packages took long to be installed: what to type once, so that they are there from then on. */
import type { Runtime } from 'isol8';
import { say } from './messages.js';
import type { Output } from './output.js';

/** From here on, an install is what one waits for. */
export const SLOW_INSTALL_MS = 3_000;

/** Characters of a suggested name; long enough to tell images apart, short enough to read. */
const MAX_NAME = 40;

/** Says how to build an image with these packages, which later runs would be given by themselves. */
export function hintAtImage(installMs: number, runtime: Runtime, packages: string[], stderr: Output): void {
  if (installMs < SLOW_INSTALL_MS) return;
  const seconds = (installMs / 1000).toFixed(1);
  say('INFO', `Installing packages took ${seconds} s. Runs that need them skip that once there is an image:`, stderr);
  stderr.line(`  ${buildCommand(runtime, packages)}`);
}

/** All names are those of packages that were installed, so a shell leaves them as they are. */
function buildCommand(runtime: Runtime, packages: string[]): string {
  const names = [...new Set(packages.map((name) => name.trim()).filter((name) => name !== ''))].sort();
  const installs = names.map((name) => `--install ${name}`).join(' ');
  return `isol8 build --base ${runtime} ${installs} --tag ${tagFor(runtime, names)}`;
}

/** A name for the image, from the names of what is in it. */
function tagFor(runtime: Runtime, names: string[]): string {
  const words = [runtime, ...names].join('-').toLowerCase();
  const plain = words.replace(/[^a-z0-9]+/g, '-').slice(0, MAX_NAME);
  return `my-${plain.replace(/^-+|-+$/g, '')}`;
}
