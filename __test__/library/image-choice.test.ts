/**
 * Which image an execution gets that needs packages. Images here only say what is in them, so that whatever is installed
 * all the same fails for want of a network; the packages themselves are the concern of other suites. Nor are there
 * packages of these names: whoever else runs something at the same time must not be given such an image.
 */
import type { DockerIsol8, DockerIsol8Options, ExecutionRequest } from 'isol8';
import { expect, it } from 'vitest';
import { docker, inspect, runningContainersOf } from '../support/docker.js';
import { ownEngine } from '../support/engine.js';
import { Scope } from '../support/scope.js';
import { until } from '../support/until.js';

const NOT_INSTALLED = { code: 'INSTALL_FAILED' };

/**
 * Adds an image to a scope that says that it has these packages, and resolves with its id. A tag says, as it does of what
 * `isol8 build` makes, that its guest is ours: to images of others the guest is added, which makes another image of them.
 */
async function labelled(scope: Scope, name: string, packages: string, more: string[] = [], runtime = 'python') {
  const labels = [`org.isol8.runtime=${runtime}`, `org.isol8.dependencies=${packages}`, ...more];
  const id = await scope.image(`isol8-test-${scope.id}:${name}`, labels, `isol8:${runtime}`);
  const guest = (await inspect(id)).Config.Labels['org.isol8.guest'];
  const [image, hash] = [id.replace('sha256:', ''), guest].map((text) => text.slice(0, 32));
  await docker(['tag', id, `isol8:prepared-${image}-${hash}`]);
  return id;
}

/** An engine that sees the images of a scope, and of others only those that it knows by name. */
function engineIn(scope: Scope, options: DockerIsol8Options = {}): DockerIsol8 {
  return ownEngine({ docker: { socketPath: scope.socket }, ...options });
}

/** The id of the image that a request was run in. */
async function imageOf(engine: DockerIsol8, packages: string[], request: Partial<ExecutionRequest> = {}) {
  const result = await engine.execute({ runtime: 'python', cmd: ':', installPackages: packages, ...request });
  expect(result).toMatchObject({ exitCode: 0 });
  expect(result.installMs).toBeUndefined();
  return (await inspect(result.containerId)).Image;
}

/** The same for an engine that keeps no sandbox, so that there is one only while a request is being run. */
async function imageWhile(engine: DockerIsol8, packages: string[]): Promise<string> {
  const input = new TransformStream<string, string>();
  const writer = input.writable.getWriter();
  const stdin = input.readable;
  const running = engine.execute({ runtime: 'python', cmd: 'cat', installPackages: packages, stdin });
  const [container = ''] = await until('a container', 20_000, async () => {
    const ids = await runningContainersOf(process.pid);
    return ids.length === 1 && ids;
  });
  const { Image } = await inspect(container);
  await writer.close();
  expect(await running).toMatchObject({ exitCode: 0, containerId: container });
  return Image;
}

// W74.
it('the image with exactly the packages is chosen, else the smallest that has them all, else the first by tag', async () => {
  const scope = await Scope.open();
  await labelled(scope, 'a-all', 'isol8-a,isol8-b,isol8-c,isol8-d');
  const second = await labelled(scope, 'c-three', 'isol8-a,isol8-b,isol8-c');
  const first = await labelled(scope, 'b-three', 'isol8-a,isol8-b,isol8-c');
  const exact = await labelled(scope, 'z-exact', 'isol8-a,isol8-b');
  await labelled(scope, 'other', 'isol8-a', [], 'bash');
  const engine = engineIn(scope);
  expect(await imageOf(engine, ['isol8-b', ' isol8-a', 'isol8-a', ''])).toBe(exact);
  expect(await imageOf(engine, ['isol8-a'])).toBe(exact);
  expect(await imageOf(engine, ['isol8-c', 'isol8-a'])).toBe(first);
  expect(first).not.toBe(second);
  // A version is part of a name, and what no image has is installed.
  for (const packages of [['isol8-a==1.26'], ['isol8-a', 'isol8-f']]) {
    await expect(imageOf(engine, packages)).rejects.toMatchObject(NOT_INSTALLED);
  }
});

