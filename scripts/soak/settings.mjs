// What the soak is told on its command line.
import { parseArgs } from 'node:util';

/** `{ minutes, seed? }`; ends the process with a message when they make no sense. */
export function settings(args) {
  try {
    const options = { minutes: { type: 'string', default: '5' }, seed: { type: 'string' } };
    const { values } = parseArgs({ args, options });
    const minutes = Number(values.minutes);
    const seed = values.seed === undefined ? undefined : Number(values.seed);
    if (!(minutes > 0 && minutes <= 10_000)) throw new Error(`--minutes ${values.minutes}: expected a positive number`);
    if (seed !== undefined && !Number.isInteger(seed))
      throw new Error(`--seed ${values.seed}: expected a whole number`);
    return { minutes, seed };
  } catch (error) {
    process.stderr.write(`error: ${error.message}\nusage: npm run soak -- [--minutes N] [--seed S]\n`);
    process.exit(2);
  }
}
