/** Command lines: run by bash, whatever the runtime. */
import { RuntimeRegistry } from 'isol8';
import { describe, expect, it } from 'vitest';
import { sharedEngine } from '../support/any-engine.js';

const engine = await sharedEngine();
/** The agent is only run where it could reach something. */
const connected = await sharedEngine({ network: 'filtered', networkFilter: { whitelist: ['^model\\.example$'] } });

describe.each(RuntimeRegistry.list().map(({ name }) => name))('in %s', (runtime) => {
  const engineOf = runtime === 'agent' ? connected : engine;

  it('runs a pipeline', async () => {
    const { stdout, exitCode } = await engineOf.execute({ runtime, cmd: 'printf "b\\na\\n" | sort | tr a-z A-Z' });
    expect({ stdout, exitCode }).toEqual({ stdout: 'A\nB', exitCode: 0 });
  });

  it('passes the exit code on', async () => {
    const { exitCode } = await engineOf.execute({ runtime, cmd: 'exit 42' });
    expect(exitCode).toBe(42);
  });

  it('sees the environment of the request', async () => {
    const { stdout } = await engineOf.execute({ runtime, cmd: 'echo "$GREETING"', env: { GREETING: 'hi there' } });
    expect(stdout).toBe('hi there');
  });
});

it('has the runtime of the image at hand', async () => {
  const { stdout } = await engine.execute({ runtime: 'python', cmd: 'python3 -c "print(6 * 7)"' });
  expect(stdout).toBe('42');
});

it('is bash', async () => {
  const { stdout } = await engine.execute({ runtime: 'node', cmd: 'a=(x y z); echo "${a[-1]} ${BASH_VERSION%%.*}"' });
  expect(stdout).toMatch(/^z \d+$/);
});

it('counts as absent when it is blank', async () => {
  const { stdout } = await engine.execute({ runtime: 'bash', cmd: ' \n\t', code: 'echo from code' });
  expect(stdout).toBe('from code');
});

it('ends as killed when a signal ends it', async () => {
  const { exitCode } = await engine.execute({ runtime: 'bash', cmd: 'kill -KILL $$' });
  expect(exitCode).toBe(137);
});
