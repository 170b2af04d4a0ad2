/** Watches over an engine while it is attacked: it has to be as well afterwards as it was before. */
import { readdirSync } from 'node:fs';
import type { DockerIsol8 } from 'isol8';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { containersOf, noContainersOf } from '../../support/docker.js';
import { until } from '../../support/until.js';

/** Starting a sandbox in the place of one that was lost, on a machine that is busy. */
const PATIENCE_MS = 10_000;

/** Sandboxes of one engine, idle and in use, in these tests. */
const MOST_CONTAINERS = 6;

/** How many descriptors this process has open. */
export const descriptors = () => readdirSync('/proc/self/fd').length;

/** Resolves when this process has no more than `before` descriptors open. */
export function descriptorsAre(before: number): Promise<boolean> {
  return until(`the number of descriptors to be ${before} again`, PATIENCE_MS, () => descriptors() <= before);
}

/**
 * After each test of this file or `describe` the engine runs a program as if nothing had happened, and after the last
 * one, when it is stopped, no container and no descriptor is left.
 */
export function vigil(engine: DockerIsol8): void {
  let before: number;

  beforeAll(async () => {
    // What is opened once and kept, whatever is run.
    await engine.execute({ runtime: 'python', cmd: ':' });
    await engine.stop();
    before = descriptors();
  });

  afterEach(async () => {
    const began = performance.now();
    const { stdout, exitCode } = await engine.execute({ runtime: 'python', code: 'print("well")' });
    expect({ stdout, exitCode }).toEqual({ stdout: 'well', exitCode: 0 });
    expect(performance.now() - began).toBeLessThan(PATIENCE_MS);
    expect((await containersOf(process.pid)).length).toBeLessThanOrEqual(MOST_CONTAINERS);
  });

  afterAll(async () => {
    await engine.stop();
    await noContainersOf(process.pid, PATIENCE_MS);
    await descriptorsAre(before);
  });
}
