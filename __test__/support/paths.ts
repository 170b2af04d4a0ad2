/** Where things are in this checkout. */
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export const CLI = fileURLToPath(new URL('../../cli/dist/main.js', import.meta.url));
