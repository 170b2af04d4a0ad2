// `npm run bench`: how fast isol8 is, next to what people use today, on this machine, now.

import { CASES } from './cases/index.mjs';
import { bench } from './lib/main.mjs';

await bench('bench', CASES);
