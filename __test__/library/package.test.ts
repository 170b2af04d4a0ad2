/** The package as users load it, in plain Node. */
import { expect, it } from 'vitest';
import { Process } from '../support/process.js';

const RUN = `
  const engine = new DockerIsol8();
  engine.execute({ runtime: 'bash', code: 'echo loaded' })
    .then(({ stdout }) => console.log(stdout, VERSION))
    .finally(() => engine.stop());
`;

it('can be imported', async () => {
  const code = `import { DockerIsol8, VERSION } from 'isol8'; ${RUN}`;
  const { stdout, stderr } = await new Process('node', ['--input-type=module', '--eval', code]).ended;
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^loaded \d+\.\d+\.\d+\n$/);
});

it('can be required', async () => {
  const code = `const { DockerIsol8, VERSION } = require('isol8'); ${RUN}`;
  const { stdout, stderr } = await new Process('node', ['--input-type=commonjs', '--eval', code]).ended;
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^loaded \d+\.\d+\.\d+\n$/);
});
