/** The programs in `examples/` do what their pages say. What pages show of a terminal is checked in examples.test.ts. */
import { execFile } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { model, settingsFor } from '../support/model.js';
import { ROOT } from '../support/paths.js';
import { Process } from '../support/process.js';
import { scratch } from '../support/scratch.js';
import { assistant } from './support/assistant.js';
import { PAGES, read } from './support/pages.js';

const EXAMPLES = join(ROOT, 'examples');

const folders = readdirSync(EXAMPLES, { withFileTypes: true }).filter((entry) => entry.isDirectory());

/** Runs a program of a folder, as its page says. */
const run = (folder: string, args: string[], env: NodeJS.ProcessEnv = {}) =>
  new Process(process.execPath, args, { cwd: join(EXAMPLES, folder), env }).ended;

it('every folder has a page, and is listed', () => {
  const names = folders.map(({ name }) => name);
  expect(names.filter((name) => !PAGES.includes(`examples/${name}/README.md`))).toEqual([]);
  expect(names.filter((name) => !read('examples/README.md').includes(`](${name}/README.md)`))).toEqual([]);
});

it('their types are right, as far as JavaScript has any', { timeout: 60_000 }, async () => {
  const programs = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.mjs') && !/repository|node_modules/.test(file))
    .map((file) => join(EXAMPLES, file));
  const options = ['--ignoreConfig', '--noEmit', '--strict', '--allowJs', '--checkJs', '--skipLibCheck'];
  const language = ['--target', 'es2022', '--lib', 'es2022', '--types', 'node', '--module', 'nodenext'];
  const args = [join(ROOT, 'node_modules/typescript/bin/tsc'), ...options, ...language, ...programs];
  const complaints = await promisify(execFile)(process.execPath, args, { cwd: ROOT }).then(
    () => '',
    ({ stdout, message }) => stdout || message,
  );
  expect(complaints).toBe('');
});

it('agent-tool: a model computes, is told of its mistake, and finds its files again', { timeout: 60_000 }, async () => {
  const scripted = await assistant((results) => {
    switch (results.length) {
      case 0:
        return { call: 'run_python', with: { code: 'open("n", "w").write("6"); print(int("x"))' } };
      case 1:
        return { call: 'run_python', with: { code: 'print(int(open("n").read()) * 7)' } };
      default:
        return { say: `It is ${JSON.parse(results[1] ?? '{}').stdout}.` };
    }
  });
  const env = { ANTHROPIC_BASE_URL: `http://127.0.0.1:${scripted.port}`, ANTHROPIC_API_KEY: 'sk-ant-0123' };
  expect(await run('agent-tool', ['agent.mjs', 'What is six times seven?'], env)).toEqual({
    code: 0,
    stdout: 'It is 42.\n',
    stderr: '',
  });
  expect(scripted.told.map(({ failed }) => failed)).toEqual([true, false]);
  expect(scripted.told[0]?.text).toContain('ValueError');
});

it('coding-agent: what the agent changed comes back as a diff that fits', { timeout: 120_000 }, async () => {
  const scripted = await model((results) => {
    switch (results.length) {
      case 0:
        return { call: 'edit', with: { path: 'price.mjs', edits: [{ oldText: 'a - b', newText: 'a + b' }] } };
      case 1:
        return { call: 'bash', with: { command: 'bun check.mjs' } };
      default:
        return { say: `It says: ${results[1]?.trim()}` };
    }
  });
  const settings = join(scratch(), 'models.json');
  writeFileSync(settings, settingsFor(scripted).replaceAll('MODEL_KEY', 'ANTHROPIC_API_KEY'));
  const { code, stdout, stderr } = await run('coding-agent', ['agent.mjs'], {
    ANTHROPIC_API_KEY: 'sk-ant-0123',
    MODEL_HOST: '^127\\.0\\.0\\.1$',
    MODEL_PORT: String(scripted.port),
    MODEL_NETWORK: '127.0.0.0/8',
    PI_MODELS: settings,
    PI_FLAGS: '--provider test --model scripted',
  });
  expect(stderr).toContain('It says: all is well');
  expect(code).toBe(0);
  expect(scripted.heard[0]?.key).toBe('sk-ant-0123');
  const check = new Process('git', ['apply', '--check', '-'], {
    cwd: join(EXAMPLES, 'coding-agent/repository'),
    stdin: stdout,
  });
  expect(await check.ended).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(stdout).toContain('+export const total = (prices) => prices.reduce((a, b) => a + b, 0);');
});

it('data-job: numpy is installed from a registry, and the summary comes back', { timeout: 120_000 }, async () => {
  const { code, stdout } = await run('data-job', ['job.mjs']);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '{ rows: 5, mean: 21.4, deviation: 1.0198 }\n' });
});
