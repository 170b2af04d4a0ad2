// One round of the storm: a fleet, executions on all of it at once, engines stopped in the middle of it, and what is
// wrong afterwards.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Execution } from './execution.mjs';
import { fleet } from './fleet.mjs';
import { plan, plans } from './plan.mjs';
import { containers } from './traces.mjs';

const EXECUTIONS = 200;
const STOPPED_SHIPS = 4;
const LATEST_STOP_MS = 4000;

const COLLECT_MS = 250;

/** Far beyond what a round takes: whatever has not settled by then never will. */
const DEADLINE_MS = 60_000;

/**
 * Resolves with what is wrong, each with a description, and with functions that tell what is left of the executions once
 * garbage has been collected. `say` is told how far it is.
 */
export async function round(random, say) {
  const audits = await mkdtemp(join(tmpdir(), 'isol8-storm-'));
  // A stream that was forgotten may hold its engine up until garbage is collected, which nothing else asks for.
  const collector = setInterval(() => globalThis.gc(), COLLECT_MS);
  try {
    const ships = fleet(audits);
    const executions = [];
    const begin = (ship, planned) => executions.push(new Execution(ship, planned));
    const stops = midwayStops(random, ships);
    for (const { ship, plan } of plans(random, ships, EXECUTIONS)) begin(ship, plan);
    say(`${executions.length} executions have begun`);
    await settle(Promise.all(stops.map((stop) => stopAndUse(stop, begin, say))), 'stop() of engines', executions);
    const problems = await verdicts(executions);
    say(summary(executions));
    problems.push(...(await lostFiles(ships, executions)));
    await settle(Promise.all(ships.map((ship) => ship.engine.stop())), 'stop() of all engines', executions);
    for (const left of await containers()) problems.push(`a container is left: ${left}`);
    problems.push(...(await missingRecords(audits, executions)));
    return { problems, remains: executions.map((execution) => execution.remains()) };
  } finally {
    clearInterval(collector);
    await rm(audits, { recursive: true });
  }
}

/** Which engines are stopped when, and what they are used for meanwhile and afterwards. */
function midwayStops(random, ships) {
  return Array.from({ length: STOPPED_SHIPS }, (_, n) => {
    const ship = ships[(random.between(0, 4) + n * 5) % ships.length];
    const after = Array.from({ length: 4 }, (_, k) => plan(random, ship, EXECUTIONS + n * 10 + k));
    return { ship, after, ms: random.between(0, LATEST_STOP_MS) };
  });
}

async function stopAndUse({ ship, after: [during, too, ...after], ms }, begin, say) {
  await pause(ms);
  const stopped = ship.stop();
  begin(ship, during);
  begin(ship, too);
  await stopped;
  for (const planned of after) begin(ship, planned);
  say(`${ship.name} was stopped after ${ms} ms`);
}

async function verdicts(executions) {
  const blamed = executions.map(async (execution) => {
    const problem = await execution.settled;
    return problem ? [`${execution.describe()}: ${problem}`] : [];
  });
  return (await settle(Promise.all(blamed), 'executions', executions)).flat();
}

/** In a session, everything that has run is in its log, where it saw itself. */
async function lostFiles(ships, executions) {
  const problems = [];
  for (const ship of ships) {
    const { engine, isPersistent, name } = ship;
    const noted = executions.filter(
      (execution) => execution.ship === ship && execution.place && execution.isOfLastSession,
    );
    if (!isPersistent || noted.length === 0) continue;
    const log = (await engine.getFile('log')).toString().split('\n');
    for (const { token, place } of noted) {
      if (log[place - 1] !== token) problems.push(`${name} lost ${token}, line ${place} of ${log.length - 1}: ${log}`);
    }
  }
  return problems;
}

/** Every result of an audited engine has exactly one record. */
async function missingRecords(directory, executions) {
  const files = await readdir(directory);
  const texts = await Promise.all(
    files.filter((name) => name.endsWith('.log')).map((name) => readFile(join(directory, name), 'utf8')),
  );
  const records = texts.flatMap((text) => text.trimEnd().split('\n')).map((line) => JSON.parse(line));
  const problems = [];
  if (texts.join().includes('sk-storm')) problems.push('a secret is in the audit log');
  for (const { record, ship } of executions) {
    if (!record || !ship.isAudited) continue;
    const found = records.filter(({ executionId }) => executionId === record.executionId);
    if (found.length !== 1 || found[0].exitCode !== record.exitCode) {
      problems.push(`records of ${JSON.stringify(record)}: ${JSON.stringify(found)}`);
    }
  }
  return problems;
}

/** Fails with what has not settled, rather than never. */
async function settle(promise, what, executions) {
  const late = new AbortController();
  const alarm = pause(DEADLINE_MS, undefined, { signal: late.signal }).then(() => {
    const unsettled = executions.filter(({ outcome }) => outcome === 'unsettled').map((one) => one.describe());
    throw new Error([`${what} did not settle within ${DEADLINE_MS} ms`, ...unsettled].join('\n'));
  });
  try {
    return await Promise.race([promise, alarm]);
  } finally {
    late.abort();
    alarm.catch(() => {});
  }
}

function summary(executions) {
  const counts = {};
  for (const { outcome } of executions) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return JSON.stringify(counts);
}
