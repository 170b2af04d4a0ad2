// Three storms: twenty engines, 200 executions at a time of all kinds, aborts and stops at random. Says what went wrong
// and what is left. `storm.mjs SEED` repeats the storm with this seed.
import { randomInt } from 'node:crypto';
import { DockerIsol8 } from 'isol8';
import { Random } from './storm/random.mjs';
import { round } from './storm/round.mjs';
import { containers, settledTraces } from './storm/traces.mjs';

const ROUNDS = 3;
const RUNTIMES = ['bash', 'python', 'node', 'bun', 'deno'];
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'exit', 'beforeExit', 'unhandledRejection'];

const seed = process.argv[2] === undefined ? randomInt(2 ** 32) : Number(process.argv[2]);
const began = performance.now();
const say = (text) => console.error(`${((performance.now() - began) / 1000).toFixed(1)} s: ${text}`);

/** What is loaded and opened once, whatever comes afterwards. */
async function warmUp() {
  const engine = new DockerIsol8({ poolSize: 0 });
  await Promise.all(
    RUNTIMES.map((runtime) => engine.execute({ runtime, cmd: ':' }, { signal: new AbortController().signal })),
  );
  await engine.stop();
  await containers();
}

const listeners = () => SIGNALS.reduce((sum, name) => sum + process.listenerCount(name), 0);

say(`seed ${seed}`);
const random = new Random(seed);
await warmUp();
const before = { ...(await settledTraces(({ kinds }) => !kinds['socket:'])), listeners: listeners() };
const problems = [];
const after = [];
for (let n = 1; n <= ROUNDS; n++) {
  say(`round ${n}`);
  const { problems: found, remains } = await round(random, say);
  problems.push(...found);
  const left = () => remains.flatMap((remain) => remain());
  const isClean = ({ open, auditThreads }) => open <= before.open && auditThreads === 0 && left().length === 0;
  after.push({ ...(await settledTraces(isClean)), listeners: listeners() });
  problems.push(...left());
  say(JSON.stringify(after.at(-1)));
}
console.log(JSON.stringify({ seed, problems, before, after, seconds: (performance.now() - began) / 1000 }));
