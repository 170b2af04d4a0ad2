/** Finding and removing what isol8 left behind: containers and images, and none that are somebody's. */
import { DockerIsol8, imageExists, listContainers, listImages } from 'isol8';
import { beforeEach, describe, expect, it } from 'vitest';
import { containersOf, docker, inspect } from '../support/docker.js';
import { Mortal } from '../support/mortal.js';
import { cli } from '../support/process.js';
import { Scope } from '../support/scope.js';

const MANAGED = 'isol8.managed=true';
const OURS = 'org.isol8.guest=test';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const NOTHING = { removed: 0, failed: 0, errors: [] };

let scope: Scope;
let connection: { socketPath: string };

beforeEach(async () => {
  scope = await Scope.open();
  connection = { socketPath: scope.socket };
});

const seconds = (time: string) => Math.floor(Date.parse(time) / 1000);

describe('containers', () => {
  it('are listed with what tells them apart', async () => {
    const running = await scope.container('running', [MANAGED]);
    const stopped = await scope.container('stopped', [MANAGED]);
    const listed = await listContainers(connection);
    expect(listed).toEqual(
      [stopped, running].map((id) => ({
        id,
        image: 'debian:trixie-slim',
        running: id === running,
        createdAt: expect.stringMatching(TIME),
        inUse: false,
      })),
    );
    expect(seconds(listed[0]?.createdAt ?? '')).toBe(seconds((await inspect(stopped)).Created));
  });

  it('of any image are found by their label, and unlabelled ones by their image (W1)', async () => {
    const [ours, theirs] = [`isol8:cleanup-test-a-${scope.id}`, `isol8-test:${scope.id}`];
    await scope.image(ours);
    await scope.image(theirs);
    const labelled = await scope.container('running', [MANAGED], theirs);
    const unlabelled = await scope.container('running', [], ours);
    const foreign = await scope.container('running', [], theirs);
    expect((await listContainers(connection)).map(({ id }) => id).sort()).toEqual([labelled, unlabelled].sort());
    expect(await DockerIsol8.cleanup(connection)).toEqual({ removed: 2, failed: 0, errors: [] });
    expect(await scope.containers()).toEqual([foreign]);
  });

  it('of another process are left alone while it lives, and those of a dead one are not (W2)', async () => {
    const tag = `isol8-test:${scope.id}`;
    await scope.image(tag, [], 'isol8:bash');
    const other = cli(['run', '--image', tag, '--cmd', 'echo up; sleep 60']);
    await other.printed('up');
    const [theirs = ''] = await containersOf(other.pid);
    const [machine = ''] = (await inspect(theirs)).Config.Labels['isol8.owner'].split('/');
    const owner = new Mortal();
    const orphan = await scope.container('running', [MANAGED, owner.ownerLabel(machine)]);
    await owner.die();
    const listed = await listContainers(connection);
    expect(listed.map(({ id, inUse }) => ({ id, inUse }))).toEqual([
      { id: orphan, inUse: false },
      { id: theirs, inUse: true },
    ]);
    // Not even when asked for by name.
    expect(await DockerIsol8.cleanup(connection, [theirs])).toEqual(NOTHING);
    expect(await DockerIsol8.cleanup(connection)).toEqual({ removed: 1, failed: 0, errors: [] });
    expect(await scope.containers()).toEqual([theirs]);
    expect(other.stdout).toBe('up\n');
  });

  it('are removed by their ids, if they are ours', async () => {
    const shown = await scope.container('stopped', [MANAGED]);
    const later = await scope.container('stopped', [MANAGED]);
    const foreign = await scope.container('stopped');
    expect(await DockerIsol8.cleanup(connection, [])).toEqual(NOTHING);
    expect(await DockerIsol8.cleanup(connection, [foreign, shown.slice(0, 12), '', '../x'])).toEqual(NOTHING);
    expect(await DockerIsol8.cleanup(connection, [shown, shown])).toEqual({ removed: 1, failed: 0, errors: [] });
    expect((await scope.containers()).sort()).toEqual([later, foreign].sort());
    // It is gone, and so is nothing to be removed.
    expect(await DockerIsol8.cleanup(connection, [shown])).toEqual(NOTHING);
  });

  it('that cannot be removed are reported, and keep none of the others', async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, () => scope.container('running', [MANAGED])));
    const stuck = ids[2] ?? '';
    scope.refuseToRemove(stuck);
    expect(await DockerIsol8.cleanup(connection)).toEqual({
      removed: 5,
      failed: 1,
      errors: [`${stuck.slice(0, 12)}: could not remove a container: removal is not allowed here`],
    });
    expect(await scope.containers()).toEqual([stuck]);
  });
});

