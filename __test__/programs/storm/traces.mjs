// What a process holds: memory, descriptors, threads of the audit log, containers.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import Docker from 'dockerode';
import { residentMiB } from '../memory.mjs';

// Without connections that stay open for the next question: they would count.
const docker = new Docker({ agent: new Agent({ keepAlive: false }) });

/** Descriptors and threads go when garbage is collected and their tasks have been told. */
const PATIENCE_MS = 5000;

/** Ids of the containers that this process owns, running or not. */
export async function containers() {
  const listed = await docker.listContainers({ all: true, filters: { label: ['isol8.managed=true'] } });
  // The label reads machine/pid/start time.
  const ours = listed.filter(({ Labels }) => Labels['isol8.owner']?.split('/').at(-2) === String(process.pid));
  return ours.map(({ Id, Status, Image }) => `${Id.slice(0, 12)} ${Image} ${Status}`);
}

/** What its open descriptors are, each with its number of them. */
function descriptors() {
  const kinds = {};
  for (const fd of readdirSync('/proc/self/fd')) {
    const kind = linkOf(fd).replace(/\[?\d+\]?$/, '');
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

function linkOf(fd) {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The one that read the directory.
    return 'closed';
  }
}

function auditThreads() {
  const names = readdirSync('/proc/self/task').map((task) => {
    try {
      return readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim();
    } catch {
      return 'ended';
    }
  });
  return names.filter((name) => name === 'isol8-audit').length;
}

export function traces() {
  const kinds = descriptors();
  const open = Object.values(kinds).reduce((sum, count) => sum + count, 0);
  return { residentMiB: residentMiB(), open, kinds, auditThreads: auditThreads() };
}

/** Collects garbage until `isClean` says so or patience ends, and resolves with what there is then. */
export async function settledTraces(isClean) {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    globalThis.gc();
    await pause(50);
    const found = traces();
    if (isClean(found) || performance.now() > deadline) return found;
  }
}
