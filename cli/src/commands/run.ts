/** `run [file]` runs one program, in a sandbox here or at a server, and exits with the program's exit code. */
import { open, readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { ExecutionRequest, NetworkLogEntry, Runtime } from 'isol8';
import { type Config, readConfig } from '../config.js';
import { type Engine, execute } from '../execution.js';
import { chooseRuntime, chooseSource, fileExtension, type Source } from '../input.js';
import { hintAtImage } from '../install-hint.js';
import { debug, say } from '../messages.js';
import { printLogs, summarizeBlocks } from '../network.js';
import { stderr, stdout } from '../output.js';
import { projectFiles } from '../project-files.js';
import { chooseSession, LeavingTheSession, type ServerFlags, serverOf } from '../remote.js';
import { declareRunFlags, type RunFlags } from '../run-flags.js';
import { flaggedOptions, localOptions, remoteOptions } from '../run-options.js';
import { setupScript } from '../setup-script.js';
import { interruption } from '../signals.js';

export function registerRun(program: Command): void {
  const command = program
    .command('run')
    .description('Run a file, code, a command line or standard input in a sandbox')
    .argument('[file]', 'script to run');
  declareRunFlags(command).action(async (file: string | undefined, flags: RunFlags) => {
    process.exitCode = await run(file, flags);
  });
}

/** All that can be refused is refused before standard input is read, and that before anything is started. */
async function run(file: string | undefined, flags: RunFlags): Promise<number> {
  const flagged = flaggedOptions(flags);
  const isRemote = flags.host !== undefined;
  if (flags.sessionId !== undefined && !isRemote) {
    throw new Error('--session-id requires --host (remote server). Session IDs are managed by the server.');
  }
  const source = chooseSource({ ...flags, file });
  const setup = await setupScript(flags.setup ?? []);
  const files = flags.files === undefined ? undefined : await projectFiles(flags.files, flags.workdir);
  const script = source.from === 'file' ? await readScript(source.path) : undefined;

  // The addon is loaded here and not above, so that help and usage errors do without it.
  const config = await readConfig();
  const { RuntimeRegistry } = await import('isol8');
  const runtime = chooseRuntime(source, flags.runtime, RuntimeRegistry) as Runtime;
  warnOfUnused(flags, runtime, source);
  const { engine, stop, session } = isRemote
    ? await atServer(flags as RunFlags & ServerFlags, flagged, config)
    : await here(flags, flagged, config);

  const request: ExecutionRequest = {
    runtime,
    ...(await program(source, script)),
    fileExtension: fileExtension(source),
    stdin: flags.stdin,
    installPackages: flags.install,
    setupScript: setup,
    agentFlags: flags.agentFlags,
    files,
    workdir: flags.workdir,
  };
  debug('Run', `source ${source.from}, runtime ${runtime}, network ${flagged.network}`);
  if (session !== undefined) say('INFO', `Session ID: ${session}`);

  const copy = flags.out === undefined ? undefined : await openCopy(flags.out);
  try {
    const how = { stream: flags.stream !== false, interrupted: interruption(), stop };
    const told = (logs: NetworkLogEntry[]) => {
      if (flags.logNetwork) printLogs(logs, stderr);
      summarizeBlocks(logs, stderr);
    };
    const installed = (ms: number) => {
      // An image that was named is used as it is, whatever others have; and what a server has is not ours to build.
      if (flags.image === undefined && !isRemote) hintAtImage(ms, runtime, flags.install ?? [], stderr);
    };
    const code = await execute(engine, request, how, { stdout, stderr, copy, network: told, installed });
    debug('Run', `exit code ${code}`);
    if (copy) stderr.line(`[Run] Output written to ${flags.out}`);
    return code;
  } finally {
    await copy?.close();
  }
}

/** What runs the program. */
interface Target {
  engine: Engine;
  /** Stop it whatever becomes of the run: it leaves something behind. */
  stop: boolean;
  /** The session at the server, if there is one. */
  session?: string;
}

type Flagged = ReturnType<typeof flaggedOptions>;

async function here(flags: RunFlags, flagged: Flagged, config: Config): Promise<Target> {
  const { DockerIsol8 } = await import('isol8');
  const { maxConcurrent, audit } = config.config;
  const engine = new DockerIsol8(localOptions(flags, flagged, config), maxConcurrent);
  return { engine, stop: audit.enabled || flags.persist === true };
}

async function atServer(flags: RunFlags & ServerFlags, flagged: Flagged, config: Config): Promise<Target> {
  const { RemoteIsol8 } = await import('isol8');
  const server = await serverOf(flags);
  const session = chooseSession(flags);
  const remote = new RemoteIsol8({ ...server, sessionId: session?.id }, remoteOptions(flags, flagged, config));
  debug('Run', `server ${server.host}`);
  if (session === undefined) return { engine: remote, stop: false };
  // Nobody else knows of a session without a name, so it goes with us.
  return {
    engine: session.isNamed ? new LeavingTheSession(remote) : remote,
    stop: !session.isNamed,
    session: session.id,
  };
}

/** Flags that do nothing where they stand may be a misunderstanding. */
function warnOfUnused(flags: RunFlags, runtime: Runtime, source: Source): void {
  const unused = flags.agentFlags !== undefined && whatIgnoresAgentFlags(runtime, source);
  if (unused) say('WARN', `--agent-flags has no effect with ${unused}`);
  if (flags.host !== undefined) return;
  for (const [flag, value] of [
    ['--key', flags.key],
    ['--key-file', flags.keyFile],
  ]) {
    if (value !== undefined) say('WARN', `${flag} has no effect without --host`);
  }
}

/** What makes flags for the agent meaningless, if anything does. */
function whatIgnoresAgentFlags(runtime: Runtime, source: Source): string | undefined {
  if (runtime !== 'agent') return `runtime ${runtime}`;
  return source.from === 'cmd' ? '--cmd' : undefined;
}

async function program(source: Source, script: string | undefined): Promise<Partial<ExecutionRequest>> {
  switch (source.from) {
    case 'url':
      return { codeUrl: source.url, codeHash: source.hash, allowInsecureCodeUrl: source.insecure };
    case 'cmd':
      return { cmd: source.cmd };
    case 'eval':
      return { code: source.code };
    case 'file':
      return { code: script ?? '' };
    case 'stdin':
      return { code: await readStdin() };
  }
}

async function readScript(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const text = code === 'ENOENT' ? `File not found: ${path}` : `cannot read ${path}: ${message}`;
    throw new Error(text, { cause: error });
  }
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** The `--out` file. It exists from here on, even if the program prints nothing. */
async function openCopy(path: string) {
  try {
    const handle = await open(path, 'w');
    return { write: (text: string) => handle.appendFile(text), close: () => handle.close() };
  } catch (error) {
    throw new Error(`cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}
