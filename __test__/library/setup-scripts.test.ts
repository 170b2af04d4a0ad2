/** Setup scripts: run before the program, in its sandbox, and told apart from it. */
import { randomUUID } from 'node:crypto';
import type { ExecutionRequest, StreamEvent } from 'isol8';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Engine, ONE_SANDBOX, ownEngine, PERSISTENT, sharedEngine } from '../support/any-engine.js';
import { build, removeImages } from '../support/docker.js';
import { collect, text } from '../support/events.js';

const SECRET = 'hunter2-hunter2';

const event = (phase: StreamEvent['phase']) => (type: StreamEvent['type'], data: string) => ({ type, data, phase });
const setup = event('setup');
const code = event('code');

describe.each([
  ['ephemeral', ONE_SANDBOX],
  ['persistent', PERSISTENT],
])('%s', async (_, options) => {
  const engine = await sharedEngine({ ...options, secrets: { TOKEN: SECRET } });
  const bash = (request: Partial<ExecutionRequest>) => engine.execute({ runtime: 'bash', code: ':', ...request });
  const events = (request: Partial<ExecutionRequest>) =>
    collect(engine.executeStream({ runtime: 'bash', code: ':', ...request }));

  it('come first, and their output is not that of the program', async () => {
    const request = { setupScript: 'echo preparing; echo x > made', code: 'cat made' };
    expect(await events(request)).toEqual([
      setup('stdout', 'preparing\n'),
      setup('exit', '0'),
      code('stdout', 'x\n'),
      code('exit', '0'),
    ]);
    expect(await bash({ ...request, setupScript: 'echo out; echo err >&2; echo x > made' })).toMatchObject({
      stdout: 'x',
      stderr: '',
      exitCode: 0,
    });
  });

  it('that fail keep the program from running', async () => {
    const request = { setupScript: 'rm -f ran; echo out; echo "no luck" >&2; exit 3', code: ': > ran' };
    await expect(bash(request)).rejects.toMatchObject({
      code: 'SETUP_FAILED',
      message: 'Setup script failed (exit code 3): no luck',
    });
    const streamed = await events(request);
    expect(text(streamed, 'stderr')).toBe('no luck\n');
    expect(streamed.every(({ phase }) => phase === 'setup')).toBe(true);
    expect(streamed.slice(-2)).toEqual([setup('error', 'Setup script failed (exit code 3)'), setup('exit', '3')]);
    expect((await bash({ cmd: 'test -e ran', code: undefined })).exitCode).toBe(1);
  });

  it('have a time limit', async () => {
    const request = { setupScript: 'echo waiting >&2; sleep 60', timeoutMs: 200 };
    await expect(bash(request)).rejects.toMatchObject({
      code: 'SETUP_FAILED',
      message: 'Setup script failed (exit code 137): waiting',
    });
    expect(await events(request)).toEqual([
      setup('stderr', 'waiting\n'),
      setup('error', 'SETUP SCRIPT TIMED OUT'),
      setup('exit', '137'),
    ]);
  });

  it('that are killed have not timed out', async () => {
    expect((await events({ setupScript: 'kill -KILL $$' })).map(({ data }) => data)).toEqual([
      'Setup script failed (exit code 137)',
      '137',
    ]);
  });

  // W26: they did not see the environment of the request. W20, W27: what they printed was not masked.
  it('have the environment and the secrets, which are masked wherever they show', async () => {
    const env = { GREETING: 'hi there' };
    const setupScript = 'echo "$GREETING $TOKEN"; echo "no $TOKEN" >&2; exit 1';
    const streamed = await events({ setupScript, env });
    expect([text(streamed, 'stdout'), text(streamed, 'stderr')]).toEqual(['hi there ***\n', 'no ***\n']);
    await expect(bash({ setupScript, env })).rejects.toMatchObject({
      message: 'Setup script failed (exit code 1): no ***',
    });
  });

  it('find the programs of administrators, which the program does not', async () => {
    const printed = text(await events({ setupScript: 'echo $PATH', code: 'echo $PATH' }), 'stdout');
    const [ofSetup, ofProgram] = printed.split('\n');
    expect(ofSetup).toBe(`${ofProgram}:/usr/local/sbin:/usr/sbin:/sbin`);
  });

  it('run in /sandbox as user sandbox, wherever the program does', async () => {
    const printed = text(await events({ setupScript: 'pwd; id -un', code: 'pwd', workdir: 'sub' }), 'stdout');
    expect(printed).toBe('/sandbox\nsandbox\n/sandbox/sub\n');
  });

  // W28: the script stayed in /sandbox.
  it('are not there any more when the program runs, nor on any command line', async () => {
    const script = '# the text of the script\ntr "\\0" " " < /proc/$$/cmdline';
    const own = await ownEngine(options);
    const request = { runtime: 'bash', setupScript: script, cmd: 'ls -A /sandbox /tmp' } as const;
    const printed = text(await collect(own.executeStream(request)), 'stdout');
    expect(printed).toMatch(/^bash \/sandbox\/\S+\.sh \/sandbox:\n\n\/tmp:\n$/);
    expect(printed).not.toContain('the text of the script');
  });

  // W4: in ephemeral runs files came after the script, in persistent ones before.
  it('find the files of the request', async () => {
    const { stdout } = await bash({
      files: { 'in/put': 'given' },
      setupScript: 'tr a-z A-Z < in/put > output',
      code: 'cat output in/put',
    });
    expect(stdout).toBe('GIVENgiven');
  });

  it('can start something for the program', async () => {
    const setupScript = 'mkfifo -m 600 line; (while :; do echo pong > line; done) > /dev/null 2>&1 &';
    const { stdout } = await bash({ setupScript, code: 'cat line; rm line; kill $(jobs -p) 2> /dev/null; :' });
    expect(stdout).toMatch(/^pong/);
    await engine.stop();
  });

  it('have the whole time limit, and so has the program', async () => {
    const { exitCode, durationMs } = await bash({ setupScript: 'sleep 0.6', code: 'sleep 0.6', timeoutMs: 1000 });
    expect(exitCode).toBe(0);
    expect(durationMs).toBeLessThan(1000);
  });

  it('get nothing of the standard input', async () => {
    const setupScript = 'wc --bytes > length';
    const { stdout } = await bash({ setupScript, code: 'cat length -', stdin: 'for the program' });
    expect(stdout).toBe('0\nfor the program');
  });

  it('come from the request in each run anew', async () => {
    await bash({ setupScript: 'echo once >> /tmp/trace; test $(wc -l < /tmp/trace) = 1' });
    const { stderr, exitCode } = await bash({ code: ':' });
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  });
});

