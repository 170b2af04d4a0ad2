// What every bench program does: reads its arguments, runs its cases one after the other, and reports.
//
// What is compared is measured in turns within the same loop, so that whatever else the machine does
// meets both alike. The table goes to stdout and progress to stderr; with --json the last line of
// stdout is one JSON object. Nothing is left behind, after Ctrl-C neither.

import { parse, usage } from './arguments.mjs';
import { Cleanup } from './cleanup.mjs';
import { describeMachine } from './machine.mjs';
import { Progress } from './progress.mjs';
import { report } from './table.mjs';

/**
 * Runs the bench that npm calls `script`. Each of `cases` is a function of { name, options, progress, cleanup } that
 * resolves with { unit, series, ratios, goals, notes? }.
 */
export async function bench(script, cases) {
  const options = parse(process.argv.slice(2), Object.keys(cases));
  if (options.problem || options.help) {
    const text = `${options.problem ? `${options.problem}\n` : ''}${usage(script)}\n`;
    (options.help ? process.stdout : process.stderr).write(text);
    process.exit(options.help ? 0 : 2);
  }

  const progress = new Progress();
  const cleanup = new Cleanup(progress);
  const machine = await describeMachine();
  const results = {};
  try {
    for (const name of options.only) {
      results[name] = await cases[name]({ name, options, progress, cleanup });
    }
  } catch (error) {
    if (!cleanup.interrupted) {
      progress.say(error.stack ?? String(error));
      process.exitCode = 1;
    }
  } finally {
    await cleanup.run();
  }
  if (process.exitCode !== undefined) return;

  process.stdout.write(report(machine, results));
  if (options.json) process.stdout.write(`${JSON.stringify({ machine, runs: options.runs, cases: results })}\n`);
  const met = Object.values(results).every(({ goals }) => goals.every((goal) => goal.met));
  if (options.check && !met) process.exitCode = 1;
}
