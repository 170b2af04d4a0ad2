// Makes a server, keeps nothing of it but its port, and asks it something after garbage has been collected.
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createServer } from 'isol8';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

const port = await (async () =>
  (await createServer({ port: 0, host: '127.0.0.1', apiKey: 'of-nobody', config: {} })).port)();
for (let round = 0; round < 10; round++) {
  collect();
  await pause(20);
}
console.log((await (await fetch(`http://127.0.0.1:${port}/health`)).json()).status);
process.exit();
