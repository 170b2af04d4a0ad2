/** The runtime `agent`: the real pi in a sandbox, with a scripted model on this machine. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildCustomImage, type DockerIsol8Options } from 'isol8';
import { afterAll, describe, expect, it } from 'vitest';
import { type Engine, here, ownEngine, sharedEngine, WITHOUT_DOCKER } from '../support/any-engine.js';
import { docker, inspect } from '../support/docker.js';
import { collect, text } from '../support/events.js';
import { KEY, type Model, model, prompt, promptOf, systemPromptOf } from '../support/model.js';
import { ROOT } from '../support/paths.js';
import { filtered } from '../support/servers.js';

const SECRET = 'sk-of-the-agent';

/** Options of an engine whose agent may reach this model and nothing else. */
function reaching(model: Model, more: DockerIsol8Options = {}): DockerIsol8Options {
  const options = { secrets: { [KEY]: SECRET }, timeoutMs: 60_000, logNetwork: true, ...more };
  return filtered([model], { whitelist: ['^127\\.0\\.0\\.1$'] }, options);
}

const PROJECT = {
  'shop/AGENTS.md': 'The magic word is xyzzy.\n',
  'shop/price.mjs': 'export const total = (prices) => prices.reduce((a, b) => a - b, 0);\n// token: plugh\n',
  'shop/check.mjs': 'import { total } from "./price.mjs";\nconsole.log(`total ${total([1, 2, 3])}`);\n',
};

/** Reads the program, corrects what it read, tries it, notes what came of that, and says so. */
const programmer = () =>
  model((results) => {
    const [source = '', , output = ''] = results;
    switch (results.length) {
      case 0:
        return { call: 'read', with: { path: 'price.mjs' } };
      case 1: {
        // What it corrects is what it was given to read.
        const wrong = /=> (prices\..*);/.exec(source)?.[1] ?? 'nothing was read';
        return {
          call: 'edit',
          with: { path: 'price.mjs', edits: [{ oldText: wrong, newText: wrong.replace('-', '+') }] },
        };
      }
      case 2:
        return { call: 'bash', with: { command: 'bun check.mjs' } };
      case 3:
        return { call: 'write', with: { path: 'notes/result.txt', content: output.trim() } };
      default:
        return { say: `The check says: ${output.trim()}. The key is ${SECRET}.` };
    }
  });

const OUTPUT = { workdir: 'shop', outputPaths: ['/sandbox/shop/price.mjs', '/sandbox/shop/notes/result.txt'] };

const decoded = (files: Record<string, string> | undefined) =>
  Object.fromEntries(
    Object.entries(files ?? {}).map(([path, base64]) => [path, Buffer.from(base64, 'base64').toString()]),
  );

