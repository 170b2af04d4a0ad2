/** Persistent engines: one container for all executions, one after the other, with what they leave behind. */
import type { ExecutionRequest } from 'isol8';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Engine, hasContainer, here, mine, ownEngine, PERSISTENT } from '../support/any-engine.js';
import { docker, inspect, processesIn } from '../support/docker.js';
import { collect, text } from '../support/events.js';
import { until, within } from '../support/until.js';

const bash = (engine: Engine, code: string, more: Partial<ExecutionRequest> = {}) =>
  engine.execute({ runtime: 'bash', code, ...more });

it('have no container before the first run, prewarmed or not, and keep that of the first run', async () => {
  const engine = await ownEngine(PERSISTENT);
  await engine.start({ prewarm: true });
  hasContainer(engine, null);
  expect(await mine()).toEqual([]);
  const { containerId } = await bash(engine, ':');
  hasContainer(engine, containerId);
  expect((await bash(engine, ':')).containerId).toBe(containerId);
  expect(await mine()).toEqual([containerId]);
});

it('can be started by a stream as well', async () => {
  const engine = await ownEngine(PERSISTENT);
  const events = await collect(engine.executeStream({ runtime: 'bash', code: 'echo x | tee kept' }));
  expect(text(events, 'stdout')).toBe('x\n');
  const [container = ''] = await mine();
  hasContainer(engine, container);
  expect((await bash(engine, 'cat kept')).stdout).toBe('x');
});

// What a server's stop() waits for is its own affair.
here(() => {
  it('give background processes two seconds to end when they are stopped', async () => {
    const engine = await ownEngine(PERSISTENT);
    const deaf = '(trap "" TERM; : > set; exec sleep 4321) > /dev/null 2>&1 &';
    await bash(engine, `${deaf} until test -e set; do sleep 0.01; done`);
    const began = performance.now();
    await engine.stop();
    expect(performance.now() - began).toBeGreaterThanOrEqual(2000);
    expect(await mine()).toEqual([]);
  });
});

describe('from one run to the next', () => {
  it('files stay, the environment of a request and the state of an interpreter do not', async () => {
    const engine = await ownEngine(PERSISTENT);
    const python = (code: string, env?: Record<string, string>) => engine.execute({ runtime: 'python', code, env });
    await python('open("/sandbox/a", "w").write("a"); open("/tmp/b", "w").write("b"); x = 42', { ONCE: 'only' });
    const { stdout } = await python(`
import os
print(open("/sandbox/a").read(), open("/tmp/b").read(), "ONCE" in os.environ, "x" in globals())`);
    expect(stdout).toBe('a b False False');
  });

  it('background processes live on', async () => {
    const engine = await ownEngine(PERSISTENT);
    const { stdout: pid } = await bash(engine, 'sleep 4321 & echo $!');
    for (let n = 0; n < 2; n++) expect((await bash(engine, `kill -0 ${pid} && echo alive`)).stdout).toBe('alive');
  });

  it.each([
    ['its time limit', { timeoutMs: 3000 }, undefined],
    ['an abort', {}, new AbortController()],
  ])('%s ends a run with all that it started, and nothing else', async (_, limit, controller) => {
    const engine = await ownEngine(PERSISTENT);
    const { containerId } = await bash(
      engine,
      'sleep 1111 & (setsid sleep 2222 &) ; (until test -e fork; do sleep 0.01; done; sleep 6666) &',
    );
    const code = ': > fork; sleep 3333 & (setsid sleep 4444 > /dev/null 2>&1 &); trap "" TERM; sleep 5555';
    const run = engine.execute({ runtime: 'bash', code, ...limit }, { signal: controller?.signal });
    const outcome = controller && expect(run).rejects.toMatchObject({ code: 'ABORT_ERR' });
    await until('all to run', 10_000, async () => {
      const processes = (await processesIn(containerId)).join('\n');
      return ['3333', '4444', '5555', '6666'].every((number) => processes.includes(`sleep ${number}`));
    });
    controller?.abort();
    if (outcome) await outcome;
    else expect(await run).toMatchObject({ exitCode: 137, timedOut: true });
    const { stdout } = await bash(engine, 'cat /proc/[0-9]*/cmdline | tr "\\0" " "');
    expect(stdout.match(/sleep \d{4}/g)?.sort()).toEqual(['sleep 1111', 'sleep 2222', 'sleep 6666']);
  });

  // W11: script files were named by the millisecond, and never deleted.
  it('no script file stays, however the run ends', async () => {
    const engine = await ownEngine(PERSISTENT);
    const left = async () => (await engine.execute({ runtime: 'bash', cmd: 'ls -A /sandbox /tmp' })).stdout;
    const clean = await left();
    const named = await bash(engine, 'basename $0; ls -A', { setupScript: ':' });
    expect(named.stdout).toMatch(/^(exec_[\w-]+\.sh)\n\1$/);
    await bash(engine, 'exit 3');
    await bash(engine, 'sleep 60', { timeoutMs: 100, setupScript: ':' });
    await expect(bash(engine, ':', { setupScript: 'exit 1' })).rejects.toMatchObject({ code: 'SETUP_FAILED' });
    await expect(bash(engine, ':', { setupScript: 'sleep 60', timeoutMs: 100 })).rejects.toMatchObject({
      code: 'SETUP_FAILED',
    });
    for (const request of [{ code: 'echo up; sleep 60' }, { code: ':', setupScript: 'echo up; sleep 60' }]) {
      for await (const { data } of engine.executeStream({ runtime: 'bash', ...request })) {
        expect(data).toBe('up\n');
        break;
      }
    }
    expect(await left()).toBe(clean);
  });
});

