// What the numbers depend on.

import { cpus, release, totalmem, type } from 'node:os';
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
    date: new Date().toISOString(),
  };
}
