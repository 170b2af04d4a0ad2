/** The contract of a sandbox, as `docker inspect` shows it while the sandbox lives. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { containersOf, inspect } from '../support/docker.js';
import { ownEngine, sharedEngine } from '../support/engine.js';
import { ROOT } from '../support/paths.js';

const MIB = 1 << 20;

describe('a sandbox with default options', () => {
  const engine = sharedEngine();
  let container: any;

  beforeAll(async () => {
    const { containerId } = await engine.execute({ runtime: 'python', code: 'print(1)' });
    container = await inspect(containerId);
  });

  it('is on no network', () => {
    expect(container.HostConfig.NetworkMode).toBe('none');
    expect(container.Config.NetworkDisabled).toBe(true);
    expect(Object.keys(container.NetworkSettings.Networks).filter((name) => name !== 'none')).toEqual([]);
    expect(container.HostConfig.PortBindings ?? {}).toEqual({});
  });

  it('has no log', () => {
    expect(container.HostConfig.LogConfig).toEqual({ Type: 'none', Config: {} });
    expect(container.LogPath).toBe('');
  });

  it('goes when the engine goes', () => {
    expect(container.HostConfig.AutoRemove).toBe(true);
    expect(container.Config).toMatchObject({ OpenStdin: true, StdinOnce: true, Tty: false });
    expect(container.HostConfig.RestartPolicy.Name).toMatch(/^(no)?$/);
  });

  // W53: Docker's default set was kept.
  it('has three capabilities', () => {
    expect(container.HostConfig.CapDrop).toEqual(['ALL']);
    expect([...container.HostConfig.CapAdd].map((name: string) => name.replace(/^CAP_/, '')).sort()).toEqual([
      'KILL',
      'SETGID',
      'SETUID',
    ]);
    expect(container.HostConfig.Privileged).toBe(false);
  });

  it('can gain no privileges, and has the strict profile', async () => {
    const options: string[] = container.HostConfig.SecurityOpt;
    expect(options).toHaveLength(2);
    expect(options).toContain('no-new-privileges');
    const seccomp = options.find((option) => option.startsWith('seccomp='))?.slice('seccomp='.length) ?? '';
    const strict = await readFile(join(ROOT, 'seccomp/strict.json'), 'utf8');
    expect(JSON.parse(seccomp)).toEqual(JSON.parse(strict));
  });

  // W46: swap was left to Docker's default, which doubles the memory.
  it('is limited in memory, without swap, in processor time and in processes', () => {
    expect(container.HostConfig).toMatchObject({
      Memory: 512 * MIB,
      MemorySwap: 512 * MIB,
      NanoCpus: 1_000_000_000,
      PidsLimit: 64,
    });
    expect(container.HostConfig.OomKillDisable ?? false).toBe(false);
    expect(container.HostConfig.Ulimits.sort((a: any, b: any) => a.Name.localeCompare(b.Name))).toEqual([
      { Name: 'core', Soft: 0, Hard: 0 },
      { Name: 'nofile', Soft: 8192, Hard: 8192 },
    ]);
  });

  it('can be written to in two places, neither of them on a disk', () => {
    expect(container.HostConfig.ReadonlyRootfs).toBe(true);
    expect(container.HostConfig.Tmpfs).toEqual({
      '/sandbox': `rw,exec,nosuid,nodev,mode=755,uid=100,gid=101,size=${512 * MIB}`,
      '/tmp': `rw,noexec,nosuid,nodev,mode=1777,size=${256 * MIB}`,
    });
  });

  it('shares nothing with the host', () => {
    expect(container.Mounts).toEqual([]);
    expect(container.HostConfig.Binds ?? []).toEqual([]);
    expect(container.HostConfig.Devices ?? []).toEqual([]);
    expect(container.HostConfig.VolumesFrom ?? []).toEqual([]);
    expect(container.HostConfig.IpcMode).toBe('private');
    expect(container.HostConfig.PidMode).toBe('');
    expect(container.HostConfig.UTSMode).toBe('');
    expect(container.HostConfig.CgroupParent).toBe('');
    expect(container.HostConfig.MaskedPaths).toContain('/proc/kcore');
    expect(container.HostConfig.ReadonlyPaths).toContain('/proc/sys');
  });

  it('runs the guest, and nothing of the image’s own choice', () => {
    expect(container.Config).toMatchObject({
      Entrypoint: ['/usr/local/bin/isol8-init'],
      User: '0:0',
      WorkingDir: '/',
      Healthcheck: { Test: ['NONE'] },
    });
    expect(container.Config.Cmd ?? []).toEqual([]);
  });

  it('says whose it is', () => {
    expect(container.Config.Labels).toMatchObject({
      'isol8.managed': 'true',
      'isol8.runtime': 'python',
      'isol8.owner': expect.stringMatching(new RegExp(`/${process.pid}/\\d+$`)),
    });
  });

  it('tells the daemon nothing of the request', async () => {
    const { containerId } = await engine.execute({
      runtime: 'python',
      code: 'print(1)',
      env: { TOKEN: 'between-us' },
      stdin: 'between-us',
    });
    expect(JSON.stringify(await inspect(containerId))).not.toContain('between-us');
  });
});

it('options change what they are for', async () => {
  const engine = ownEngine({
    network: 'host',
    memoryLimit: '64m',
    cpuLimit: 0.25,
    pidsLimit: 20,
    sandboxSize: '8m',
    tmpSize: '4m',
    readonlyRootFs: false,
  });
  await engine.start({ prewarm: { runtimes: ['bash'] } });
  const [container = ''] = await containersOf(process.pid);
  const host = (await inspect(container)).HostConfig;
  expect(host).toMatchObject({
    NetworkMode: 'host',
    Memory: 64 * MIB,
    MemorySwap: 64 * MIB,
    NanoCpus: 250_000_000,
    PidsLimit: 20,
    ReadonlyRootfs: false,
    Tmpfs: {
      '/sandbox': expect.stringContaining(`size=${8 * MIB}`),
      '/tmp': expect.stringContaining(`size=${4 * MIB}`),
    },
  });
});