it('serve requests in the order of the calls, one at a time, however many are allowed', async () => {
  const engine = await ownEngine(PERSISTENT, 10);
  const code = (n: number) => `mkdir lock || exit 9; echo ${n} >> order; sleep 0.02; rmdir lock`;
  const runs = Array.from({ length: 8 }, (_, n) =>
    n % 2
      ? bash(engine, code(n)).then(({ exitCode }) => String(exitCode))
      : collect(engine.executeStream({ runtime: 'bash', code: code(n) })).then((events) => text(events, 'exit')),
  );
  expect(await Promise.all(runs)).toEqual(Array(8).fill('0'));
  expect((await bash(engine, 'xargs < order')).stdout).toBe('0 1 2 3 4 5 6 7');
});

// W29: two first requests at a time created two containers, and one of them leaked.
it('create one container for several first requests at a time', async () => {
  const engine = await ownEngine(PERSISTENT, 10);
  const runs = Array.from({ length: 4 }, () => bash(engine, ':'));
  const used = new Set((await Promise.all(runs)).map(({ containerId }) => containerId));
  expect(await mine()).toEqual([...used]);
  expect(used.size).toBe(1);
});

it('leak none when the first request is given up while its container starts', async () => {
  const engine = await ownEngine(PERSISTENT);
  const controller = new AbortController();
  const first = engine.execute({ runtime: 'bash', code: 'sleep 60' }, { signal: controller.signal });
  const outcome = expect(first).rejects.toMatchObject({ code: 'ABORT_ERR' });
  await until('a container to be created', 5000, async () => (await mine()).length > 0);
  controller.abort();
  await outcome;
  const { containerId } = await bash(engine, ':');
  await until('any other container to go', 5000, async () => (await mine()).join() === containerId);
});

it('keep to one runtime, commands included', async () => {
  const engine = await ownEngine(PERSISTENT);
  await bash(engine, 'echo mine > file');
  const refusal = {
    code: 'RUNTIME_SWITCH',
    message:
      'Cannot switch runtime from "bash" to "python". Each persistent container supports a single runtime. Create a new Isol8 instance for a different runtime.',
  };
  await expect(engine.execute({ runtime: 'python', code: '1' })).rejects.toMatchObject(refusal);
  await expect(engine.execute({ runtime: 'python', cmd: 'ls' })).rejects.toMatchObject(refusal);
  await expect(collect(engine.executeStream({ runtime: 'python', code: '1' }))).rejects.toMatchObject(refusal);
  expect((await bash(engine, 'cat file')).stdout).toBe('mine');
});

it('lose their container and their runtime by stop()', async () => {
  const engine = await ownEngine(PERSISTENT);
  const { containerId } = await bash(engine, 'sleep 60 & echo x > file');
  await within('stop()', 5000, engine.stop());
  hasContainer(engine, null);
  expect(await mine()).toEqual([]);
  const next = await engine.execute({ runtime: 'python', code: 'import os; print(os.path.exists("file"))' });
  expect(next.stdout).toBe('False');
  expect(next.containerId).not.toBe(containerId);
});

it('end what runs and what waits by stop()', async () => {
  const engine = await ownEngine(PERSISTENT);
  const stream = engine.executeStream({ runtime: 'bash', code: 'echo up; sleep 60' });
  await stream.next();
  const outcomes = Promise.allSettled([stream.next(), bash(engine, ':')]);
  await within('stop()', 5000, engine.stop());
  hasContainer(engine, null);
  expect(await mine()).toEqual([]);
  for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { code: 'STOPPED' } });
});

describe('with `persist`', () => {
  /** An engine's container, which the test has to remove itself. */
  function removed(id: string): string {
    onTestFinished(async () => {
      await docker(['rm', '--force', id]);
    });
    return id;
  }

  // W31: stop() removed it all the same.
  it('the container of a session stays when the engine is stopped, and so does its id', async () => {
    const engine = await ownEngine({ ...PERSISTENT, persist: true });
    const id = removed((await bash(engine, 'echo x > file; sleep 4321 & :')).containerId);
    await engine.stop();
    hasContainer(engine, id);
    expect((await inspect(id)).State.Running).toBe(true);
    expect(await processesIn(id)).toContainEqual(expect.stringContaining('sleep 4321'));
    expect(await docker(['exec', id, 'cat', '/sandbox/file'])).toBe('x');
    const next = removed((await bash(engine, 'ls')).containerId);
    expect(next).not.toBe(id);
    hasContainer(engine, next);
  });

  it('the container of every single run stays, and none is used twice', async () => {
    const engine = await ownEngine({ persist: true, poolSize: 0 });
    const first = removed((await bash(engine, 'echo x > file')).containerId);
    const second = removed((await bash(engine, 'ls')).containerId);
    expect(second).not.toBe(first);
    await engine.stop();
    expect((await mine()).sort()).toEqual([first, second].sort());
    expect(await docker(['exec', first, 'cat', '/sandbox/file'])).toBe('x');
    hasContainer(engine, null);
  });

  it('a run that is still going on when the engine is stopped leaves nothing', async () => {
    const engine = await ownEngine({ persist: true, poolSize: 0 });
    const stream = engine.executeStream({ runtime: 'bash', code: 'echo up; sleep 60' });
    await stream.next();
    const cut = expect(stream.next()).rejects.toMatchObject({ code: 'STOPPED' });
    await engine.stop();
    await cut;
    await until('its container to go', 5000, async () => (await mine()).length === 0);
  });
});
