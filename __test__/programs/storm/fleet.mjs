// Twenty engines of all kinds. Most programs are bash, python and node, and half of the engines are in no hurry to keep
// sandboxes: two cores have to start all that this asks for.
import { DockerIsol8 } from 'isol8';

/** Ends and begins with what is safe in every form that is masked. */
const secretOf = (name) => `sk-storm-${name}-4f9a`;

/** How an engine is made, what it runs, and how many of the executions it gets in comparison with others. */
const KINDS = [
  {
    count: 6,
    share: 9,
    runtimes: [['bash'], ['python'], ['node'], ['bash'], ['python'], ['deno']],
    mode: 'persistent',
  },
  {
    count: 9,
    share: 12,
    runtimes: [['bash', 'python'], ['bash', 'node'], ['python']],
    poolSize: { clean: 0, dirty: 2 },
  },
  { count: 1, share: 8, runtimes: [['bash', 'deno', 'bun']], poolSize: 1 },
  { count: 1, share: 4, runtimes: [['bash']], poolSize: 0 },
  {
    count: 3,
    share: 5,
    runtimes: [['bash', 'python'], ['node'], ['bun', 'bash']],
    poolStrategy: 'secure',
    poolSize: 1,
  },
];

/** One engine, and what is known of it. */
export class Ship {
  /** How many times it has been stopped: what was begun before the last time may fail with `STOPPED`. */
  stops = 0;

  constructor(number, { share, runtimes, ...options }, auditDirectory) {
    this.name = `engine-${number}`;
    this.share = share;
    this.runtimes = runtimes[number % runtimes.length];
    this.isPersistent = options.mode === 'persistent';
    this.secret = number % 3 === 0 ? secretOf(number) : undefined;
    this.isAudited = number % 4 === 1;
    this.engine = new DockerIsol8(
      {
        ...options,
        memoryLimit: '160m',
        ...(this.secret && { secrets: { STORM_SECRET: this.secret } }),
        ...(this.isAudited && { audit: { enabled: true, logDir: auditDirectory, includeOutput: true } }),
      },
      2,
    );
  }

  stop() {
    this.stops += 1;
    return this.engine.stop();
  }
}

/** All of them. Those that are audited share one log. */
export function fleet(auditDirectory) {
  return KINDS.flatMap(({ count, ...kind }) => Array(count).fill(kind)).map(
    (kind, number) => new Ship(number, kind, auditDirectory),
  );
}
