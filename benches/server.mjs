// `npm run bench:server`: what a server adds to the programs that it runs, alone and under load.

import { bench } from './lib/main.mjs';
import { fairness } from './server/fairness.mjs';
import { serial } from './server/serial.mjs';
import { throughput } from './server/throughput.mjs';

await bench('bench:server', { bash: serial, python: serial, throughput, fairness });
