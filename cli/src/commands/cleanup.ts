/** `cleanup` removes what isol8 left on the Docker engine: what it shows, once that is confirmed, and nothing else. */
import type { Command } from 'commander';
import type { CleanupResult, ContainerInfo, ImageInfo } from 'isol8';
import { readConfig } from '../config.js';
import { confirm } from '../confirm.js';
import { checkDocker } from '../docker.js';
import { Exit } from '../exit.js';
import { debug, paint } from '../messages.js';
import { stderr, stdout } from '../output.js';
import { interruption } from '../signals.js';
import { plain, StatusLine } from '../status.js';

interface CleanupFlags {
  force?: boolean;
  images?: boolean;
}

export function registerCleanup(program: Command): void {
  program
    .command('cleanup')
    .description('Remove containers, and if asked to images, that isol8 left behind')
    .option('--force', 'do not ask')
    .option('--images', "remove isol8's images as well")
    .option('--debug', 'say what is being done')
    .action(async (flags: CleanupFlags) => {
      const status = new StatusLine();
      try {
        process.exitCode = await Promise.race([cleanup(flags, status), interruption()]);
      } finally {
        status.clear();
        // The question is left open by a signal.
        stdout.endLine();
      }
    });
}

async function cleanup(
  { force = false, images: withImages = false }: CleanupFlags,
  status: StatusLine,
): Promise<number> {
  await readConfig();
  await checkDocker();
  const { DockerIsol8, listContainers, listImages } = await import('isol8');
  const everything = withImages ? 'containers and images' : 'containers';
  status.show(`Looking for isol8 ${everything}...`);
  const [containers, images] = await Promise.all([listContainers(), withImages ? listImages() : []]);
  status.clear();
  const removable = containers.filter(({ inUse }) => !inUse);
  debug('Cleanup', `${containers.length} containers, ${removable.length} of them not in use, ${images.length} images`);

  announce(removable, images, withImages);
  if (removable.length < containers.length) {
    const spared = containers.length - removable.length;
    stderr.line(`Left alone ${spared} container(s) that other isol8 processes are using`);
  }
  if (removable.length + images.length === 0) return 0;
  if (!force && !(await confirm(`Remove all these ${everything}? [y/N] `))) {
    stdout.line('Cleanup cancelled');
    return 0;
  }

  // By their ids, so that what has appeared since they were shown stays.
  const outcomes: boolean[] = [];
  if (removable.length > 0) {
    status.show('Removing containers...');
    const removal = await DockerIsol8.cleanup(null, idsOf(removable));
    status.clear();
    outcomes.push(report('container(s)', removal));
  }
  if (images.length > 0) {
    status.show('Removing images...');
    const removal = await DockerIsol8.cleanupImages(null, idsOf(images));
    status.clear();
    outcomes.push(report('image(s)', removal));
  }
  return outcomes.every(Boolean) ? 0 : Exit.Failed;
}

const idsOf = (found: { id: string }[]) => found.map(({ id }) => id);

/** A summary on stderr, and on stdout a row for everything that would be removed. */
function announce(containers: ContainerInfo[], images: ImageInfo[], withImages: boolean): void {
  if (containers.length + images.length === 0) {
    stderr.line(`No isol8 containers${withImages ? ' or images' : ''} found`);
    return;
  }
  stderr.line(`Found ${containers.length} isol8 container(s)${withImages ? ` and ${images.length} image(s)` : ''}`);
  for (const { id, image, running, createdAt } of containers) {
    const state = running ? 'running' : 'stopped';
    const dot = stdout.isTTY ? `${paint('●', running ? 'green' : 'grey', stdout)} ` : '';
    stdout.line(`  ${dot}${state}  ${shortId(id)}  ${plain(imageName(image))}  ${localTime(createdAt)}`);
  }
  for (const { id, tags } of images) {
    stdout.line(`  ${shortId(id)}  ${tags.length === 0 ? '<untagged>' : plain(tags.join(', '))}`);
  }
}

/** Says what came of a removal, and whether all went well. */
function report(what: string, { removed, failed, errors }: CleanupResult): boolean {
  for (const error of errors) stderr.line(`  Failed to remove ${plain(error)}`);
  stderr.line(`Removed ${removed} ${what}${failed === 0 ? '' : `, ${failed} failed`}`);
  return failed === 0;
}

const HASH = /^(?:sha256:)?([0-9a-f]{12})[0-9a-f]*$/;

/** An id as people know it. */
function shortId(id: string): string {
  return HASH.exec(id)?.[1] ?? plain(id);
}

/** A container that was started from an image's id has no better name for it. */
function imageName(image: string): string {
  return image.startsWith('sha256:') ? shortId(image) : image;
}

function localTime(iso: string): string {
  return new Date(iso).toLocaleString();
}
