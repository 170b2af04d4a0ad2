/**
 * Entry point: run the command, turn whatever came of it into text and an exit code, end.
 *
 * The process exits here and nowhere else (a second signal apart, see signals.ts): when both streams have taken
 * every byte, and whether or not something would still keep the event loop alive.
 */
import { CommanderError } from 'commander';
import { Exit } from './exit.js';
import { explain, hasCode } from './failure.js';
import { debug, say } from './messages.js';
import { stderr, stdout } from './output.js';
import { createProgram } from './program.js';

async function main(args: string[]): Promise<number> {
  try {
    const code = await runCommand(args);
    await stdout.flush();
    return code;
  } catch (error) {
    // The reader of a pipe, such as `head`, had enough. That is not worth a message.
    if (hasCode(error, 'EPIPE')) return Exit.BrokenPipe;
    const { message, details } = explain(error);
    say('ERR', message);
    for (const line of details) stderr.line(line);
    if (error instanceof Error && error.stack) debug('CLI', error.stack);
    return Exit.Failed;
  }
}

async function runCommand(args: string[]): Promise<number> {
  const program = createProgram();
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Help, version and usage errors: commander has written them.
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
}

const code = await main(process.argv.slice(2));
// After a failure there may still be output on its way; a stream that broke has been dealt with.
await Promise.allSettled([stdout.flush(), stderr.flush()]);
process.exit(code);
