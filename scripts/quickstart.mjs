// `npm run quickstart`: from a fresh checkout to the first sandboxed program.
//
// Can be run again at any time: what is there already is found and kept, which takes seconds. It runs
// before `npm install`, so it uses nothing but Node.js.

import { join } from 'node:path';
import { ensureBaseImage, extraCa } from './lib/base-image.mjs';
import { ensureDocker } from './lib/docker.mjs';
import { buildProject, checkToolchains, installDependencies, root } from './lib/project.mjs';
import { Failure, runSteps } from './lib/steps.mjs';

const PROGRAM = 'print(2 ** 10)';
const cli = join(root, 'cli/dist/main.js');
let env = {};
let printed = '';

const done = await runSteps([
  { name: 'Rust toolchain', run: checkToolchains },
  { name: 'Docker engine', run: ensureDocker },
  { name: 'base image', run: (task) => ensureBaseImage(task) },
  { name: 'npm dependencies', run: installDependencies },
  { name: 'build of guest, addon, library and CLI', run: buildProject },
  {
    name: 'python image',
    async run(task) {
      env = extraCa(task);
      await task.run(process.execPath, [cli, 'setup', '--only', 'python'], {
        env,
        what: 'could not build the python image',
      });
    },
  },
  {
    name: 'first sandboxed program',
    async run(task) {
      printed = await task.run(process.execPath, [cli, 'run', '-e', PROGRAM], {
        env,
        what: 'the first program did not run',
      });
      if (printed.trim() !== '1024')
        throw new Failure('the first program printed something else', {
          why: `expected 1024, got ${JSON.stringify(printed)}`,
        });
    },
  },
]);

if (done) {
  const assignment = Object.entries(env)
    .map(([name, value]) => `${name}=${value} `)
    .join('');
  process.stderr.write(`\n$ isol8 run -e "${PROGRAM}"\n`);
  process.stdout.write(printed);
  process.stderr.write(`
Try next:
  node cli/dist/main.js run -e "import os; print(os.getuid(), os.listdir('/'))"
  node cli/dist/main.js run --help
  ${assignment}node cli/dist/main.js setup      # the images of node, bun, deno, bash and agent
  npm test
`);
}
