// `npm run audit`: the audits of `npm test` alone.

import { runChecks } from '../lib/checks.mjs';
import { installDependencies } from '../lib/project.mjs';
import { auditChecks } from './checks.mjs';

const PACKAGES = 'npm dependencies';

const total = await runChecks([{ name: PACKAGES, run: installDependencies }, ...auditChecks({ packages: PACKAGES })]);
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
