// Runs a program that prints 1 GiB. Says what was kept of it, and by how much this process grew meanwhile.
import { engineWith } from './engine.mjs';
import { watchMemory } from './memory.mjs';

const engine = engineWith();
// What the first run allocates for good is not the flood's.
await engine.execute({ runtime: 'bash', cmd: 'head --bytes 2097152 /dev/zero' });
const memory = watchMemory();
const result = await engine.execute({ runtime: 'bash', cmd: 'head --bytes 1073741824 /dev/zero', timeoutMs: 100_000 });
const grownMiB = memory.grownMiB();
await engine.stop();
const { stdout, truncated } = result;
console.log(JSON.stringify({ truncated, length: stdout.length, end: stdout.slice(stdout.indexOf('\n')), grownMiB }));
