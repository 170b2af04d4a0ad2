/**
 * Images that were made to get out of their sandboxes, or at its guest. What they do to programs of their own is their
 * business: an image decides what `python3` is. That an image has no say in who runs it, where and how is tried in
 * `__test__/library/images.test.ts` for what a Dockerfile can say; here is what can be in it.
 */
import { randomUUID } from 'node:crypto';
import { DockerIsol8 } from 'isol8';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build, docker, inspect, noContainersOf } from '../support/docker.js';
import { CONTROL, fresh, type Ground, sandboxOf } from './support/ground.js';
import { preparedFrom } from './support/impostor.js';
import { descriptors, descriptorsAre } from './support/vigil.js';

const RUN = randomUUID().slice(0, 8);
const made: string[] = [];

/** Builds an image of a test's own on the image for Python; it goes with the tests of this file. */
async function image(lines: string, base = 'isol8:python'): Promise<string> {
  const tag = `isol8-test:hostile-${RUN}-${made.length}`;
  await build(tag, `FROM ${base}\nUSER 0:0\n${lines}\n`);
  made.push(tag);
  return tag;
}

let before: number;
beforeAll(async () => {
  const engine = new DockerIsol8({});
  await engine.execute({ runtime: 'python', cmd: ':' });
  await engine.stop();
  before = descriptors();
});
afterAll(async () => {
  const prepared = await Promise.all(made.map(preparedFrom));
  const names = [...prepared, ...made].filter(Boolean);
  if (names.length > 0) await docker(['rmi', '--force', ...names]);
  await noContainersOf(process.pid, 10_000);
  await descriptorsAre(before);
});

/** Does something in a sandbox from this image, and ends it. */
async function within<T>(tag: string, act: (ground: Ground, engine: DockerIsol8) => Promise<T>): Promise<T> {
  const engine = new DockerIsol8({ image: tag, poolSize: { clean: 0, dirty: 1 } });
  try {
    return await act(sandboxOf(engine), engine);
  } finally {
    await engine.stop();
  }
}

/**
 * What a program prints in a sandbox from this image, or the code of the error in its place. In the open, the image is
 * run as it says itself.
 */
async function saidIn(tag: string, program: string): Promise<string> {
  if (CONTROL) return (await fresh([], tag).run(program)).stdout;
  return within(tag, async (ground) => {
    const outcome = await ground.run(program).catch((error) => error);
    return outcome.code ?? outcome.stdout + outcome.stderr;
  });
}

const WHO = 'import os; print(os.geteuid())';

describe('an image with programs of root’s', () => {
  const lines = `RUN cp /usr/bin/python3 /usr/bin/as-root && chmod 4755 /usr/bin/as-root \\
 && cp /usr/bin/python3 /usr/bin/able && python3 -c "import os, struct; os.setxattr('/usr/bin/able', 'security.capability', struct.pack('<5I', 0x02000001, 1 << 7, 0, 0, 0))"`;
  const programs = `import subprocess
print(subprocess.run(["as-root", "-c", "import os; print(os.geteuid())"], capture_output=True, text=True).stdout, end="")
able = subprocess.run(["able", "-c", "import os; os.setuid(0); print(os.getuid())"], capture_output=True, text=True)
print("PermissionError" in able.stderr or "not permitted" in able.stderr)`;
  let tag: string;
  beforeAll(async () => {
    tag = await image(lines);
  });

  it('makes nobody root', async () => {
    expect(await saidIn(tag, programs)).toBe('100\nTrue');
  });

  it('makes everybody root in the open', async () => {
    const { stdout } = await fresh(['--user', '100:101'], tag).run(programs);
    expect(stdout).toBe('0\nFalse');
  });
});

describe('an image with a guest of its own', () => {
  // It inherits the label that says which guest it has, and says so in its own words as well.
  const impostor = `RUN printf '#!/usr/bin/python3\\nprint(\\"an impostor\\")\\n' > /usr/local/bin/isol8-init && chmod 755 /usr/local/bin/isol8-init`;

  it('gets ours in its place', async () => {
    const tag = await image(impostor);
    expect((await inspect(tag)).Config.Labels['org.isol8.guest']).toMatch(/^[0-9a-f]{64}$/);
    expect(await saidIn(tag, WHO)).toBe('100');
  });

  it('is run as what it says in the open', async () => {
    const tag = await image(impostor);
    expect(await docker(['run', '--rm', '--network', 'none', tag])).toBe('an impostor');
  });

  it.each([
    ['as a link to another program', 'RUN ln -sf /usr/bin/env /usr/local/bin/isol8-init'],
    ['as a link that leads nowhere', 'RUN ln -sf /nowhere/at/all /usr/local/bin/isol8-init'],
    ['as a link into what is hidden', 'RUN ln -sf /sandbox/guest /usr/local/bin/isol8-init'],
    [
      'in a directory that is elsewhere',
      'RUN mkdir /elsewhere && cp -a /usr/local/bin/. /elsewhere && rm -rf /usr/local/bin && ln -s /elsewhere /usr/local/bin',
    ],
    ['in a directory that is hidden', 'RUN rm -rf /usr/local/bin && ln -s /tmp /usr/local/bin'],
    ['as a directory', 'RUN rm /usr/local/bin/isol8-init && mkdir /usr/local/bin/isol8-init'],
    ['as a pipe', 'RUN rm /usr/local/bin/isol8-init && mkfifo /usr/local/bin/isol8-init'],
  ])('%s: ours is run, or nothing', { timeout: 60_000 }, async (_, lines) => {
    const tag = await image(lines);
    const code = `${WHO}; print(open("/proc/1/comm").read(), end="")`;
    expect(await saidIn(tag, code)).toMatch(/^(100\nisol8-init|SANDBOX_START_FAILED|IMAGE_BUILD_FAILED)$/);
  });
});

