// What is looked at besides our own code behaving as it should: what we depend on, what we do not need, how we spell.

import { join } from 'node:path';
import { root } from '../lib/project.mjs';
import { pass } from '../lib/transcript.mjs';
import { crateAdvisories, npmAdvisories } from './advisories.mjs';
import { ensureTools } from './tools.mjs';

const TOOLS = 'programs for audits';

/** The checks, for `runChecks`. `packages` is the name of the check that installs what npm brings. */
export function auditChecks({ packages }) {
  let directory;
  const tool = (name) => (directory ? join(directory, name) : name);
  const check = (name, needs, command, next) => ({
    name,
    needs,
    run: () => pass(...command(), { what: `${name}: failed`, next }).then(() => undefined),
  });

  return [
    {
      name: TOOLS,
      async run(task) {
        directory = await ensureTools(task);
      },
    },
    check(
      'licences, duplicates and sources of crates',
      [TOOLS],
      () => [tool('cargo-deny'), ['--locked', '--workspace', 'check', 'licenses', 'bans', 'sources']],
      '`deny.toml` says what may be, and why',
    ),
    { name: 'advisories about crates', needs: [TOOLS], run: (task) => crateAdvisories(task, tool('cargo-deny')) },
    { name: 'advisories about npm packages', needs: [packages], run: npmAdvisories },
    check('unused crates', [TOOLS], () => [tool('cargo-shear'), ['--locked']], 'take them out of the manifest'),
    check(
      'unused and unlisted npm packages, unused files',
      [packages],
      () => [join(root, 'node_modules/.bin/knip'), []],
      'take them out, or say in `knip.json` who needs them',
    ),
    check(
      'spelling',
      [TOOLS],
      () => [tool('typos'), ['--format', 'brief']],
      'what is no mistake goes into `typos.toml`',
    ),
  ];
}
