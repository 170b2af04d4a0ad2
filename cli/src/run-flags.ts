/** The flags of `run`: what they are called, and what the help says of them. */
import { type Command, Option } from 'commander';
import type { NetworkMode } from 'isol8';
import type { KeyFlags } from './api-key.js';
import type { UrlFlags } from './code-url.js';
import { collect } from './lists.js';
import { NETWORK_MODES } from './network.js';

/** Flags as typed; numbers are still text. */
export interface RunFlags extends UrlFlags, KeyFlags {
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

/** Adds them to a command. */
export function declareRunFlags(command: Command): Command {
  return command
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
    .optionsGroup('Server:')
    .option('--host <url>', 'run on a server instead of this machine, such as http://localhost:3000')
    .option('--key <key>', 'key for the server (others can see it in listings of processes; default: ISOL8_API_KEY)')
    .option('--key-file <file>', 'read the key from a file')
    .optionsGroup('Output:')
    .addOption(new Option('--stream', 'show output as it arrives, which is the default').hideHelp())
    .option('--no-stream', 'show all output at the end')
    .option('--out <file>', "also write the program's standard output to a file")
    .addOption(new Option('--writable', 'make the root filesystem writable').hideHelp())
    .option('--debug', 'say what is being done');
}
