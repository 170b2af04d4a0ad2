// Runs checks, all of them: one that fails keeps only those from running that need its result.
//
// A check counts as one test, passed or failed, unless it returns `{ passed, failed }` of its own. What
// could not be run has failed: nobody knows whether it would have passed. Only a check that calls `task.skip` is neither,
// and counts as skipped.

import { Failure, runSteps } from './steps.mjs';

/** Runs `[{ name, needs?, run(task) }]` in order. Resolves with how many tests passed, failed and were skipped. */
export async function runChecks(checks) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  const failed = new Set();
  for (const { name, needs = [], run } of checks) {
    let counted = { passed: 1, failed: 0 };
    const missing = needs.filter((need) => failed.has(need));
    const passed = await runSteps([
      {
        name,
        async run(task) {
          if (missing.length)
            throw new Failure(`${name}: not run`, { why: `it needs what failed before: ${missing.join(', ')}` });
          counted = (await run(task)) ?? counted;
          if (task.skipped) counted = { passed: 0, failed: 0, skipped: 1 };
          if (counted.failed) throw new Failure(`${counted.failed} failed`, { log: counted.log });
        },
      },
    ]);
    if (!passed) failed.add(name);
    if (!passed && !counted.failed) counted = { passed: 0, failed: 1 };
    total.passed += counted.passed;
    total.failed += counted.failed;
    total.skipped += counted.skipped ?? 0;
    if (interrupted()) {
      total.failed ||= 1;
      break;
    }
  }
  return total;
}

/** `runSteps` leaves the shell's status for a signal. */
const interrupted = () => process.exitCode > 128;
