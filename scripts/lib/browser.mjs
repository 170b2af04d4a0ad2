// A browser to test the console in.

import { existsSync } from 'node:fs';
import { canInstall, install } from './debian.mjs';
import { Failure } from './steps.mjs';

/** Where one is, on the systems that we know; the first is where Debian has it. */
const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** The path of a browser, if there is one: what the variable `CHROMIUM` says, or one that is installed. */
export const browserPath = () => process.env.CHROMIUM ?? PLACES.find(existsSync);

/** Step function. */
export async function ensureBrowser(task) {
  const path = browserPath();
  if (path && (await task.ask(path, ['--version']))) return;
  const next = 'install Chromium or Chrome, or say where it is in the variable CHROMIUM';
  if (path) throw new Failure(`${path} does not start`, { next });
  if (!canInstall()) throw new Failure('Chromium not found', { next });
  // Without its fonts every text would be empty boxes.
  await install(task, 'chromium', 'fonts-dejavu-core');
}
