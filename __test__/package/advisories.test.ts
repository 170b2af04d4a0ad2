/** What the audits make of answers about vulnerable packages, and of none: programs stand in for npm and cargo-deny. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Process } from '../support/process.js';
import { scratch } from '../support/scratch.js';

const MODULE = new URL('../../scripts/audit/advisories.mjs', import.meta.url);

interface Verdict {
  passed?: true;
  skipped?: string;
  failed?: string;
  log?: string;
}

/** The verdict of a check on a program that prints this and ends with this status. */
async function verdict(check: string, printed: string, status: number, required = false): Promise<Verdict> {
  const bin = scratch();
  writeFileSync(join(bin, 'output'), printed);
  for (const name of ['npm', 'cargo-deny']) {
    writeFileSync(join(bin, name), `#!/bin/sh\ncat '${bin}/output'\nexit ${status}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const code = `
    import { ${check} as check } from ${JSON.stringify(MODULE.href)};
    const verdict = {};
    try {
      await check({ skip: (why) => (verdict.skipped = why) }, 'cargo-deny');
      if (!verdict.skipped) verdict.passed = true;
    } catch ({ message, log }) {
      Object.assign(verdict, { failed: message, log });
    }
    console.log(JSON.stringify(verdict));`;
  const env = { PATH: `${bin}:${process.env.PATH}`, ISOL8_ADVISORIES: required ? 'required' : undefined };
  const { stdout, stderr } = await new Process(process.execPath, ['--input-type=module', '--eval', code], { env })
    .ended;
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

const report = (vulnerabilities: object) => JSON.stringify({ auditReportVersion: 2, vulnerabilities });

const NO_ANSWER = {
  npmAdvisories: `npm warn audit 405 Method Not Allowed\n${JSON.stringify({ message: '405 Method Not Allowed - POST https://registry.example/-/audit' })}`,
  crateAdvisories: `[ERROR] failed to fetch advisory database https://host.example/db: failed to clone\nfatal: unable to access 'https://host.example/db/': no such host\n`,
};

it('npm packages that nothing is known against pass', async () => {
  expect(await verdict('npmAdvisories', report({}), 0)).toEqual({ passed: true });
});

it('an npm package that is vulnerable fails', async () => {
  const found = { lodash: { name: 'lodash', range: '<4.17.21', severity: 'high' } };
  const { failed, log } = await verdict('npmAdvisories', report(found), 1);
  expect(failed).toBe('1 npm packages have known vulnerabilities');
  expect(log).toBe('lodash <4.17.21: high');
});

it('crates that nothing is known against pass', async () => {
  expect(await verdict('crateAdvisories', 'advisories ok\n', 0)).toEqual({ passed: true });
});

it('a crate that is vulnerable fails', async () => {
  const { failed, log } = await verdict('crateAdvisories', 'error[vulnerability]: a crate\nadvisories FAILED\n', 1);
  expect(failed).toContain('crates have known vulnerabilities');
  expect(log).toContain('error[vulnerability]: a crate');
});

describe.each(Object.entries(NO_ANSWER))('%s without an answer', (check, printed) => {
  it('is skipped, with the reason and without addresses', async () => {
    const { skipped, ...rest } = await verdict(check, printed, 1);
    expect(rest).toEqual({});
    expect(skipped).toMatch(/^no advisories can be had here: .*(405 Method Not Allowed|no such host)/);
    expect(skipped).not.toContain('example');
  });

  it('fails where answers are required', async () => {
    const { failed } = await verdict(check, printed, 1, true);
    expect(failed).toMatch(/^no advisories can be had here: /);
  });
});

it('an npm that breaks is no answer either', async () => {
  expect(await verdict('npmAdvisories', 'Segmentation fault', 139)).toEqual({
    skipped: 'no advisories can be had here: Segmentation fault',
  });
});

it('a cargo-deny that breaks fails', async () => {
  expect((await verdict('crateAdvisories', 'Segmentation fault', 139)).failed).toBeDefined();
});
