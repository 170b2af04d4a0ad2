// The load: engines of all kinds, each asked by several at a time for executions of all kinds, until it is told to stop.
//
// Executions are those of the storm test, which knows how each has to end. What ends otherwise needs an excuse: that
// something went wrong around it, and that the error is one that says so. Reports go to the parent.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Execution } from '../../__test__/programs/storm/execution.mjs';
import { Ship } from '../../__test__/programs/storm/fleet.mjs';
import { plan } from '../../__test__/programs/storm/plan.mjs';
import { Random } from '../../__test__/programs/storm/random.mjs';
import { settledTraces } from '../../__test__/programs/storm/traces.mjs';
import { VICTIM } from './daemon.mjs';

const [socketPath, seed] = [process.argv[2], Number(process.argv[3])];

const KINDS = [
  { mode: 'persistent', runtimes: [['bash']] },
  { mode: 'persistent', runtimes: [['python']] },
  { runtimes: [['bash', 'python']], poolSize: { clean: 1, dirty: 2 } },
  { runtimes: [['bash', 'node']], poolSize: { clean: 0, dirty: 2 } },
  { runtimes: [['bash']], poolSize: 0 },
  { runtimes: [['bash', 'python']], poolStrategy: 'secure', poolSize: 1 },
  { runtimes: [['python', 'bash']], network: 'filtered' },
  { runtimes: [['bash']], image: VICTIM },
];
/** Requests that each engine has at a time; it works on two. */
const CLIENTS = 3;
/** Whoever has to wait for ever would not be told from a slow one otherwise. Far beyond any patience of the engine. */
const HANG_MS = 120_000;
const REPORT_MS = 30_000;
/** An engine is stopped now and then, and used again. */
const STOP_CHANCE = 0.004;

/** Errors that say what went wrong around an execution. */
const EXCUSES = new Set([
  'SANDBOX_LOST',
  'SESSION_LOST',
  'SANDBOX_START_FAILED',
  'DOCKER_UNAVAILABLE',
  'DOCKER_FAILED',
  'IMAGE_NOT_FOUND',
  'IMAGE_BUILD_FAILED',
  // What a container of a session that was lost held.
  'NO_CONTAINER',
]);

const tally = { begun: 0, settled: 0, asPlanned: 0, excused: 0, outcomes: {}, excuses: {} };
const problems = [];
const memory = [];
let troubledUntil = 0;
let isTroubled = false;
let isOver = false;

process.on('message', ({ stop, chaos }) => {
  if (stop) isOver = true;
  if (chaos === 'begins') isTroubled = true;
  if (chaos === 'over') {
    isTroubled = false;
    troubledUntil = performance.now();
  }
});

const directory = await mkdtemp(join(tmpdir(), 'isol8-soak-'));
const ships = KINDS.map((kind, number) => new Ship(number, { share: 1, docker: { socketPath }, ...kind }, directory));
for (const ship of ships) ship.lastWell = performance.now();
// What is loaded and opened once.
await Promise.all(ships.map(({ engine, runtimes }) => engine.execute({ runtime: runtimes[0], cmd: ':' })));
await Promise.all(ships.map(({ engine }) => engine.stop()));
const before = await settledTraces(({ kinds }) => !kinds['socket:']);
process.send({ kind: 'ready' });

const reporter = setInterval(report, REPORT_MS);
await Promise.all(ships.flatMap((ship, number) => Array.from({ length: CLIENTS }, (_, n) => client(ship, number, n))));
await Promise.all(ships.map((ship) => within('stop() of an engine', ship.stop()).catch((error) => blame(error.stack))));
clearInterval(reporter);
const after = await settledTraces(({ open }) => open <= before.open);
await rm(directory, { recursive: true });
process.send({ kind: 'final', tally, problems, before, after, memory });
process.disconnect();

/** One who asks for one execution after the other. */
async function client(ship, shipNumber, clientNumber) {
  const random = new Random(seed + shipNumber * 1000 + clientNumber);
  for (let number = 0; !isOver; number++) {
    await one(ship, plan(random, ship, number));
    if (random.chance(STOP_CHANCE))
      await within('stop() of an engine', ship.stop()).catch((error) => blame(error.stack));
  }
}

async function one(ship, planned) {
  const began = performance.now();
  tally.begun += 1;
  const execution = new Execution(ship, planned);
  let problem;
  try {
    problem = await within(execution.describe(), execution.settled);
  } catch (error) {
    return blame(error.message);
  }
  tally.settled += 1;
  tally.outcomes[execution.outcome] = (tally.outcomes[execution.outcome] ?? 0) + 1;
  if (!problem) {
    tally.asPlanned += 1;
    ship.lastWell = began;
    return;
  }
  // Also what happened to its sandbox before, while nobody used it.
  const isExcused = isTroubled || troubledUntil > Math.min(began, ship.lastWell);
  if (isExcused && EXCUSES.has(execution.outcome)) {
    tally.excused += 1;
    tally.excuses[execution.outcome] = (tally.excuses[execution.outcome] ?? 0) + 1;
    // Nobody who is told to try again does so at once.
    await pause(200);
  } else {
    blame(`${execution.describe()}: ${problem}`);
  }
}

function blame(problem) {
  // Enough to work on, and not so much that it fills the memory that is measured.
  if (problems.length < 50) problems.push(problem);
  process.send({ progress: `PROBLEM: ${problem}` });
}

async function within(what, promise) {
  const late = new AbortController();
  const alarm = pause(HANG_MS, undefined, { signal: late.signal }).then(
    () => Promise.reject(new Error(`not settled after ${HANG_MS / 1000} s: ${what}`)),
    () => new Promise(() => {}),
  );
  return Promise.race([promise, alarm]).finally(() => late.abort());
}

function report() {
  globalThis.gc();
  const mib = process.memoryUsage().rss / 2 ** 20;
  memory.push(mib);
  const { begun, settled, excused } = tally;
  const figures = `${begun} begun, ${settled} settled, ${excused} of them excused, ${problems.length} problems`;
  process.send({ progress: `${figures}, ${mib.toFixed(0)} MiB` });
}
