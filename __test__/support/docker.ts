/** What an outsider sees of our containers and images: questions to the Docker engine, asked with its own client. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { until } from './until.js';

const run = promisify(execFile);

/** Runs the Docker client and resolves with its output. `env` is added to the environment. */
export async function docker(args: string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const options = { env: { ...process.env, ...env }, maxBuffer: 64 << 20 };
  return (await run('docker', args, options)).stdout.trim();
}

/** Ids of the containers that the process with this id owns, running or not. */
export function containersOf(pid: number | undefined): Promise<string[]> {
  return owned(pid, ['--all']);
}

/** Ids of those that have been started. */
export function runningContainersOf(pid: number | undefined): Promise<string[]> {
  return owned(pid, []);
}

async function owned(pid: number | undefined, which: string[]): Promise<string[]> {
  const format = '{{.ID}} {{.Label "isol8.owner"}}';
  const listed = await docker([
    'ps',
    ...which,
    '--no-trunc',
    '--filter',
    'label=isol8.managed=true',
    '--format',
    format,
  ]);
  // The label reads machine/pid/start time.
  const lines = listed.split('\n').filter((line) => line.split('/').at(-2) === String(pid));
  return lines.map((line) => line.split(' ')[0] ?? '');
}

/** Resolves when the process with this id owns no container any more. */
export async function noContainersOf(pid: number | undefined, deadlineMs: number): Promise<void> {
  await until(`the containers of process ${pid} to go`, deadlineMs, async () => (await containersOf(pid)).length === 0);
}

/** What the Docker engine knows of a container or an image. */
export async function inspect(name: string): Promise<any> {
  return JSON.parse(await docker(['inspect', name]))[0];
}

/** Command lines of the processes in a container, as the host sees them. */
export async function processesIn(container: string): Promise<string[]> {
  const listed = (await docker(['top', container, '-eo', 'pid,args'])).split('\n').slice(1);
  return listed.map((line) => line.trim().replace(/^\d+ +/, ''));
}

/** Removes all images with this label. Those that others were made of can only go after these. */
export async function removeImages(label: string): Promise<void> {
  await until(`the images with ${label} to go`, 20_000, async () => {
    const listed = await docker(['images', '--quiet', '--no-trunc', '--filter', `label=${label}`]);
    if (listed === '') return true;
    const ids = [...new Set(listed.split('\n'))];
    await Promise.allSettled(ids.map((id) => docker(['rmi', '--force', id])));
    return false;
  });
}

/** Builds an image from the text of a Dockerfile, without a context. Nothing is done twice: Docker remembers. */
export async function build(tag: string, dockerfile: string): Promise<void> {
  const child = run('docker', ['build', '--quiet', '--network', 'host', '--tag', tag, '-'], { env: CLASSIC });
  child.child.stdin?.end(dockerfile);
  await child;
}

/** The builder that every engine has. */
const CLASSIC = { ...process.env, DOCKER_BUILDKIT: '0' };
