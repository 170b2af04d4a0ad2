/** `run [file]` runs one program in a sandbox of its own and exits with the program's exit code. */
import { open, readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { DockerIsol8Options, ExecutionRequest, NetworkLogEntry, NetworkMode, Runtime } from 'isol8';
import type { UrlFlags } from '../code-url.js';
import { readConfig } from '../config.js';
import { execute } from '../execution.js';
import { chooseRuntime, chooseSource, fileExtension, type Source } from '../input.js';
import { hintAtImage } from '../install-hint.js';
import { collect } from '../lists.js';
import { debug, isDebug, say } from '../messages.js';
import { NETWORK_MODES, networkFilter, networkMode, printLogs, summarizeBlocks } from '../network.js';
import { positiveInteger, positiveNumber } from '../numbers.js';
import { stderr, stdout } from '../output.js';
import { projectFiles } from '../project-files.js';
import { parseSecrets } from '../secrets.js';
import { setupScript } from '../setup-script.js';
import { interruption } from '../signals.js';

/** Flags as typed; numbers are still text. */
interface RunFlags extends UrlFlags {
  eval?: string;
  cmd?: string;
  runtime?: string;
  stdin?: string;
  workdir?: string;
  net?: NetworkMode;
  allow?: string[];
  deny?: string[];
  logNetwork?: boolean;
  timeout?: string;
  memory?: string;
  cpu?: string;
  pidsLimit?: string;
  maxOutput?: string;
  sandboxSize?: string;
  tmpSize?: string;
  image?: string;
  secret?: string[];
  setup?: string[];
  files?: string;
  install?: string[];
  agentFlags?: string;
  persistent?: boolean;
  persist?: boolean;
  sessionId?: string;
  host?: string;
  stream?: boolean;
  writable?: boolean;
  out?: string;
}

export function registerRun(program: Command): void {
  program
    .command('run')
    .description('Run a file, code, a command line or standard input in a sandbox')
    .argument('[file]', 'script to run')
    .optionsGroup('Program:')
    .option('-e, --eval <code>', 'run this code (python unless --runtime says otherwise; agent: a prompt)')
    .option('--cmd <command>', 'run a bash command line')
    .option('--url <url>', 'run the code at a URL, if remoteCode of the configuration allows it')
    .option('--github <path>', 'run a file on GitHub: owner/repo/ref/path/to/file')
    .option('--gist <path>', 'run a file of a gist: gistId/file.ext')
    .option('--hash <sha256>', 'hash that the fetched code has to have')
    .option('--allow-insecure-code-url', 'let --url be one of http, if the configuration does, too')
    .option('-r, --runtime <name>', 'python, node, bun, deno, bash or agent (default: from the file extension)')
    .option('--stdin <text>', 'standard input of the program')
    .option('--workdir <path>', 'working directory, inside /sandbox (default: /sandbox)')
    .option('--files <dir>', 'put the files of a directory into /sandbox first')
    .option('--install <package>', 'install a package first; alone, it lets registries through (repeatable)', collect)
    .option('--setup <command|file>', 'bash to run first: a command, or a file with commands (repeatable)', collect)
    .option('--secret <KEY=VALUE>', 'environment variable that is masked in the output (repeatable)', collect)
    .option('--agent-flags <flags>', 'more flags for pi, with --runtime agent')
    .option('--image <ref>', "image to use instead of the runtime's own")
    .optionsGroup('Network:')
    .addOption(new Option('--net <mode>', 'network access (default: none)').choices(NETWORK_MODES))
    .option('--allow <regex>', 'let programs reach hosts that match, with --net filtered (repeatable)', collect)
    .option('--deny <regex>', 'keep programs from hosts that match, whatever is allowed (repeatable)', collect)
    .option('--log-network', 'print what the program asked of the network, with --net filtered')
    .optionsGroup('Limits:')
    .option('--timeout <ms>', 'time limit in milliseconds (default: 30000)')
    .option('--memory <size>', 'memory, such as 512m or 1g (default: 512m)')
    .option('--cpu <cores>', 'processor cores, such as 0.5 (default: 1)')
    .option('--pids-limit <n>', 'number of processes (default: 64; agent: 200)')
    .option('--max-output <bytes>', 'bytes of output kept per stream (default: 1048576)')
    .option('--sandbox-size <size>', 'size of /sandbox (default: 512m; agent: 2g)')
    .option('--tmp-size <size>', 'size of /tmp (default: 256m)')
    .optionsGroup('State:')
    .option('--persistent', 'run in a persistent container, removed at the end')
    .option('--session-id <id>', 'run in a named session of a server (needs --host)')
    .option('--persist', 'leave the container running afterwards')
    .optionsGroup('Output:')
    .addOption(new Option('--stream', 'show output as it arrives, which is the default').hideHelp())
    .option('--no-stream', 'show all output at the end')
    .option('--out <file>', "also write the program's standard output to a file")
    .addOption(new Option('--writable', 'make the root filesystem writable').hideHelp())
    .option('--debug', 'say what is being done')
    .action(async (file: string | undefined, flags: RunFlags) => {
      process.exitCode = await run(file, flags);
    });
}

/** What a configuration says of `/sandbox` that has nothing to say. */
const DEFAULT_SANDBOX_SIZE = '512m';

/** The same without what was not given, so that it does not hide what stands elsewhere. */
function given<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** All that can be refused is refused before standard input is read, and that before anything is started. */
async function run(file: string | undefined, flags: RunFlags): Promise<number> {
  const limits = {
    timeoutMs: positiveInteger('--timeout', flags.timeout),
    cpuLimit: positiveNumber('--cpu', flags.cpu),
    pidsLimit: positiveInteger('--pids-limit', flags.pidsLimit),
    maxOutputSize: positiveInteger('--max-output', flags.maxOutput),
    memoryLimit: flags.memory,
    sandboxSize: flags.sandboxSize,
    tmpSize: flags.tmpSize,
    readonlyRootFs: flags.writable ? false : undefined,
  };
  if (flags.sessionId !== undefined && flags.host === undefined) {
    throw new Error('--session-id requires --host (remote server). Session IDs are managed by the server.');
  }
  const secrets = parseSecrets(flags.secret ?? []);
  const source = chooseSource({ ...flags, file });
  const setup = await setupScript(flags.setup ?? []);
  const files = flags.files === undefined ? undefined : await projectFiles(flags.files, flags.workdir);
  const script = source.from === 'file' ? await readScript(source.path) : undefined;

  // The addon is loaded here and not above, so that help and usage errors do without it.
  const { config } = await readConfig();
  const { DockerIsol8, RuntimeRegistry } = await import('isol8');
  const runtime = chooseRuntime(source, flags.runtime, RuntimeRegistry) as Runtime;
  const network = networkMode(flags);
  // What the configuration says of the network is for servers: a run has none unless it is asked for.
  const { network: _, ...defaults } = config.defaults;
  const isAgent = runtime === 'agent';
  const unused = flags.agentFlags !== undefined && whatIgnoresAgentFlags(runtime, source);
  if (unused) say('WARN', `--agent-flags has no effect with ${unused}`);
  const options = {
    ...defaults,
    // Unless a file says otherwise, the agent has more room than a program: as much as the engine gives it.
    ...(isAgent && defaults.sandboxSize === DEFAULT_SANDBOX_SIZE && { sandboxSize: undefined }),
    ...given(limits),
    security: config.security,
    audit: config.audit,
    remoteCode: config.remoteCode,
    mode: flags.persistent ? 'persistent' : 'ephemeral',
    network,
    networkFilter: networkFilter(flags, config),
    // Also without the flag: what was blocked is worth a word.
    logNetwork: network === 'filtered',
    image: flags.image,
    secrets,
    persist: flags.persist ?? false,
    debug: isDebug(),
    // There is no second run that a spare sandbox could serve.
    poolSize: { clean: 0, dirty: 0 },
  } satisfies DockerIsol8Options;
  const engine = new DockerIsol8(options, config.maxConcurrent);

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
  debug('Run', `source ${source.from}, runtime ${runtime}, network ${network}`);

  const copy = flags.out === undefined ? undefined : await openCopy(flags.out);
  try {
    const how = {
      stream: flags.stream !== false,
      interrupted: interruption(),
      stop: config.audit.enabled || options.persist,
    };
    const told = (logs: NetworkLogEntry[]) => {
      if (flags.logNetwork) printLogs(logs, stderr);
      summarizeBlocks(logs, stderr);
    };
    const installed = (ms: number) => {
      // An image that was named is used as it is, whatever others have.
      if (flags.image === undefined) hintAtImage(ms, runtime, flags.install ?? [], stderr);
    };
    const code = await execute(engine, request, how, { stdout, stderr, copy, network: told, installed });
    debug('Run', `exit code ${code}`);
    if (copy) stderr.line(`[Run] Output written to ${flags.out}`);
    return code;
  } finally {
    await copy?.close();
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
