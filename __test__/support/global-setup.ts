/** Before any test: the images of all runtimes are there. What is up to date takes no time. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { extraCa } from '../../scripts/lib/base-image.mjs';
import { CLI } from './paths.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** What image builds need in their environment on this machine. */
    buildEnv: NodeJS.ProcessEnv;
  }
}

export default async function setup(project: TestProject): Promise<void> {
  const buildEnv: NodeJS.ProcessEnv = extraCa({ note() {} });
  project.provide('buildEnv', buildEnv);
  await promisify(execFile)(process.execPath, [CLI, 'setup'], { env: { ...process.env, ...buildEnv } });
}
