// Runs a command a few times with the options it is given, and prints how each of them went.
import { DockerIsol8 } from 'isol8';

const [options = '{}', count = '1'] = process.argv.slice(2);
const engine = new DockerIsol8(JSON.parse(options));
for (let n = 0; n < Number(count); n++) {
  const { stdout, executionId } = await engine.execute({ runtime: 'bash', cmd: 'echo hello' });
  console.log(JSON.stringify({ stdout, executionId }));
}
await engine.stop();
