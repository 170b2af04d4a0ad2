// Waits for the first event of a stream that it does not hold, while garbage is collected. Says what came.
import { engineWith } from './engine.mjs';

const engine = engineWith();
const collector = setInterval(() => globalThis.gc(), 20);
const first = await engine.executeStream({ runtime: 'bash', cmd: 'sleep 0.5; echo up' }).next();
clearInterval(collector);
await engine.stop();
console.log(JSON.stringify(first));
