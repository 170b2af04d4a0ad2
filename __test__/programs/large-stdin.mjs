// Sends 100 MiB to a program that hashes them. Says what was sent, what was received, and by how much this process
// grew meanwhile.
import { createHash, randomFillSync } from 'node:crypto';
import { engineWith } from './engine.mjs';
import { watchMemory } from './memory.mjs';

const stdin = randomFillSync(Buffer.alloc(100 << 20));
const sent = createHash('sha256').update(stdin).digest('hex');

const engine = engineWith();
await engine.start({ prewarm: { runtimes: ['bash'] } });
const memory = watchMemory();
const { stdout } = await engine.execute({ runtime: 'bash', code: 'sha256sum', stdin });
const grownMiB = memory.grownMiB();
await engine.stop();
console.log(JSON.stringify({ sent, received: stdout.split(' ')[0], grownMiB }));
