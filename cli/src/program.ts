/** The commands and what they share. Commander throws instead of exiting, so that `main` decides how we end. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { registerBuild } from './commands/build.js';
import { registerCleanup } from './commands/cleanup.js';
import { registerCompletion } from './commands/completion.js';
import { registerConfig } from './commands/config.js';
import { registerHelp } from './commands/help.js';
import { registerListCustom } from './commands/list-custom.js';
import { registerLogin } from './commands/login.js';
import { registerLogout } from './commands/logout.js';
import { registerRun } from './commands/run.js';
import { registerServe } from './commands/serve.js';
import { registerSession } from './commands/session.js';
import { registerSetup } from './commands/setup.js';
import { setDebug } from './messages.js';
import { stderr, stdout } from './output.js';

export function createProgram(): Command {
  const program = new Command('isol8')
    .description('Run untrusted code in locked-down containers')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .option('--debug', 'say what is being done')
    // What follows a command's name is the command's: `run -e -V` evaluates "-V".
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text).catch(() => {}),
      writeErr: (text) => void stderr.write(text).catch(() => {}),
    })
    .hook('preAction', (_, command) => setDebug(command.optsWithGlobals().debug === true));
  registerRun(program);
  registerSetup(program);
  registerBuild(program);
  registerListCustom(program);
  registerServe(program);
  registerLogin(program);
  registerLogout(program);
  registerSession(program);
  registerConfig(program);
  registerCleanup(program);
  registerCompletion(program);
  registerHelp(program);
  return program;
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
}
