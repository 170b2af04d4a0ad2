// `docker run` with the limits of one of our sandboxes, for what is compared with the docker command.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LABEL } from './docker.mjs';

const SECCOMP = fileURLToPath(new URL('../../seccomp/strict.json', import.meta.url));

/** The arguments of `docker` that run `argv` in `image`, with what `ours` says of a sandbox but for `changed`. */
export function dockerRun(ours, argv, flags = [], changed = {}) {
  const { Image: image } = ours;
  const limits = { ...ours.HostConfig, ...changed };
  const [program, ...rest] = argv;
  return [
    'run',
    '--rm',
    ...flags,
    ...['--label', `${LABEL}=${process.pid}`, '--log-driver', 'none', '--entrypoint', program],
    ...['--user', '100:101', '--workdir', '/sandbox', '--network', limits.NetworkMode, '--ipc', limits.IpcMode],
    ...['--memory', String(limits.Memory), '--memory-swap', String(limits.MemorySwap)],
    ...['--cpus', String(limits.NanoCpus / 1e9), '--pids-limit', String(limits.PidsLimit)],
    ...(limits.ReadonlyRootfs ? ['--read-only'] : []),
    ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--security-opt', `seccomp=${SECCOMP}`],
    ...Object.entries(limits.Tmpfs).flatMap(([path, mount]) => ['--tmpfs', `${path}:${mount}`]),
    ...limits.Ulimits.flatMap(({ Name, Soft, Hard }) => ['--ulimit', `${Name}=${Soft}:${Hard}`]),
    image,
    ...rest,
  ];
}

/**
 * Runs a program of this machine and resolves with its output, which `onData` takes instead if given.
 * It has to succeed.
 */
export function run(command, args, { cleanup, onData, env = process.env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise((done) => child.on('close', done));
    const undo = cleanup.add(() => {
      child.kill('SIGTERM');
      return ended;
    });
    const chunks = [];
    let stderr = '';
    child.stdout.on('data', onData ?? ((chunk) => chunks.push(chunk)));
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      undo();
      if (code === 0) resolve(Buffer.concat(chunks).toString('utf8'));
      else reject(new Error(`${command} ${args[0]} ended with ${signal ?? code}: ${stderr.trim()}`));
    });
  });
}