describe('images', () => {
  it('are listed once, with all tags that are ours and no others', async () => {
    const [first, second, foreign] = [
      `isol8:cleanup-test-a-${scope.id}`,
      `isol8:cleanup-test-b-${scope.id}`,
      `isol8-test:${scope.id}`,
    ];
    const id = await scope.image(first);
    await docker(['tag', first, second]);
    await docker(['tag', first, foreign]);
    expect(await listImages(connection)).toEqual([
      { id, tags: [first, second], size: (await inspect(id)).Size, createdAt: expect.stringMatching(TIME) },
    ]);
    // The tag that is not ours keeps the image.
    expect(await DockerIsol8.cleanupImages(connection, [id])).toEqual({ removed: 1, failed: 0, errors: [] });
    expect((await inspect(id)).RepoTags).toEqual([foreign]);
    expect(await listImages(connection)).toEqual([]);
  });

  it('without a name are found by our labels', async () => {
    const tag = `isol8-test:${scope.id}`;
    const nameless = await scope.image(tag, [OURS]);
    const named = await scope.image(tag, [OURS]);
    expect(await listImages(connection)).toMatchObject([{ id: nameless, tags: [] }]);
    expect(await DockerIsol8.cleanupImages(connection)).toEqual({ removed: 1, failed: 0, errors: [] });
    expect(await scope.images()).toEqual([named]);
  });

  it('that users named are neither listed nor removed, whatever they were built on (W3)', async () => {
    const custom = await scope.image(`isol8-custom:${scope.id}`, ['org.isol8.runtime=python']);
    const ours = await scope.image(`isol8:cleanup-test-a-${scope.id}`, ['org.isol8.runtime=python']);
    expect((await listImages(connection)).map(({ id }) => id)).toEqual([ours]);
    expect(await DockerIsol8.cleanupImages(connection, [custom])).toEqual(NOTHING);
    expect(await DockerIsol8.cleanupImages(connection)).toEqual({ removed: 1, failed: 0, errors: [] });
    expect(await scope.images()).toEqual([custom]);
  });

  it.each(['running', 'stopped'] as const)('that a %s container uses stay, with all their tags', async (state) => {
    const [first, second] = [`isol8:cleanup-test-a-${scope.id}`, `isol8:cleanup-test-b-${scope.id}`];
    const used = await scope.image(first);
    await docker(['tag', first, second]);
    const unused = await scope.image(`isol8:cleanup-test-c-${scope.id}`);
    const user = await scope.container(state, [], first);
    const { removed, failed, errors } = await DockerIsol8.cleanupImages(connection);
    expect({ removed, failed }).toEqual({ removed: 1, failed: 1 });
    expect(errors).toEqual([`${first}: could not remove an image: container ${user.slice(0, 12)} uses it`]);
    expect((await inspect(used)).RepoTags.sort()).toEqual([first, second].sort());
    expect(await imageExists(connection, unused)).toBe(false);
  });

  it('without a name are called by their id where they stay', async () => {
    const tag = `isol8-test:${scope.id}`;
    const nameless = await scope.image(tag, [OURS]);
    await scope.container('running', [], tag);
    await scope.image(tag, [OURS]);
    const { failed, errors } = await DockerIsol8.cleanupImages(connection);
    expect(failed).toBe(1);
    expect(errors[0]?.split(':')[0]).toBe(nameless.slice('sha256:'.length, 'sha256:'.length + 12));
    expect(await scope.images()).toContain(nameless);
  });

  it('are removed by their ids only', async () => {
    const shown = await scope.image(`isol8:cleanup-test-a-${scope.id}`);
    const later = await scope.image(`isol8:cleanup-test-b-${scope.id}`);
    expect(await DockerIsol8.cleanupImages(connection, [])).toEqual(NOTHING);
    expect(await DockerIsol8.cleanupImages(connection, [shown])).toEqual({ removed: 1, failed: 0, errors: [] });
    expect(await scope.images()).toEqual([later]);
  });
});

it('a Docker engine that cannot be reached is an error with a code', async () => {
  const nowhere = { socketPath: '/nowhere/docker.sock' };
  for (const call of [listContainers, listImages]) {
    await expect(call(nowhere)).rejects.toMatchObject({ code: 'DOCKER_UNAVAILABLE' });
    await expect(call('nonsense' as never)).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  }
});