describe('an image whose environment is set for whoever reads it', () => {
  const lines = `ENV LD_PRELOAD=/nowhere/evil.so LD_LIBRARY_PATH=/sandbox LD_AUDIT=/nowhere/audit.so \\
 GLIBC_TUNABLES=glibc.malloc.check=3 RUST_BACKTRACE=full TOKIO_WORKER_THREADS=0 HOME=/etc`;
  const program = 'import os; print(os.geteuid(), os.environ["HOME"], os.listdir("/sandbox"))';

  it('does not change how its guest runs', async () => {
    const tag = await image(lines);
    expect(await saidIn(tag, program)).toMatch(/100 \/sandbox \['main.py'\]/);
    if (CONTROL) return;
    const [first, second] = await within(tag, async (_, engine) => {
      const run = () => engine.execute({ runtime: 'python', code: program });
      return [await run(), await run()];
    });
    // It was reset, and verified, in between.
    expect(second).toMatchObject({ exitCode: 0, containerId: first?.containerId });
  });
});

describe('an image whose places are elsewhere', () => {
  const program = `import os
print(os.getuid())
for path in ("/proc/sysrq-trigger", "/proc/1/oom_score_adj", "/usr/written"):
    try: open(path, "w"); print("opened", path)
    except OSError: pass`;

  it.each([
    ['/sandbox is a link to /etc', 'RUN rm -rf /sandbox && ln -s /etc /sandbox'],
    ['/sandbox is a link to /', 'RUN rm -rf /sandbox && ln -s / /sandbox'],
    ['/sandbox is a link out of the image', 'RUN rm -rf /sandbox && ln -s ../../../../../../../../tmp /sandbox'],
    ['/sandbox is a link to the kernel’s', 'RUN rm -rf /sandbox && ln -s /proc/1 /sandbox'],
    ['/sandbox is a link to itself', 'RUN rm -rf /sandbox && ln -s sandbox /sandbox'],
    ['/sandbox is a file', 'RUN rm -rf /sandbox && touch /sandbox'],
    ['/tmp is a link to /sandbox', 'RUN rm -rf /tmp && ln -s /sandbox /tmp'],
    ['/tmp is a link to /usr', 'RUN rm -rf /tmp && ln -s /usr /tmp'],
  ])('%s: it works, or does not start', { timeout: 60_000 }, async (_, lines) => {
    const tag = await image(lines);
    // What is mounted in its place may hide a program or a directory.
    const ends = /^(100|[A-Z_]+_FAILED)$/;
    expect(await saidIn(tag, program)).toMatch(ends);
  });
});

describe('an image with odd users, hosts and shells', () => {
  const ODD: [what: string, lines: string][] = [
    [
      'the sandbox user is called root',
      "RUN sed -i 's/^sandbox:x:100:101/sandbox:x:0:0/; 1i toor:x:100:101::/root:/bin/sh' /etc/passwd",
    ],
    ['there are no users', 'RUN rm -f /etc/passwd /etc/group /etc/shadow'],
    ['the users are a link to the kernel’s', 'RUN rm /etc/passwd && ln -s /proc/self/environ /etc/passwd'],
    ['the sandbox user is in all groups', "RUN sed -i 's/$/sandbox/' /etc/group"],
    ['there is no shell', 'RUN ["/bin/rm", "/bin/sh"]'],
    ['everything may be written by everybody', 'RUN chmod -R a+rwX /etc /opt /srv /var 2> /dev/null || true'],
  ];

  it.each(ODD)('%s: a program is who it is', { timeout: 60_000 }, async (_, lines) => {
    const tag = await image(lines);
    const code = `import os
print(os.getresuid(), os.getresgid(), os.getgroups())
try: open("/etc/written", "w"); print("written")
except OSError as error: print(error.strerror)`;
    expect(await saidIn(tag, code)).toBe('(100, 100, 100) (101, 101, 101) []\nRead-only file system');
  });
});

describe('an image that says much of itself', () => {
  it('in labels that are ours gets no more than any other', async () => {
    const tag =
      await image(`LABEL org.isol8.localhost=true org.isol8.registries="169.254.169.254,127.0.0.1,*,evil.test" \\
 org.isol8.setup="echo set up as $(id -u) by $$; exit 0" org.isol8.build.hash=x org.isol8.guest=x isol8.managed=false isol8.owner=nobody`);
    expect(await saidIn(tag, WHO)).toBe('100');
  });

  it('in a long environment is refused, or works', { timeout: 60_000 }, async () => {
    const long = Array.from({ length: 4 }, (_, n) => `ENV LONG_${n}=${'x'.repeat(60_000)}`).join('\n');
    const tag = await image(long);
    expect(await saidIn(tag, WHO)).toMatch(/^(100|SPAWN_FAILED|SANDBOX_START_FAILED)$/);
  });
});