// W75.
it('an image that is built, replaced or removed counts from then on', async () => {
  const scope = await Scope.open();
  const engine = engineIn(scope);
  await expect(imageOf(engine, ['isol8-d'])).rejects.toMatchObject(NOT_INSTALLED);
  const first = await labelled(scope, 'one', 'isol8-d');
  expect(await imageOf(engine, ['isol8-d'])).toBe(first);
  // The same name for other contents: what the engine remembers of the first is no answer any more.
  const second = await labelled(scope, 'one', 'isol8-d');
  expect(await imageOf(engine, ['isol8-d'])).toBe(second);
  await labelled(scope, 'one', 'isol8-a');
  await expect(imageOf(engine, ['isol8-d'])).rejects.toMatchObject(NOT_INSTALLED);
  expect(first).not.toBe(second);
});

it('an image that is gone between two runs is passed over', async () => {
  const scope = await Scope.open();
  const larger = await labelled(scope, 'larger', 'isol8-d,isol8-e');
  const smaller = await labelled(scope, 'smaller', 'isol8-d');
  // Nothing is kept that would hold the image.
  const engine = engineIn(scope, { poolSize: { clean: 0, dirty: 0 } });
  expect(await imageWhile(engine, ['isol8-d'])).toBe(smaller);
  await until('the image to be free', 10_000, () =>
    docker(['rmi', '--force', smaller]).then(
      () => true,
      () => false,
    ),
  );
  expect(await imageWhile(engine, ['isol8-d'])).toBe(larger);
});

it('the setup script of an image that was chosen is run; an image that has nothing else is never chosen', async () => {
  const scope = await Scope.open();
  await labelled(scope, 'only-setup', '', ['org.isol8.setup="echo no > a.txt"']);
  await labelled(scope, 'with-setup', 'isol8-d', ['org.isol8.setup="echo yes > a.txt"']);
  const engine = engineIn(scope);
  const request = { runtime: 'python', cmd: 'cat a.txt' } as const;
  expect((await engine.execute({ ...request, installPackages: ['isol8-d'] })).stdout).toBe('yes');
  expect(await engine.execute(request)).toMatchObject({ exitCode: 1, stdout: '' });
});

it('an image that was named is used as it is, and everything is installed', async () => {
  const scope = await Scope.open();
  const id = await labelled(scope, 'named', 'isol8-d');
  const engine = engineIn(scope, { image: `isol8-test-${scope.id}:named` });
  expect(await imageOf(engine, [])).toBe(id);
  await expect(imageOf(engine, ['isol8-d'])).rejects.toMatchObject(NOT_INSTALLED);
});

it('a sandbox of a chosen image is used again, by those who need the same image', async () => {
  const scope = await Scope.open();
  await labelled(scope, 'one', 'isol8-d,isol8-e');
  const engine = engineIn(scope, { poolSize: { clean: 0, dirty: 2 } });
  const run = async (installPackages: string[]) =>
    (await engine.execute({ runtime: 'python', cmd: 'cat left 2>&1; echo > left', installPackages })).containerId;
  const first = await run(['isol8-d']);
  expect(await run(['isol8-e'])).toBe(first);
  expect(await run([])).not.toBe(first);
});

it('a session that was begun with an image for its packages needs none of what that has', async () => {
  const scope = await Scope.open();
  const id = await labelled(scope, 'session', 'isol8-d,isol8-e');
  const engine = engineIn(scope, { mode: 'persistent' });
  expect(await imageOf(engine, ['isol8-d'])).toBe(id);
  expect(await imageOf(engine, ['isol8-e'])).toBe(id);
  await expect(imageOf(engine, ['isol8-d', 'isol8-a'])).rejects.toMatchObject(NOT_INSTALLED);
  // One that was begun without keeps the image of the runtime.
  await engine.stop();
  expect(await imageOf(engine, [])).not.toBe(id);
  await expect(imageOf(engine, ['isol8-d'])).rejects.toMatchObject(NOT_INSTALLED);
});
