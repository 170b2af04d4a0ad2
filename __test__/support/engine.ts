/** Engines that are always stopped, whatever becomes of the test. */
import { DockerIsol8, type DockerIsol8Options } from 'isol8';
import { afterAll, onTestFinished } from 'vitest';

/** An engine for all tests of a file or a `describe`; call it where hooks can be declared. */
export function sharedEngine(options: DockerIsol8Options = {}, maxConcurrent?: number): DockerIsol8 {
  const engine = new DockerIsol8(options, maxConcurrent);
  afterAll(() => engine.stop());
  return engine;
}

/** An engine for the test that is running. */
export function ownEngine(options: DockerIsol8Options = {}, maxConcurrent?: number): DockerIsol8 {
  const engine = new DockerIsol8(options, maxConcurrent);
  onTestFinished(() => engine.stop());
  return engine;
}

/** Keeps one used sandbox and starts none ahead, so that the next run gets the sandbox of the last. */
export const ONE_SANDBOX: DockerIsol8Options = { poolSize: { clean: 0, dirty: 1 } };

/** One sandbox for all executions. */
export const PERSISTENT: DockerIsol8Options = { mode: 'persistent' };
