/**
 * Whether programs that use the package compile, and whether the examples that it was specified by run as they are
 * written. Those of its documents are in `__test__/docs`.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ROOT } from '../support/paths.js';
import { Process } from '../support/process.js';

const MODULES = {
  nodenext: ['--module', 'nodenext'],
  bundler: ['--module', 'esnext', '--moduleResolution', 'bundler'],
};

const STRICT = ['--ignoreConfig', '--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022', '--types', 'node'];

/** What the compiler has to say about files. The package's own declarations are checked as well. */
async function complaints(files: string[], module: string[]): Promise<string> {
  const args = [join(ROOT, 'node_modules/typescript/bin/tsc'), ...STRICT, ...module, ...files.map(example)];
  return promisify(execFile)(process.execPath, args, { cwd: ROOT }).then(
    () => '',
    ({ stdout, message }) => stdout || message,
  );
}

const example = (name: string) => join(ROOT, '__test__/types/examples', name);

it('a CommonJS program compiles', async () => {
  expect(await complaints(['required.cts'], MODULES.nodenext)).toBe('');
});

const EXAMPLES = ['engine.mts', 'remote.mts', 'streaming.mts', 'files.mts', 'names.mts', 'use.mts'];

it.each(Object.entries(MODULES))('all examples compile with module resolution of %s', async (_, module) => {
  expect(await complaints(EXAMPLES, module)).toBe('');
});

describe('an example that is run', () => {
  const LOCAL = 'import { DockerIsol8 } from "isol8";\nconst isol8 = new DockerIsol8({ mode: "persistent" });\n';
  const REMOTE = `import { RemoteIsol8 } from "isol8";
const isol8 = new RemoteIsol8({ host: "http://localhost:3000", apiKey: "secret", sessionId: "examples" });\n`;

  /** An example without the lines that are there for the compiler, which is JavaScript then. */
  const script = (name: string) =>
    readFileSync(example(name), 'utf8').replace(/^import type .*\n|^declare const .*\n/gm, '');

  /** Runs a program beside the server that examples speak of, on a network of their own where its port is free. */
  async function outcome(program: string) {
    const directory = mkdtempSync(join(ROOT, 'node_modules/.isol8-examples-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, 'example.mjs'), program);
    writeFileSync(
      join(directory, 'main.mjs'),
      `import { createServer } from 'isol8';
const server = await createServer({ port: 3000, host: 'localhost', apiKey: 'secret', config: {} });
await import('./example.mjs');
await server.shutdown();\n`,
    );
    const command = 'ip link set lo up && exec "$0" "$@"';
    return new Process('unshare', ['--net', 'sh', '-c', command, process.execPath, join(directory, 'main.mjs')]).ended;
  }

  it('DockerIsol8, with code that comes from nearer', async () => {
    const { code, stdout, stderr } = await outcome(
      script('engine.mts')
        .replace(/^codeUrl: .*\n/m, 'code: "print(6 * 7)",\n')
        .replace(/^(codeHash|installPackages): .*\n/gm, ''),
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^42\n0\n\d+\n$/);
  });

  it('RemoteIsol8', async () => {
    const shown = `${script('remote.mts')}console.log(result.stdout, result.exitCode);\n`;
    expect(await outcome(shown)).toEqual({ code: 0, stdout: '1 0\n', stderr: '' });
  });

  it.each([
    ['here', LOCAL],
    ['at a server', REMOTE],
  ])('streaming, and files, %s', async (_, engine) => {
    // Its first line needs a session, and its second a file.
    const before =
      "await isol8.execute({ runtime: \"python\", code: \"open('output.txt', 'w').write('written')\" });\n";
    const after = 'console.log(String(buf), String(await isol8.getFile("data.csv")));\nawait isol8.stop();\n';
    expect(await outcome(engine + script('streaming.mts') + before + script('files.mts') + after)).toEqual({
      code: 0,
      stdout: '0\n1\n2\n3\n4\nExit code: 0\nwritten col1,col2\n1,2\n',
      stderr: '',
    });
  });
});
