// Uses an engine in one worker, then in another, and then itself. Each says so.
import { once } from 'node:events';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { DockerIsol8 } from 'isol8';

const say = async (text) => {
  const engine = new DockerIsol8({ poolSize: 0 });
  const { stdout } = await engine.execute({ runtime: 'bash', cmd: `echo ${text}` });
  console.log(stdout);
};

if (isMainThread) {
  for (const workerData of ['first', 'second']) {
    await once(new Worker(new URL(import.meta.url), { workerData }), 'exit');
  }
  await say('main');
} else {
  await say(workerData);
}
