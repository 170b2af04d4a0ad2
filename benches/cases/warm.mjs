// A program in a warm sandbox: our execute() against an exec through dockerode, and both against the
// time that the program takes by itself, as the guest measures it.

import { alternate, timed } from '../lib/alternate.mjs';
import { atLeast, atMost } from '../lib/goals.mjs';
import { exec, warmPeer } from '../lib/peer.mjs';
import { inspect, settle, succeed, warmEngine } from '../lib/sandbox.mjs';
import { round, summarize } from '../lib/statistics.mjs';

const OVERHEAD_MS = 2;
const WARMUP = 3;

/** What runs, the command that the engine makes of it, and how many times faster than an exec it has to be. */
export const PROGRAMS = {
  python: { code: 'print("hello")', argv: ['python3', '/sandbox/main.py'], faster: 5 },
  node: {
    code: 'console.log("hello")',
    argv: ['node', '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', '/sandbox/main.js'],
    faster: 2.5,
  },
  bun: { code: 'console.log("hello")', argv: ['bun', 'run', '/sandbox/main.ts'], faster: 5 },
  deno: {
    code: 'console.log("hello")',
    argv: [
      ...['deno', 'run', '--allow-read=/sandbox,/tmp', '--allow-write=/sandbox,/tmp', '--allow-env', '--allow-net'],
      '/sandbox/main.mts',
    ],
    faster: 2.5,
  },
  bash: { code: 'echo hello', argv: ['bash', '/sandbox/main.sh'], faster: 25 },
};

export async function warm({ name: runtime, options: { runs }, progress, cleanup }) {
  const { code, argv, faster } = PROGRAMS[runtime];
  progress.at(runtime, 'starting');
  const { engine, stop } = await warmEngine(runtime, cleanup);
  const environment = await succeed(engine, { runtime, cmd: 'env --unset=_ --unset=PWD --unset=SHLVL --unset=OLDPWD' });
  const ours = await inspect(environment.containerId);
  const script = argv.at(-1);
  const { container, remove } = await warmPeer(ours, { script, code, env: environment.stdout.split('\n') }, cleanup);
  await settle();

  const request = { runtime, code };
  const sides = {
    async isol8() {
      const { ms, value } = await timed(() => succeed(engine, request));
      check(value.stdout);
      return { ms, program: value.programMs };
    },
    async dockerodeExec() {
      const { ms, value } = await timed(() => exec(container, argv));
      check(value.stdout);
      return ms;
    },
  };
  const onRound = (done) => progress.at(runtime, `${Math.max(done, 0)} of ${runs}`);
  const { isol8, dockerodeExec } = await alternate(sides, { runs, warmup: WARMUP, onRound });
  // Without the pauses: the reset of the sandbox that was just used is in the next one's way.
  const { hurried } = await alternate({ hurried: sides.isol8 }, { runs, warmup: WARMUP, pause: 0 });
  await stop();
  await remove();

  const series = {
    'isol8 execute()': summarize(isol8.map(({ ms }) => ms)),
    'dockerode exec': summarize(dockerodeExec),
    'the program itself': summarize(isol8.map(({ program }) => program)),
    overhead: summarize(isol8.map(({ ms, program }) => ms - program)),
    'overhead, back to back': summarize(hurried.map(({ ms, program }) => ms - program)),
  };
  const over = (what) => round(series['dockerode exec'].median / series[what].median);
  const ratio = over('isol8 execute()');
  // Nobody is faster than the program itself.
  const ceiling = over('the program itself');
  return {
    unit: 'ms',
    series,
    ratios: { 'dockerode exec / isol8 execute()': ratio, 'dockerode exec / the program itself': ceiling },
    goals: [
      atMost('overhead', series.overhead.median, OVERHEAD_MS, 'ms'),
      atLeast('faster than dockerode exec', ratio, faster, '×'),
    ],
    notes: [`${runtime}: without any overhead of ours it would be ${ceiling.toFixed(2)}× faster than dockerode exec`],
  };
}

function check(stdout) {
  if (stdout.trim() !== 'hello') throw new Error(`expected hello, got ${JSON.stringify(stdout)}`);
}
