// How many tests passed and failed, read from what the test runners say.

/** From the output of `cargo test`: the sum of the result lines of all its binaries. */
export function countRustTests(output) {
  const results = [...output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm)];
  const sum = (group) => results.reduce((total, result) => total + Number(result[group]), 0);
  return { passed: sum(1), failed: sum(2), skipped: sum(3) };
}

/** From the JSON report of vitest. A file that failed without a failed test, in a hook or on loading, is one failure. */
export function countVitest(report) {
  const failedTest = ({ status }) => status === 'failed';
  const others = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some(failedTest),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + others.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
