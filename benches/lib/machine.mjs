// What the numbers depend on.

import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { docker } from './docker.mjs';

export async function describeMachine() {
  const version = await docker.version();
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryMb: Math.round(totalmem() / 1e6),
    kernel: `${type()} ${release()}`,
    docker: `${version.Version} (API ${version.ApiVersion})`,
    node: process.version,
    /** Processes that wanted to run in the last minute: what else was going on. */
    load: loadavg()[0],
    date: new Date().toISOString(),
  };
}