// What pi does in a sandbox is the same whoever asks for it, and takes its time.
here(() => {
  describe('an agent with a project', () => {
    const corrected = PROJECT['shop/price.mjs'].replace('a - b', 'a + b');

    it('edits it, runs it, and the result is read back', async () => {
      const scripted = await programmer();
      const engine = await ownEngine(reaching(scripted));
      const result = await engine.execute(prompt(scripted, 'Correct the total.', { files: PROJECT, ...OUTPUT }));
      // The model's last word, masked; it says what the program printed after the edit.
      expect(result).toMatchObject({ exitCode: 0, stderr: '', stdout: 'The check says: total 6. The key is ***.' });
      expect(decoded(result.files)).toEqual({
        '/sandbox/shop/price.mjs': corrected,
        '/sandbox/shop/notes/result.txt': 'total 6',
      });

      const [first] = scripted.heard;
      expect(scripted.heard).toHaveLength(5);
      expect(first && promptOf(first)).toBe('Correct the total.');
      expect(first?.key).toBe(SECRET);
      const told = first ? systemPromptOf(first) : '';
      expect(told).toContain('You are running inside an isol8 sandbox');
      // pi's own prompt is still there, and so is what the project says to agents.
      expect(told).toContain('edit');
      expect(told).toContain('The magic word is xyzzy.');
      // All of it went through the filter, and nothing else was asked for.
      const requests = result.networkLogs?.map(({ method, host, action }) => `${action} ${method} ${host}`);
      expect(requests).toEqual(Array(5).fill('ALLOW POST 127.0.0.1'));
    });

    it('that only talks leaves it as it was', async () => {
      const talker = await model(() => ({ say: 'Done.' }));
      const engine = await ownEngine(reaching(talker));
      const result = await engine.execute(prompt(talker, 'Correct the total.', { files: PROJECT, ...OUTPUT }));
      expect(result).toMatchObject({ exitCode: 0, stdout: 'Done.' });
      expect(decoded(result.files)).toEqual({ '/sandbox/shop/price.mjs': PROJECT['shop/price.mjs'] });
    });

    it('streams its answer; in a session its work stays', async () => {
      const scripted = await programmer();
      const engine = await ownEngine(reaching(scripted, { mode: 'persistent' }));
      const request = prompt(scripted, 'Correct the total.', { files: PROJECT, workdir: 'shop' });
      const events = await collect(engine.executeStream(request));
      expect(text(events, 'stdout')).toBe('The check says: total 6. The key is ***.\n');
      expect(events.at(-1)).toEqual({ type: 'exit', data: '0', phase: 'code' });
      expect((await engine.getFile('shop/price.mjs')).toString()).toBe(corrected);
      // C50: shell steps in between are of the same runtime.
      const { stdout } = await engine.execute({ runtime: 'agent', cmd: 'cat shop/notes/result.txt; ls' });
      expect(stdout).toBe('total 6shop');
    });
  });

  describe('a prompt', () => {
    it.each(['it\'s "$HOME" `id` $(id) \\ ! *', 'two\nlines\n\n', "'; touch injected; '", '/help', 'ünï 🙂'])(
      'arrives as it is: %j',
      async (code) => {
        const talker = await model(() => ({ say: 'Heard.' }));
        const engine = await ownEngine(reaching(talker));
        const result = await engine.execute(prompt(talker, code, { outputPaths: ['/sandbox/injected'] }));
        expect(result).toMatchObject({ exitCode: 0, stdout: 'Heard.', stderr: '', files: {} });
        expect(talker.heard.map(promptOf)).toEqual([code]);
      },
    );

    // pi would take these for flags of its own, and for a file to be sent along.
    it.each(['--version', '-x', '--extension=/sandbox/x.mjs', '@/etc/passwd'])(
      'is no flag and no file: %j',
      async (code) => {
        const talker = await model(() => ({ say: 'Heard.' }));
        const engine = await ownEngine(reaching(talker));
        expect(await engine.execute(prompt(talker, code))).toMatchObject({ exitCode: 0, stdout: 'Heard.' });
        expect(talker.heard.map((heard) => promptOf(heard).trim())).toEqual([code]);
      },
    );

    it('that no argument can hold is refused', async () => {
      const engine = await ownEngine({ network: 'host' });
      const long = engine.execute({ runtime: 'agent', code: 'a'.repeat(200_000) });
      await expect(long).rejects.toThrow(/^the prompt is too long: \d+ bytes, at most 131071$/);
    });
  });

  it('an agent whose provider is not allowed fails, and its provider is never asked', { timeout: 60_000 }, async () => {
    const talker = await model(() => ({ say: 'Heard.' }));
    const elsewhere = { ...reaching(talker).networkFilter, whitelist: ['^provider\\.invalid$'], blacklist: [] };
    const engine = await ownEngine({ ...reaching(talker), networkFilter: elsewhere });
    const result = await engine.execute(prompt(talker, 'Hello.'));
    expect(result.exitCode).not.toBe(0);
    expect(result.stderr).toContain('403');
    expect(talker.heard).toEqual([]);
  });
});

describe('without a way to its provider, the agent is refused before anything else', () => {
  const NETWORK =
    'Agent runtime requires network access. The AI coding agent needs to reach its LLM provider API. Use --net host, or --net filtered --allow "api.anthropic.com" (or your provider\'s domain).';
  const WHITELIST =
    'Agent runtime requires at least one network whitelist entry. The AI coding agent needs to reach its LLM provider API. Use --allow "api.anthropic.com" (or your provider\'s domain).';
  it.each<[string, DockerIsol8Options, string]>([
    ['no network', {}, NETWORK],
    ['no network, whatever the filter', { networkFilter: { whitelist: ['x'], blacklist: [] } }, NETWORK],
    ['no filter', { network: 'filtered' }, WHITELIST],
    [
      'a filter that only denies',
      { network: 'filtered', networkFilter: { whitelist: [], blacklist: ['x'] } },
      WHITELIST,
    ],
  ])('%s', async (_, options, message) => {
    const engine = await ownEngine({ ...options, ...WITHOUT_DOCKER });
    for (const request of [{ code: 'hi' }, { cmd: 'pi --version' }, { code: 'hi', workdir: '/etc' }, {}]) {
      const refused = { code: 'INVALID_REQUEST', message };
      await expect(engine.execute({ runtime: 'agent', ...request })).rejects.toMatchObject(refused);
      await expect(engine.executeStream({ runtime: 'agent', ...request }).next()).rejects.toMatchObject(refused);
    }
  });

  it.each<[string, DockerIsol8Options]>([
    ['the host', { network: 'host' }],
    ['a filter that allows something', { network: 'filtered', networkFilter: { whitelist: ['x'], blacklist: [] } }],
  ])('but not with %s', async (_, options) => {
    const { stdout, exitCode } = await (await ownEngine(options)).execute({
      runtime: 'agent',
      cmd: 'command -v pi',
    });
    expect({ stdout, exitCode }).toEqual({ stdout: '/usr/local/bin/pi', exitCode: 0 });
  });
});

