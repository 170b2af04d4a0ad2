// Our side: an engine with default settings, and its sandboxes looked at from outside.

import { setTimeout as sleep } from 'node:timers/promises';
import { DockerIsol8 } from 'isol8';
import { docker } from './docker.mjs';

/** An engine with a warm sandbox of `runtime`. */
export async function warmEngine(runtime, cleanup, options) {
  const engine = new DockerIsol8(options);
  const stop = cleanup.add(() => engine.stop());
  await engine.start({ prewarm: { runtimes: [runtime] } });
  return { engine, stop };
}

/** Runs a request that has to succeed. */
export async function succeed(engine, request) {
  const result = await engine.execute(request);
  if (result.exitCode !== 0) throw new Error(`exit code ${result.exitCode}: ${result.stderr}`);
  return result;
}

/** The container that a sandbox of ours is: the contract, as the Docker engine understood it. */
export const inspect = (id) => docker.getContainer(id).inspect();

/** Ids of the running containers of this process's engines. */
export async function containersOfOurs() {
  const listed = await docker.listContainers({ filters: { label: ['isol8.managed=true'] } });
  // The label reads machine/pid/start time.
  return listed.filter(({ Labels }) => Labels['isol8.owner']?.split('/').at(-2) === String(process.pid));
}

/** Resolves when nothing changes any more: sandboxes have been reset, and the pool is full. */
export const settle = () => sleep(1500);
