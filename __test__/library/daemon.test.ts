/** The Docker engine itself: absent, restarted under a live isol8 engine, and cleaned up. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DockerIsol8, imageExists, pingDocker } from 'isol8';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Daemon } from '../support/daemon.js';
import { ownEngine } from '../support/engine.js';
import { Mortal } from '../support/mortal.js';
import { program } from '../support/process.js';
import { until, within } from '../support/until.js';

const run = promisify(execFile);

describe('where no Docker engine is', () => {
  const NOWHERE = { socketPath: '/nowhere/docker.sock' };
  const UNAVAILABLE = {
    code: 'DOCKER_UNAVAILABLE',
    message: expect.stringMatching(/^Docker is not running or not installed\..*\/nowhere\/docker\.sock/),
  };

  it('every call that needs one says so', async () => {
    const engine = ownEngine({ docker: NOWHERE });
    const code = 'echo hello';
    await expect(engine.start()).rejects.toMatchObject(UNAVAILABLE);
    await expect(engine.execute({ runtime: 'bash', code })).rejects.toMatchObject(UNAVAILABLE);
    await expect(engine.executeStream({ runtime: 'bash', code }).next()).rejects.toMatchObject(UNAVAILABLE);
    await expect(pingDocker(NOWHERE)).rejects.toMatchObject(UNAVAILABLE);
    await expect(imageExists(NOWHERE, 'isol8:bash')).rejects.toMatchObject(UNAVAILABLE);
    await expect(DockerIsol8.cleanup(NOWHERE)).rejects.toMatchObject(UNAVAILABLE);
    await expect(DockerIsol8.cleanupImages(NOWHERE)).rejects.toMatchObject(UNAVAILABLE);
    await engine.stop();
  });

  it('a port that answers nothing is no better', async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await expect(pingDocker({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'DOCKER_UNAVAILABLE' });
    server.close();
  });
});

describe('a Docker engine of our own', () => {
  let daemon: Daemon;

  /** Ids of its containers: of those that run, or with `--all` of all. */
  const list = async (...which: string[]) =>
    (await daemon.docker('ps', ...which, '--quiet', '--no-trunc')).split('\n').filter(Boolean);

  const create = (...options: string[]) =>
    daemon.docker('create', '--network', 'none', '--entrypoint', 'bash', ...options, 'isol8:bash', '-c', 'sleep 100');

  beforeAll(async () => {
    daemon = await Daemon.start(['isol8:bash']);
  });

  afterAll(() => daemon?.discard());

  it('is used when its socket is named', async () => {
    const engine = ownEngine({ docker: { socketPath: daemon.socket } });
    const { containerId } = await engine.execute({ runtime: 'bash', code: ':' });
    expect(await daemon.docker('ps', '--quiet', '--no-trunc')).toContain(containerId);
  });

  it('that is restarted ends what runs, and serves what comes', async () => {
    const engine = ownEngine({ docker: { socketPath: daemon.socket } });
    const hello = () => engine.execute({ runtime: 'bash', code: 'echo hello' }).then(({ stdout }) => stdout);
    expect(await hello()).toBe('hello');
    const stream = engine.executeStream({ runtime: 'bash', code: 'echo up; sleep 60' });
    await stream.next();

    const cut = expect(within('the run to end', 20_000, stream.next())).rejects.toMatchObject({
      code: 'SANDBOX_LOST',
      message: expect.stringContaining('the sandbox was lost'),
    });
    await daemon.stop();
    await cut;
    await expect(within('a call while it is down', 5000, hello())).rejects.toMatchObject({
      code: 'DOCKER_UNAVAILABLE',
    });

    await daemon.start();
    expect(await within('a call when it is up again', 10_000, hello())).toBe('hello');
    await within('stop()', 10_000, engine.stop());
    expect(await daemon.docker('ps', '--all', '--quiet')).toBe('');
  });

  it('that goes away for good does not keep stop() from ending', async () => {
    const engine = ownEngine({ docker: { socketPath: daemon.socket } });
    await engine.execute({ runtime: 'bash', code: ':' });
    await daemon.stop();
    await within('stop()', 5000, engine.stop());
    await daemon.start();
    expect(await daemon.docker('ps', '--all', '--quiet')).toBe('');
  });

  describe('that could not remove a container, and can again', () => {
    /** Keeps a container from being removed, until the function is called that it resolves with. */
    async function pin(id: string): Promise<() => Promise<void>> {
      const layer = await daemon.docker('inspect', '--format', '{{.GraphDriver.Data.UpperDir}}', id);
      const file = join(layer, 'pinned');
      await writeFile(file, '');
      await run('chattr', ['+i', file]);
      let isPinned = true;
      const release = async () => {
        if (isPinned) await run('chattr', ['-i', file]);
        isPinned = false;
      };
      onTestFinished(release);
      return release;
    }

    /** Not earlier, when the daemon is still at it. */
    const removalFailed = (id: string) =>
      until('its removal to fail', 20_000, async () => {
        return (await daemon.docker('inspect', '--format', '{{.State.Status}}', id)) === 'dead';
      });

    const allGone = () => until('all containers to go', 20_000, async () => (await list('--all')).length === 0);

    it('has it removed by the engine that left it', async () => {
      const engine = ownEngine({ docker: { socketPath: daemon.socket }, poolSize: 0 });
      const stream = engine.executeStream({ runtime: 'bash', code: 'echo up; sleep 60' });
      await stream.next();
      const [id = ''] = await list();
      const release = await pin(id);
      await stream.return?.();
      await removalFailed(id);
      // It is tried again, and fails again.
      await pause(1000);
      expect(await list('--all')).toEqual([id]);
      await release();
      await allGone();
    });

    it('has it removed by the next engine, if nobody is left who would', async () => {
      const other = program('busy', ['stream'], { env: { DOCKER_HOST: `unix://${daemon.socket}` } });
      await other.printed('busy');
      await until('its pool to come to rest', 5000, async () => (await list()).length === 2);
      const [id = ''] = await list();
      const release = await pin(id);
      other.kill('SIGKILL');
      await removalFailed(id);
      await release();
      const engine = ownEngine({ docker: { socketPath: daemon.socket }, poolSize: 0 });
      await engine.execute({ runtime: 'bash', code: ':' });
      await allGone();
    });

    it('has it removed by cleaning up, whoever owns it', async () => {
      const id = await create('--label', 'isol8.managed=true', '--label', 'isol8.owner=another-machine/1/1');
      await daemon.docker('start', id);
      const release = await pin(id);
      await daemon.docker('rm', '--force', id).catch(() => {});
      await removalFailed(id);
      await release();
      expect(await DockerIsol8.cleanup({ socketPath: daemon.socket })).toEqual({ removed: 1, failed: 0, errors: [] });
      expect(await list('--all')).toEqual([]);
    });
  });

  describe('is cleaned up', () => {
    const connection = () => ({ socketPath: daemon.socket });

    it('of containers of nobody, of the dead and of this process, running or not', async () => {
      const engine = ownEngine({ docker: connection() });
      const { containerId } = await engine.execute({ runtime: 'bash', code: ':' });
      const label = await daemon.docker('inspect', '--format', '{{index .Config.Labels "isol8.owner"}}', containerId);
      const [machine = ''] = label.split('/');
      await create();
      await daemon.docker('start', await create('--label', 'isol8.managed=true'));
      const owner = new Mortal();
      const orphan = await create('--label', 'isol8.managed=true', '--label', owner.ownerLabel(machine));
      await daemon.docker('start', orphan);
      await owner.die();
      expect((await list('--all')).length).toBeGreaterThanOrEqual(4);
      const removal = await DockerIsol8.cleanup(connection());
      expect(removal).toMatchObject({ failed: 0, errors: [] });
      expect(removal.removed).toBeGreaterThanOrEqual(4);
      expect(await list('--all')).toEqual([]);
    });

    it('but not of what another process is using', async () => {
      const other = program('busy', ['stream'], { env: { DOCKER_HOST: `unix://${daemon.socket}` } });
      await other.printed('busy');
      await until('its pool to come to rest', 5000, async () => (await list('--all')).length === 2);
      const theirs = await list('--all');
      expect(await DockerIsol8.cleanup(connection())).toEqual({ removed: 0, failed: 0, errors: [] });
      expect(await list('--all')).toEqual(theirs);
      other.kill('SIGKILL');
      await until('its containers to go', 3000, async () => (await list('--all')).length === 0);
    });

    it('of images', async () => {
      expect(await DockerIsol8.cleanupImages(connection())).toEqual({ removed: 1, failed: 0, errors: [] });
      expect(await daemon.docker('images', '--quiet')).toBe('');
      expect(await imageExists(connection(), 'isol8:bash')).toBe(false);
    });
  });
});
