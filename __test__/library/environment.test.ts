/** The environment of a program: ours, then the request's, and nothing of anybody else's. */
import { expect, it } from 'vitest';
import { ONE_SANDBOX, sharedEngine } from '../support/any-engine.js';

const engine = await sharedEngine(ONE_SANDBOX);

async function environment(env?: Record<string, string>): Promise<Record<string, string>> {
  const code = 'import json, os; print(json.dumps(dict(os.environ)))';
  const { stdout } = await engine.execute({ runtime: 'python', code, env });
  return JSON.parse(stdout);
}

it('has what programs need to find their way', async () => {
  expect(await environment()).toMatchObject({
    HOME: '/sandbox',
    PATH: '/sandbox/.local/bin:/sandbox/.npm-global/bin:/sandbox/.bun-global/bin:/usr/local/bin:/usr/bin:/bin',
    PYTHONUNBUFFERED: '1',
    PYTHONUSERBASE: '/sandbox/.local',
    NPM_CONFIG_PREFIX: '/sandbox/.npm-global',
    DENO_DIR: '/sandbox/.deno',
    NODE_PATH: '/usr/local/lib/node_modules:/sandbox/.npm-global/lib/node_modules:/sandbox/node_modules',
  });
});

it('has nothing of the host', async () => {
  const names = Object.keys(await environment());
  expect(names).not.toContain('VITEST');
  expect(names.filter((name) => /isol8|docker|vitest|proxy/i.test(name))).toEqual([]);
});

it('takes over what the request brings, any text included', async () => {
  const env = { PLAIN: 'x', EMPTY: '', ODD: 'a=b "c" $d `e`\nf é🦀', HOME: '/tmp', with_lower: '1' };
  expect(await environment(env)).toMatchObject(env);
});

it('keeps nothing for the next run', async () => {
  expect(await environment({ ONCE: 'only' })).toHaveProperty('ONCE', 'only');
  expect(await environment()).not.toHaveProperty('ONCE');
});
