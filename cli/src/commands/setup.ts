/** `setup` makes sure that the images of all runtimes are there and current. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Command } from 'commander';
import type { BuildProgress } from 'isol8';
import { readConfig } from '../config.js';
import { checkDocker } from '../docker.js';
import { Exit } from '../exit.js';
import { debug, say } from '../messages.js';
import { stderr, stdout } from '../output.js';
import { plain, StatusLine } from '../status.js';

const DOCKER_HINTS = [
  '  Install Docker: https://docs.docker.com/get-docker/',
  '  On macOS, start it with: open -a Docker',
];

interface SetupFlags {
  force?: boolean;
  only?: string;
}

export function registerSetup(program: Command): void {
  program
    .command('setup')
    .description('Check Docker and build the images that are missing or out of date')
    .option('--force', 'build even what is up to date')
    .option('--only <runtimes>', 'just these runtimes, such as python,node')
    .option('--debug', 'say what is being done')
    .action(async (flags: SetupFlags) => {
      process.exitCode = await setup(flags);
    });
}

async function setup({ force = false, only }: SetupFlags): Promise<number> {
  await readConfig();
  const { buildBaseImages, RuntimeRegistry } = await import('isol8');
  const runtimes = only
    ?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
    .map((name) => RuntimeRegistry.get(name).name);
  if (runtimes?.length === 0) throw new Error(`Invalid value for --only: ${only}`);

  await checkDocker(DOCKER_HINTS);

  const report = new Report();
  try {
    await buildBaseImages(null, (progress) => report.take(progress), force, runtimes);
    // The last progress call and the result reach us independently, though in the same turn of the event loop.
    await nextTurn();
  } catch (error) {
    await nextTurn();
    if (!report.failed) throw error;
    debug('Setup', String(error));
  } finally {
    report.end();
  }
  if (report.failed) return Exit.Failed;
  stdout.line('[DONE] Setup complete!');
  return 0;
}

/** Turns progress into a live line on a terminal, and into plain lines elsewhere. */
class Report {
  failed = false;
  readonly #status = new StatusLine();
  #step = '';

  take({ runtime, status, message }: BuildProgress): void {
    const text = message ? `${runtime}: ${plain(message)}` : runtime;
    switch (status) {
      case 'building':
        this.#building(message ? text : `${runtime}: building`);
        return;
      case 'done':
        this.end();
        say('OK', text);
        return;
      case 'error':
        this.end();
        this.failed = true;
        say('ERR', text);
        return;
    }
  }

  end(): void {
    this.#status.clear();
  }

  #building(step: string): void {
    if (stderr.isTTY) this.#status.show(step);
    else if (step !== this.#step) say('INFO', step);
    this.#step = step;
  }
}
