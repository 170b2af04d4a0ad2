/** `setup` makes sure that all images are there and current: those of the runtimes, and those that are configured. */
import type { Command } from 'commander';
import type { PrebuiltImageConfig, Runtime } from 'isol8';
import { readConfig } from '../config.js';
import { checkDocker } from '../docker.js';
import { Exit } from '../exit.js';
import { members } from '../lists.js';
import { debug, say } from '../messages.js';
import { stdout } from '../output.js';
import { BaseReport, lastProgress, showingProgress } from '../progress.js';
import { RUNTIMES } from '../runtimes.js';
import { plain } from '../status.js';

const DOCKER_HINTS = [
  '  Install Docker: https://docs.docker.com/get-docker/',
  '  On macOS, start it with: open -a Docker',
];

type SetupFlags = { force?: boolean; only?: string } & Partial<Record<(typeof RUNTIMES)[number], string>>;

/** An image to build. Without a tag, it gets one that names its contents. */
type Wanted = Omit<PrebuiltImageConfig, 'tag'> & { tag?: string };

export function registerSetup(program: Command): void {
  const command = program
    .command('setup')
    .description('Check Docker and build the images that are missing or out of date')
    .option('--force', 'build even what is up to date')
    .option('--only <runtimes>', 'just these runtimes, such as python,node');
  for (const runtime of RUNTIMES) {
    command.option(`--${runtime} <packages>`, `also build an image with these packages for ${runtime}`);
  }
  command.option('--debug', 'say what is being done').action(async (flags: SetupFlags) => {
    process.exitCode = await setup(flags);
  });
}

async function setup(flags: SetupFlags): Promise<number> {
  const { force = false, only } = flags;
  const { RuntimeRegistry } = await import('isol8');
  const names = only === undefined ? undefined : new Set(members(only).map((name) => RuntimeRegistry.get(name).name));
  if (names?.size === 0) throw new Error(`Invalid value for --only: ${only}`);
  const { config } = await readConfig();
  const isWanted = ({ runtime }: Wanted) => names?.has(runtime) ?? true;
  const baked = RUNTIMES.map((runtime) => bakedImage(runtime, flags[runtime], config.dependencies[runtime]));
  const prebuilt = config.prebuiltImages.filter(isWanted);

  await checkDocker(DOCKER_HINTS);
  if (!(await buildBases(force, names && [...names]))) return Exit.Failed;
  for (const image of baked.filter((image) => image.installPackages.length > 0 && isWanted(image))) {
    await buildCustom(image, force);
  }
  if (prebuilt.length > 0) stdout.line('');
  for (const image of prebuilt) await buildCustom(image, force);
  stdout.line('[DONE] Setup complete!');
  return 0;
}

/** The image with the packages of a flag, or else of the configuration. */
function bakedImage(runtime: Runtime, flag: string | undefined, configured: readonly string[] = []): Wanted {
  return { runtime, installPackages: flag === undefined ? members(...configured) : members(flag) };
}

/** Whether all went well; what did not has been said. */
async function buildBases(force: boolean, runtimes: string[] | undefined): Promise<boolean> {
  const { buildBaseImages } = await import('isol8');
  const report = new BaseReport();
  try {
    await buildBaseImages(null, (progress) => report.take(progress), force, runtimes);
    await lastProgress();
  } catch (error) {
    await lastProgress();
    if (!report.failed) throw error;
    debug('Setup', String(error));
  } finally {
    report.end();
  }
  return !report.failed;
}

async function buildCustom({ tag, runtime, installPackages, setupScript }: Wanted, force: boolean): Promise<void> {
  const { buildCustomImage } = await import('isol8');
  const packages = members(...installPackages);
  const built = await showingProgress(tag ?? runtime, (onProgress) =>
    buildCustomImage(null, runtime as Runtime, packages, tag, onProgress, force, setupScript),
  );
  const contents = packages.join(', ') || 'setup script only';
  say('OK', plain(built.wasThere ? `${built.tag} (already exists)` : `${built.tag} (${runtime}: ${contents})`));
}
