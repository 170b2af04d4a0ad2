// `npm run bench`: how fast isol8 is, next to what people use today, on this machine, now.
//
//   npm run bench [-- --quick] [--runs N] [--only name,...] [--json] [--check]
//
// What is compared is measured in turns within the same loop, so that whatever else the machine does
// meets both alike. The table goes to stdout and progress to stderr; with --json the last line of
// stdout is one JSON object. Nothing is left behind, after Ctrl-C neither.

import { CASES } from './cases/index.mjs';
import { parse, USAGE } from './lib/arguments.mjs';
import { Cleanup } from './lib/cleanup.mjs';
import { describeMachine } from './lib/machine.mjs';
import { Progress } from './lib/progress.mjs';
import { report } from './lib/table.mjs';

const options = parse(process.argv.slice(2), Object.keys(CASES));
if (options.problem || options.help) {
  (options.help ? process.stdout : process.stderr).write(`${options.problem ? `${options.problem}\n` : ''}${USAGE}\n`);
  process.exit(options.help ? 0 : 2);
}

const progress = new Progress();
const cleanup = new Cleanup(progress);
const machine = await describeMachine();
const cases = {};
try {
  for (const name of options.only) {
    cases[name] = await CASES[name]({ name, options, progress, cleanup });
  }
} catch (error) {
  if (!cleanup.interrupted) {
    progress.say(error.stack ?? String(error));
    process.exitCode = 1;
  }
} finally {
  await cleanup.run();
}

if (process.exitCode === undefined) {
  process.stdout.write(report(machine, cases));
  if (options.json) process.stdout.write(`${JSON.stringify({ machine, runs: options.runs, cases })}\n`);
  const met = Object.values(cases).every(({ goals }) => goals.every((goal) => goal.met));
  if (options.check && !met) process.exitCode = 1;
}
