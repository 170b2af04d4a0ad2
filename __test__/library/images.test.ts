/** Images other than ours: prepared once, and without a say in how they are run. */
import { randomUUID } from 'node:crypto';
import { imageExists } from 'isol8';
import { afterAll, describe, expect, it } from 'vitest';
import { build, docker, inspect } from '../support/docker.js';
import { ownEngine } from '../support/engine.js';

/** What was made of the image of this name: other suites may be preparing images of theirs. */
async function prepared(name: string): Promise<string[]> {
  const image = (await inspect(name)).Id.slice('sha256:'.length, 'sha256:'.length + 12);
  const reference = `reference=isol8:prepared-${image}*`;
  return (await docker(['images', '--format', '{{.Tag}} {{.ID}}', '--filter', reference])).split('\n').filter(Boolean);
}

it('that are not there are an error with a code', async () => {
  const engine = ownEngine({ image: 'isol8-test:missing' });
  await expect(engine.execute({ runtime: 'bash', code: ':' })).rejects.toMatchObject({
    code: 'IMAGE_NOT_FOUND',
    message: expect.stringContaining('isol8-test:missing'),
  });
});

it('can be asked for', async () => {
  expect(await imageExists(null, 'isol8:bash')).toBe(true);
  expect(await imageExists(null, 'isol8-test:missing')).toBe(false);
});

describe('an image that knows nothing of isol8', () => {
  const tag = `isol8-test:plain-${randomUUID()}`;
  // A layer of its own makes it a new image, which nobody has prepared yet.
  const plain = `FROM debian:trixie-slim\nRUN echo ${tag} > /etc/isol8-test\n`;

  afterAll(async () => {
    const ours = await prepared(tag);
    await docker(['rmi', '--force', ...ours.map((line) => `isol8:${line.split(' ')[0]}`), tag]);
  });

  it('is prepared on first use, and only then', async () => {
    await build(tag, plain);
    expect(await prepared(tag)).toEqual([]);
    const first = ownEngine({ image: tag });
    const { stdout } = await first.execute({ runtime: 'bash', code: 'cat /etc/isol8-test; id --user' });
    expect(stdout).toBe(`${tag}\n100`);
    const after = await prepared(tag);
    expect(after).toHaveLength(1);

    const second = ownEngine({ image: tag });
    expect((await second.execute({ runtime: 'bash', code: 'echo again' })).stdout).toBe('again');
    expect(await prepared(tag)).toEqual(after);
  });

  it('is prepared once by many at a time', async () => {
    await build(tag, plain);
    const engine = ownEngine({ image: tag });
    const runs = Array.from({ length: 4 }, (_, n) => engine.execute({ runtime: 'bash', code: `echo ${n}` }));
    expect((await Promise.all(runs)).map(({ stdout }) => stdout)).toEqual(['0', '1', '2', '3']);
  });
});

describe('an image that wants to run things its own way', () => {
  const tag = 'isol8-test:wilful';
  const wilful = `
FROM isol8:bash
USER 12345:12345
WORKDIR /var
ENV ISOL8_TEST=from-the-image
ENTRYPOINT ["/bin/sh", "-c", "sleep 1000"]
CMD ["sleep", "1000"]
HEALTHCHECK --interval=1s CMD touch /tmp/healthcheck-ran
STOPSIGNAL SIGUSR1
EXPOSE 80
`;

  it('has no say', async () => {
    await build(tag, wilful);
    const engine = ownEngine({ image: tag });
    const { stdout, containerId } = await engine.execute({
      runtime: 'bash',
      code: 'id --user; pwd; tr "\\0" " " < /proc/1/cmdline; echo; sleep 1.5; ls /tmp',
    });
    expect(stdout.split('\n')).toEqual(['100', '/sandbox', '/usr/local/bin/isol8-init']);
    const { Config, State } = await inspect(containerId);
    expect(Config.User).toBe('0:0');
    expect(Config.Entrypoint).toEqual(['/usr/local/bin/isol8-init']);
    expect(State.Health).toBeUndefined();
  });
});

describe('an image that would undo what holds user code', () => {
  const tag = 'isol8-test:unusable';

  it.each([
    ['VOLUME', 'RUN mkdir -p /data/inner && chmod 1777 /data/inner\nVOLUME /data'],
    ['ONBUILD', 'ONBUILD RUN touch /ran-as-root'],
  ])('is refused (%s)', async (what, lines) => {
    await build(tag, `FROM isol8:bash\n${lines}\n`);
    const error = await ownEngine({ image: tag })
      .execute({ runtime: 'bash', code: ':' })
      .catch((error) => error);
    expect(error).toMatchObject({ code: 'IMAGE_UNUSABLE', message: expect.stringContaining(what) });
  });
});
