/** `build` makes an image that extends the one of a runtime: with packages in it, a setup script, or both. */
import type { Command } from 'commander';
import type { Runtime } from 'isol8';
import { checkDocker } from '../docker.js';
import { collect, members } from '../lists.js';
import { say } from '../messages.js';
import { stdout } from '../output.js';
import { showingProgress } from '../progress.js';
import { RUNTIMES } from '../runtimes.js';
import { firstLine, setupScript } from '../setup-script.js';
import { plain } from '../status.js';

interface BuildFlags {
  base: string;
  tag: string;
  install?: string[];
  setup?: string[];
  force?: boolean;
}

export function registerBuild(program: Command): void {
  program
    .command('build')
    .description('Build an image with packages, or with a setup script, on top of that of a runtime')
    .argument('[packages...]', 'more packages to install')
    .requiredOption('--base <runtime>', 'python, node, bun, deno, bash or agent')
    .requiredOption('--tag <name>', 'name of the image')
    .option('--install <package>', 'install a package, or several, separated by commas (repeatable)', collect)
    .option(
      '--setup <command|file>',
      'bash to run before every execution: a command, or a file with commands (repeatable)',
      collect,
    )
    .option('--force', 'build even if the image is up to date')
    .option('--debug', 'say what is being done')
    .action(build);
}

async function build(surplus: string[], { base, tag, install = [], setup, force = false }: BuildFlags): Promise<void> {
  if (!RUNTIMES.includes(base as Runtime)) {
    throw new Error(`Invalid runtime: ${base}. Expected one of: ${RUNTIMES.join(', ')}`);
  }
  const runtime = base as Runtime;
  const packages = members(...install, ...surplus);
  const script = await setupScript(setup ?? []);
  if (packages.length === 0 && !script?.trim()) {
    throw new Error('No packages or setup script specified. Use --install <package> or --setup <command>.');
  }
  await checkDocker();

  const { buildBaseImages, buildCustomImage, imageExists } = await import('isol8');
  if (!(await imageExists(null, `isol8:${base}`))) {
    await showingProgress(base, async (onProgress) => {
      await buildBaseImages(null, onProgress, false, [base]);
      return base;
    });
  }
  say('OK', `Base image ready: ${base}`);
  await showingProgress(tag, (onProgress) => buildCustomImage(null, runtime, packages, tag, onProgress, force, script));
  say('OK', `Built image: ${tag}`);

  stdout.line('');
  say('DONE', 'Custom image build complete!', stdout);
  stdout.line(`  Runtime:  ${base}`);
  if (packages.length > 0) stdout.line(`  Packages: ${packages.join(', ')}`);
  if (script?.trim()) stdout.line(`  Setup:    ${plain(firstLine(script))}`);
  stdout.line(`  Image:    ${tag}`);
}
