// Uses an engine and does not stop it.
import { DockerIsol8 } from 'isol8';

const engine = new DockerIsol8();
const { stdout } = await engine.execute({ runtime: 'bash', cmd: 'echo hello' });
console.log(stdout);