here(() => {
  describe('the image', async () => {
    const engine = await sharedEngine({ network: 'host' });
    const lock = JSON.parse(readFileSync(join(ROOT, 'images/agent/package-lock.json'), 'utf8'));

    // W60.
    it('has the versions of its lock file, which names no registry and leaves nothing open', async () => {
      const packages = Object.entries<{ integrity?: string; resolved?: string }>(lock.packages).filter(
        ([path]) => path,
      );
      for (const [path, { integrity, resolved }] of packages) {
        expect({ path, resolved }).toEqual({ path, resolved: undefined });
        expect(integrity, path).toMatch(/^sha512-/);
      }
      const { version } = lock.packages['node_modules/@mariozechner/pi-coding-agent'];
      const cmd =
        'id --user; pi --version; bun --version > /dev/null && git --version > /dev/null && gh --version | head -1';
      const { stdout, stderr, exitCode } = await engine.execute({ runtime: 'agent', cmd });
      expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
      expect(stdout).toMatch(new RegExp(`^100\n${version.replaceAll('.', '\\.')}\ngh version `));
    });

    it('keeps the settings of a project for Bun from the agent', async () => {
      const files = { 'bunfig.toml': 'preload = ["./x.mjs"]\n', 'x.mjs': 'console.log("preloaded")', '.env': 'A=1\n' };
      const { stdout } = await engine.execute({ runtime: 'agent', cmd: 'pi --version', files });
      expect(stdout).not.toContain('preloaded');
      const control = await engine.execute({ runtime: 'agent', cmd: 'echo > y.mjs; bun y.mjs', files });
      expect(control.stdout).toBe('preloaded');
    });
  });
});

it('the agent has more room than a program, unless the options say how much', async () => {
  const limits = async (engine: Engine, runtime: 'agent' | 'bash') => {
    const { containerId } = await engine.execute({ runtime, cmd: ':' });
    const { PidsLimit, Tmpfs } = (await inspect(containerId)).HostConfig;
    return [PidsLimit, /size=\d+/.exec(Tmpfs['/sandbox'])?.[0]];
  };
  const engine = await ownEngine({ network: 'host' });
  expect(await limits(engine, 'agent')).toEqual([200, `size=${2 * 1024 ** 3}`]);
  expect(await limits(engine, 'bash')).toEqual([64, `size=${512 << 20}`]);
  const told = await ownEngine({ network: 'host', pidsLimit: 50, sandboxSize: '64m' });
  expect(await limits(told, 'agent')).toEqual([50, `size=${64 << 20}`]);
});

here(() => {
  describe('packages for the agent', () => {
    const tag = `isol8-test-agent:${process.pid}`;
    const program = 'import { z } from "zod"; console.log(z.string().parse("zod"))';
    const request = { runtime: 'agent', cmd: 'bun main.ts', files: { 'main.ts': program } } as const;

    afterAll(async () => {
      await docker(['rmi', '--force', tag]);
    });

    it('are those of Bun, installed for a run or in an image', { timeout: 120_000 }, async () => {
      const networkFilter = { whitelist: ['^provider\\.invalid$'], blacklist: [] };
      const options: DockerIsol8Options = { network: 'filtered', networkFilter, timeoutMs: 60_000 };
      const installing = await ownEngine({ ...options, image: 'isol8:agent' });
      const installed = await installing.execute({ ...request, installPackages: ['zod'] });
      expect(installed).toMatchObject({ exitCode: 0, stdout: 'zod', installMs: expect.any(Number) });

      await buildCustomImage(null, 'agent', ['zod'], tag);
      const baked = await (await ownEngine({ ...options, image: tag })).execute(request);
      expect(baked).toMatchObject({ exitCode: 0, stdout: 'zod' });
      expect(baked.installMs).toBeUndefined();
    });
  });
});
