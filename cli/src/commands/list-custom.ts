/** `list-custom` shows the custom images, whatever they are called. */
import type { Command } from 'commander';
import type { CustomImageInfo } from 'isol8';
import { checkDocker } from '../docker.js';
import { stderr, stdout } from '../output.js';
import { firstLine } from '../setup-script.js';
import { plain } from '../status.js';

export function registerListCustom(program: Command): void {
  program
    .command('list-custom')
    .description('List the images that were built with packages or setup scripts')
    .option('--debug', 'say what is being done')
    .action(listCustom);
}

async function listCustom(): Promise<void> {
  await checkDocker();
  const { listCustomImages } = await import('isol8');
  const images = await listCustomImages();
  if (images.length === 0) stderr.line('No custom isol8 images found.');
  else stdout.line(['── Available Custom Images ──', ...images.map(describe)].join('\n\n'));
}

/** Anyone can have put a label on an image: none may take hold of the terminal. */
function describe({ tags, runtime, dependencies, setupScript }: CustomImageInfo): string {
  const lines = [
    plain(tags.join(', ')),
    `  Runtime:      ${plain(runtime)}`,
    `  Dependencies: ${plain(dependencies.join(', ')) || '(none)'}`,
  ];
  if (setupScript) lines.push(`  Setup:        ${plain(firstLine(setupScript))}`);
  return lines.join('\n');
}
