// Has the coding agent work on a copy of a directory, and prints what it changed as a diff.
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { DockerIsol8 } from 'isol8';

const [directory = './repository', prompt = 'Make check.mjs pass.'] = process.argv.slice(2);
const { ANTHROPIC_API_KEY = '', MODEL_HOST, MODEL_PORT, MODEL_NETWORK, PI_MODELS, PI_FLAGS } = process.env;
const SKIPPED = ['.git', 'node_modules'];

/** All files below a directory, by their paths in it. */
async function filesIn(/** @type {string} */ root) {
  /** @type {Record<string, Buffer>} */
  const files = {};
  const walk = async (/** @type {string} */ path) => {
    for (const entry of await readdir(path, { withFileTypes: true })) {
      const child = join(path, entry.name);
      if (entry.isDirectory() && !SKIPPED.includes(entry.name)) await walk(child);
      else if (entry.isFile()) files[`repository/${relative(root, child)}`] = await readFile(child);
    }
  };
  await walk(root);
  return files;
}

const session = new DockerIsol8({
  mode: 'persistent', // the same sandbox before, during and after
  network: 'filtered',
  networkFilter: {
    whitelist: [MODEL_HOST ?? '^api\\.anthropic\\.com$'],
    ...(MODEL_PORT && { ports: [Number(MODEL_PORT)] }),
    ...(MODEL_NETWORK && { allowPrivate: [MODEL_NETWORK] }),
  },
  secrets: { ANTHROPIC_API_KEY },
  timeoutMs: 600_000,
  pidsLimit: 200,
  sandboxSize: '2g',
  memoryLimit: '2g',
});

/** Shell steps in the sandbox of the agent. */
async function shell(/** @type {string} */ cmd) {
  const { stderr, exitCode } = await session.execute({ runtime: 'agent', cmd, workdir: 'repository' });
  if (exitCode !== 0) throw new Error(`\`${cmd}\` failed: ${stderr}`);
}

try {
  const files = await filesIn(directory);
  if (PI_MODELS) files['.pi/agent/models.json'] = await readFile(PI_MODELS);
  // The first execution brings the files; later ones find them.
  await session.execute({ runtime: 'agent', cmd: 'true', files });
  await shell('git init -q . && git add -A && git -c user.name=isol8 -c user.email=isol8@localhost commit -qm before');

  const work = session.executeStream({ runtime: 'agent', code: prompt, workdir: 'repository', agentFlags: PI_FLAGS });
  // What it says goes to standard error, so that standard output is the diff alone.
  for await (const { type, data } of work) if (type !== 'exit') process.stderr.write(data);

  // As a file, since output loses white space at its end, which a diff may need.
  await shell('git add -A && git diff --cached --binary > ../changes.patch');
  process.stdout.write(await session.getFile('changes.patch'));
} finally {
  await session.stop();
}
