// Runs a thousand programs one after the other. Says how many went wrong, and by how much this process has grown
// since the first hundred. Then stays, with its engine stopped.
import { DockerIsol8 } from 'isol8';
import { residentMiB } from './memory.mjs';

const engine = new DockerIsol8();
let wrong = 0;
let before = 0;
for (let n = 1; n <= 1000; n++) {
  const { stdout, exitCode } = await engine.execute({
    runtime: 'bash',
    cmd: 'read -r line; echo "$line"; exit 3',
    stdin: `run ${n}\n`,
  });
  if (stdout !== `run ${n}` || exitCode !== 3) wrong += 1;
  if (n === 100) before = residentMiB();
}
const grownMiB = residentMiB() - before;
await engine.stop();
console.log(JSON.stringify({ grownMiB, wrong, stopped: true }));
setInterval(() => engine, 1000);
