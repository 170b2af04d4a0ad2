// Grades every program in submissions/ against cases.json.
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { DockerIsol8 } from 'isol8';

const here = new URL('./', import.meta.url);
/** @type {{ input: string, output: string }[]} */
const cases = JSON.parse(await readFile(new URL('cases.json', here), 'utf8'));

const isol8 = new DockerIsol8({ timeoutMs: 2000, memoryLimit: '64m', pidsLimit: 16 }, availableParallelism());

/** Why a case failed; undefined if it did not. */
async function failure(/** @type {string} */ code, /** @type {{ input: string, output: string }} */ { input, output }) {
  const result = await isol8.execute({ runtime: 'python', code, stdin: input });
  if (result.timedOut) return 'too slow';
  if (result.outOfMemory) return 'out of memory';
  if (result.exitCode !== 0) return `crashed: ${result.stderr.split('\n').at(-1)}`;
  return result.stdout === output ? undefined : 'wrong answer';
}

const names = (await readdir(new URL('submissions/', here))).filter((name) => name.endsWith('.py')).sort();
const width = Math.max(...names.map((name) => name.length));
for (const name of names) {
  const code = await readFile(new URL(`submissions/${name}`, here), 'utf8');
  // All cases at once; the engine runs as many at a time as there are cores.
  const failures = (await Promise.all(cases.map((one) => failure(code, one)))).filter((why) => why !== undefined);
  const student = name.replace(/\.py$/, '').padEnd(width - 1);
  console.log(`${student}${cases.length - failures.length} of ${cases.length}  ${failures.join(', ')}`.trimEnd());
}
await isol8.stop();
