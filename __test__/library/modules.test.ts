/** Module systems and TypeScript: inline code means what it means in a file. */
import { describe, expect, it } from 'vitest';
import { sharedEngine } from '../support/any-engine.js';
import { collect } from '../support/events.js';

const engine = await sharedEngine();

describe('node', () => {
  // W9: what ran depended on whether it was streamed. W10: the extension was ignored unless there was a file.
  it.each([
    ['require', undefined, 'console.log(require("node:path").basename("/a/b"))', 'b'],
    ['import', undefined, 'import { basename } from "node:path"; console.log(basename("/a/b"))', 'b'],
    ['top-level await', undefined, 'console.log(await Promise.resolve("waited"))', 'waited'],
    ['.cjs', '.cjs', 'console.log(typeof require, typeof module)', 'function object'],
    ['.mjs', '.mjs', 'console.log(typeof require, import.meta.url)', 'undefined file:///sandbox/main.mjs'],
  ])('takes %s', async (_, fileExtension, code, expected) => {
    const request = { runtime: 'node', code, fileExtension } as const;
    const { stdout, stderr, exitCode } = await engine.execute(request);
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: expected, stderr: '', exitCode: 0 });
    const streamed = await collect(engine.executeStream(request));
    expect(streamed.map(({ data }) => data)).toEqual([`${expected}\n`, '0']);
  });

  it('has no import in a .cjs file', async () => {
    const code = 'import { basename } from "node:path"';
    const { exitCode, stderr } = await engine.execute({ runtime: 'node', code, fileExtension: '.cjs' });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('SyntaxError');
  });

  it('imports a module that came with the request', async () => {
    const { stdout } = await engine.execute({
      runtime: 'node',
      code: 'import { answer } from "./lib/answer.mjs"; console.log(answer)',
      files: { 'lib/answer.mjs': 'export const answer = 42' },
    });
    expect(stdout).toBe('42');
  });
});

describe.each(['bun', 'deno'] as const)('%s', (runtime) => {
  it('runs TypeScript', async () => {
    const code = `
      interface Point { x: number; y: number }
      enum Colour { Red = 'red' }
      const point = { x: 3, y: 4 } satisfies Point;
      const length = (p: Point): number => Math.hypot(p.x, p.y);
      console.log(length(point as Point), Colour.Red, await Promise.resolve<string>('waited'));
    `;
    const { stdout, stderr, exitCode } = await engine.execute({ runtime, code });
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: '5 red waited', stderr: '', exitCode: 0 });
  });

  it('imports a TypeScript module that came with the request', async () => {
    const { stdout } = await engine.execute({
      runtime,
      code: 'import { twice } from "./twice.ts"; console.log(twice(21))',
      files: { 'twice.ts': 'export const twice = (n: number): number => 2 * n' },
    });
    expect(stdout).toBe('42');
  });
});

it('deno reads and writes in /sandbox and /tmp only', async () => {
  const code = `
    await Deno.writeTextFile('/tmp/note', 'kept');
    console.log(await Deno.readTextFile('/tmp/note'));
    console.log(await Deno.readTextFile('/etc/passwd').catch((error) => error.name));
  `;
  const { stdout } = await engine.execute({ runtime: 'deno', code });
  expect(stdout).toBe('kept\nNotCapable');
});

it('python imports a package that came with the request', async () => {
  const { stdout } = await engine.execute({
    runtime: 'python',
    code: 'from shapes.square import area; print(area(5))',
    files: { 'shapes/__init__.py': '', 'shapes/square.py': 'def area(side):\n    return side * side\n' },
  });
  expect(stdout).toBe('25');
});
