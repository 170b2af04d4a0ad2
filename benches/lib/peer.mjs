// The other side: how people run code in a container today. A container that waits, and a
// `docker exec` through the API for every program.
//
// The container is made from what the Docker engine says about ours, so that both have the same image,
// limits, mounts, seccomp profile and network. It is only started differently: as the user who runs the
// programs, without capabilities, and with a `sleep` instead of our guest.

import { PassThrough } from 'node:stream';
import { docker, LABELS } from './docker.mjs';

export async function warmPeer(ours, { script, code, env }, cleanup) {
  const { CapAdd: _, ...limits } = ours.HostConfig;
  const container = await docker.createContainer({
    Image: ours.Image,
    Entrypoint: ['sleep', 'infinity'],
    Cmd: [],
    User: '100:101',
    WorkingDir: '/sandbox',
    Env: env,
    Labels: LABELS,
    HostConfig: limits,
  });
  const remove = cleanup.add(() => container.remove({ force: true }));
  await container.start();
  // The script is there before anything is measured; ours brings it along every time.
  const { exitCode, stderr } = await exec(container, ['bash', '-c', 'printf %s "$1" > "$2"', '-', code, script]);
  if (exitCode !== 0) throw new Error(`could not put the script in place: ${stderr}`);
  return { container, remove };
}

/** Runs a program in `container` to its end. */
export async function exec(container, argv) {
  const started = await container.exec({ Cmd: argv, AttachStdout: true, AttachStderr: true });
  const stream = await started.start({ hijack: true, stdin: false });
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const texts = [stdout, stderr].map((output) => {
    const chunks = [];
    output.on('data', (chunk) => chunks.push(chunk));
    return () => Buffer.concat(chunks).toString('utf8');
  });
  docker.modem.demuxStream(stream, stdout, stderr);
  await new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
  const { ExitCode: exitCode } = await started.inspect();
  return { exitCode, stdout: texts[0](), stderr: texts[1]() };
}
