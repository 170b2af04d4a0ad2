// Whether something that we depend on is known to be vulnerable.
//
// Both checks ask others: the npm registry, and the repository of the advisories for crates. Where no answer can be had
// nothing is known, so the check is skipped and says so, or fails if ISOL8_ADVISORIES is `required`, as it is before a
// release.

import { Failure } from '../lib/steps.mjs';
import { transcript } from '../lib/transcript.mjs';

/** Step function for what npm installs. */
export async function npmAdvisories(task) {
  const { output } = await transcript('npm', ['audit', '--json', '--fetch-retries=0', '--fetch-timeout=30000']);
  const report = parsed(output);
  if (report?.auditReportVersion === undefined) return unanswered(task, reasonOf(report, output));
  const found = Object.values(report.vulnerabilities).map(
    ({ name, severity, range }) => `${name} ${range}: ${severity}`,
  );
  if (found.length) {
    throw new Failure(`${found.length} npm packages have known vulnerabilities`, {
      log: found.join('\n'),
      next: '`npm audit` tells more, and which versions are better',
    });
  }
}

/** Step function for crates. */
export async function crateAdvisories(task, cargoDeny) {
  const env = { GIT_TERMINAL_PROMPT: '0', GIT_HTTP_LOW_SPEED_LIMIT: '1000', GIT_HTTP_LOW_SPEED_TIME: '30' };
  const { ok, output } = await transcript(cargoDeny, ['--locked', 'check', 'advisories'], { env });
  if (ok) return;
  const unreachable = output.match(/failed to fetch advisory database(?:[\s\S]*?^fatal: (.*))?/m);
  if (unreachable) return unanswered(task, unreachable[1] || 'the database cannot be fetched');
  throw new Failure('crates have known vulnerabilities, or are yanked or unmaintained', { log: output.trimEnd() });
}

function unanswered(task, why) {
  const what = `no advisories can be had here: ${withoutAddresses(why)}`;
  if (process.env.ISOL8_ADVISORIES === 'required') {
    throw new Failure(what, { next: 'run this where they can, or unset ISOL8_ADVISORIES to skip it' });
  }
  task.skip(what);
}

const reasonOf = (report, output) => report?.message ?? report?.error?.summary ?? output.trim().split('\n').at(-1);

const withoutAddresses = (text) => text.replace(/[\s-]*'?https?:\/\/\S+/g, '').trim();

/** The JSON in what npm printed: warnings may stand before it. */
function parsed(output) {
  try {
    return JSON.parse(output.slice(output.search(/^\{/m), output.lastIndexOf('}') + 1));
  } catch {
    return undefined;
  }
}