describe('of an image', () => {
  const tag = `isol8-test:setup-${randomUUID()}`;
  const label = `org.isol8.setup=echo from the image; echo image >> /tmp/trace # ${tag}`;

  beforeAll(() => build(tag, `FROM isol8:bash\nLABEL ${label.replace('=', '="')}"\n`));
  // With what was made of it, if the guest in our own image is of another build.
  afterAll(() => removeImages(label));

  const request = { runtime: 'bash', setupScript: 'echo of the request; echo request >> /tmp/trace' } as const;
  const trace = (engine: Engine) => engine.execute({ ...request, code: 'xargs < /tmp/trace' });

  it('come before those of the request', async () => {
    const engine = await ownEngine({ image: tag });
    expect(await collect(engine.executeStream({ ...request, code: 'xargs < /tmp/trace' }))).toEqual([
      setup('stdout', 'from the image\n'),
      setup('exit', '0'),
      setup('stdout', 'of the request\n'),
      setup('exit', '0'),
      code('stdout', 'image request\n'),
      code('exit', '0'),
    ]);
  });

  it('come before every run in sandboxes that are as new', async () => {
    const engine = await ownEngine({ ...ONE_SANDBOX, image: tag });
    for (let n = 0; n < 2; n++) expect((await trace(engine)).stdout).toBe('image request');
  });

  // W5: they were run only when the container of a session was created.
  it('come before every run in a session, too', async () => {
    const engine = await ownEngine({ ...PERSISTENT, image: tag });
    for (const times of [1, 2, 3]) {
      expect((await trace(engine)).stdout).toBe(Array(times).fill('image request').join(' '));
    }
  });
});
