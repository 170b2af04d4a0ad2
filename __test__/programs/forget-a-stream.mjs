// Starts a program, and forgets its stream and collects garbage when it gets SIGUSR2. Says which container it is in.
import { engineWith } from './engine.mjs';

const engine = engineWith({ poolSize: { clean: 0, dirty: 1 } });
const { containerId } = await engine.execute({ runtime: 'bash', code: ':' });

let stream = engine.executeStream({ runtime: 'bash', cmd: 'echo up; exec sleep 87654' });
await stream.next();
console.log(JSON.stringify({ container: containerId }));

process.on('SIGUSR2', () => {
  stream = undefined;
  setInterval(() => globalThis.gc(), 50);
});
setInterval(() => [engine, stream], 1000);
