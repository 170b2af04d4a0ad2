// Says `busy` when it is in the middle of what its argument names, and goes on with that.
import { DockerIsol8 } from 'isol8';

const engine = new DockerIsol8();
const busy = () => console.log('busy');
const endless = {
  runtime: 'bash',
  cmd: 'trap "" TERM HUP; echo up; (setsid sleep 1000 &); while :; do sleep 0.1; done',
};

switch (process.argv[2]) {
  case 'execute':
    await engine.start({ prewarm: { runtimes: ['bash'] } });
    setTimeout(busy, 500);
    await engine.execute(endless);
    break;
  case 'stream':
    for await (const _ of engine.executeStream(endless)) busy();
    break;
  case 'idle':
    await engine.execute({ runtime: 'bash', cmd: ':' });
    busy();
    setInterval(() => engine, 1000);
    break;
  case 'starting':
    for (let n = 0; n < 8; n++) engine.execute(endless);
    break;
  case 'exit':
    for await (const _ of engine.executeStream(endless)) process.exit(3);
    break;
}
