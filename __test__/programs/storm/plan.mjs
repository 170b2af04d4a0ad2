// What is to happen to one execution. All chance is in here, so that the rest of a storm follows from its seed as far
// as time allows.

/** Aborts come while executions wait, start, run and end: half of them within this time. */
const HALF_OF_ABORTS_MS = 800;

/**
 * A plan: how it is asked for (`way`), what runs (`runtime`, `cmd` or code), what it is given (`input`, `file`, `setup`),
 * how it ends by itself (`exitCode`, or `stays` until `timeoutMs`), and what comes in between (`abortMs`, `leaveAfter`).
 */
export function plan(random, ship, number) {
  const runtime = random.pick(ship.runtimes);
  const input = random.pick(['none', 'none', 'text', 'bulk', 'live', 'live', 'failing', 'stuck']);
  const stays = input === 'stuck' || random.chance(0.1);
  const way = random.pick(['execute', 'execute', 'stream', 'stream', 'leave', 'forget']);
  return {
    number,
    token: `t${number}-${random.between(0, 2 ** 32).toString(16)}`,
    way,
    runtime,
    isCommand: runtime !== 'bash' && random.chance(0.3),
    input,
    hasFile: random.chance(0.3),
    setup: random.pick(['none', 'none', 'none', 'good', 'failing']),
    stays,
    timeoutMs: stays ? random.between(100, 900) : undefined,
    exitCode: random.pick([0, 0, 3, 42]),
    abortMs: random.chance(0.3) ? moment(random) : undefined,
    leaveAfter: random.between(0, 3),
  };
}

/** Some before the call, some right after it, and then ever fewer. */
function moment(random) {
  if (random.chance(0.1)) return -1;
  if (random.chance(0.1)) return 0;
  return Math.round(-Math.log2(1 - random.next()) * HALF_OF_ABORTS_MS);
}

/** `count` plans, each with its ship, spread by their shares. */
export function plans(random, ships, count) {
  const tickets = ships.flatMap((ship) => Array(ship.share).fill(ship));
  return Array.from({ length: count }, (_, number) => {
    const ship = random.pick(tickets);
    return { ship, plan: plan(random, ship, number) };
  });
}
