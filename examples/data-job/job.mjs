// Runs analyse.py over readings.csv and prints what it found.
import { readFile } from 'node:fs/promises';
import { DockerIsol8 } from 'isol8';

const file = (/** @type {string} */ name) => readFile(new URL(name, import.meta.url));

const isol8 = new DockerIsol8({
  network: 'filtered', // what is to be installed comes from a registry; those are let through
  networkFilter: { whitelist: ['^$'] }, // and no other host is
  memoryLimit: '1g',
});
try {
  const result = await isol8.execute({
    runtime: 'python',
    code: (await file('analyse.py')).toString(),
    installPackages: ['numpy'],
    files: { 'readings.csv': await file('readings.csv') },
    outputPaths: ['/sandbox/summary.json'],
    timeoutMs: 120_000, // installing counts by itself
  });
  if (result.exitCode !== 0) throw new Error(`the analysis failed: ${result.stderr}`);
  const summary = result.files?.['/sandbox/summary.json'] ?? '';
  console.log(JSON.parse(Buffer.from(summary, 'base64').toString()));
} finally {
  await isol8.stop();
}
