/** `prebuiltImages` of the configuration: there before a server listens, or it does not listen. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer, type Isol8UserConfig, RemoteIsol8 } from 'isol8';
import { expect, it, onTestFinished } from 'vitest';
import { docker } from '../support/docker.js';
import { KEY } from '../support/live-server.js';
import { cli } from '../support/process.js';
import { Scope } from '../support/scope.js';
import { scratch } from '../support/scratch.js';

/** An image that has nothing but a setup script, which takes no time to build. */
function prebuilt(tag: string): Isol8UserConfig {
  const setupScript = 'echo prepared > note';
  return { prebuiltImages: [{ tag, runtime: 'bash', installPackages: [], setupScript }] };
}

it('are built at the start, and can be asked for', async () => {
  const tag = `isol8-test-prebuilt:${randomUUID()}`;
  onTestFinished(async () => void (await docker(['rmi', '--force', tag])));
  const server = await createServer({ port: 0, host: '127.0.0.1', apiKey: KEY, config: prebuilt(tag) });
  onTestFinished(() => server.shutdown());
  const client = new RemoteIsol8({ host: `http://127.0.0.1:${server.port}`, apiKey: KEY }, { image: tag });
  expect((await client.execute({ runtime: 'bash', cmd: 'cat note' })).stdout).toBe('prepared');
});

// W73: the image that they are built on had to be there already.
it('W73: have the image that they are built on built first', async () => {
  const scope = await Scope.open();
  scope.hide('isol8:bash');
  const directory = scratch();
  const tag = `isol8-test-${scope.id}:prebuilt`;
  writeFileSync(join(directory, 'isol8.config.json'), JSON.stringify(prebuilt(tag)));
  const env = { ...scope.env, HOME: directory, ISOL8_API_KEY: KEY };
  const { code, stdout, stderr } = await cli(['serve', '--host-bind', '127.0.0.1'], { cwd: directory, env }).ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(scope.builds).toEqual(['bash']);
  expect(stderr).toContain(`could not prepare the image "${tag}" (prebuiltImages)`);
  expect(stderr).toContain('nothing is built here');
});
