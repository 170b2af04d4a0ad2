/** Programs in all five languages: what they print and how they end. The agent has a suite of its own. */
import type { Runtime } from 'isol8';
import { describe, expect, it } from 'vitest';
import { sharedEngine } from '../support/any-engine.js';

interface Programs {
  hello: string;
  exit42: string;
  stderr: string;
  syntaxError: string;
  /** What the runtime calls it. */
  syntaxErrorName: string;
  runtimeError: string;
  runtimeErrorName: string;
}

const JAVASCRIPT: Programs = {
  hello: 'console.log("hello")',
  exit42: 'process.exit(42)',
  stderr: 'console.error("to stderr")',
  syntaxError: 'const = 1',
  syntaxErrorName: 'SyntaxError',
  runtimeError: 'null.property',
  runtimeErrorName: 'TypeError',
};

const PROGRAMS: Record<Exclude<Runtime, 'agent'>, Programs> = {
  python: {
    hello: 'print("hello")',
    exit42: 'import sys; sys.exit(42)',
    stderr: 'import sys; print("to stderr", file=sys.stderr)',
    syntaxError: 'def broken(',
    syntaxErrorName: 'SyntaxError',
    runtimeError: 'raise ValueError("no good")',
    runtimeErrorName: 'ValueError: no good',
  },
  node: JAVASCRIPT,
  // Bun and Deno name the place of a syntax error, and call it just an error.
  bun: { ...JAVASCRIPT, syntaxErrorName: 'error' },
  deno: { ...JAVASCRIPT, exit42: 'Deno.exit(42)', syntaxErrorName: 'error' },
  bash: {
    hello: 'echo hello',
    exit42: 'exit 42',
    stderr: 'echo "to stderr" >&2',
    syntaxError: 'if true; then',
    syntaxErrorName: 'syntax error',
    runtimeError: 'set -e; no-such-command',
    runtimeErrorName: 'command not found',
  },
};

const engine = await sharedEngine();

describe.each(Object.entries(PROGRAMS) as [Runtime, Programs][])('%s', (runtime, programs) => {
  it('says hello, and nothing else', async () => {
    const { stdout, stderr, exitCode } = await engine.execute({ runtime, code: programs.hello });
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: 'hello', stderr: '', exitCode: 0 });
  });

  it('passes its exit code on', async () => {
    const { stdout, exitCode } = await engine.execute({ runtime, code: programs.exit42 });
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 42 });
  });

  it('has a stderr of its own', async () => {
    const { stdout, stderr, exitCode } = await engine.execute({ runtime, code: programs.stderr });
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: '', stderr: 'to stderr', exitCode: 0 });
  });

  it('fails on a syntax error', async () => {
    const { exitCode, stderr } = await engine.execute({ runtime, code: programs.syntaxError });
    expect(exitCode).toBeGreaterThan(0);
    expect(stderr).toContain(programs.syntaxErrorName);
  });

  it('fails on a runtime error', async () => {
    const { exitCode, stderr } = await engine.execute({ runtime, code: programs.runtimeError });
    expect(exitCode).toBeGreaterThan(0);
    expect(stderr).toContain(programs.runtimeErrorName);
  });
});
