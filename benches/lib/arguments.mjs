// The command line of the bench.

/** What --help says of the bench that npm calls `script`. */
export const usage = (script) => `usage: npm run ${script} -- [options]

  --quick            few repetitions: a first impression within a minute
  --runs N           repetitions of each measurement (default 60; of a gigabyte stream, a twentieth of it)
  --only NAME,...    only these cases
  --json             as the last line, everything as one JSON object
  --check            exit with status 1 if a goal is not met`;

const RUNS = 60;
const QUICK_RUNS = 10;

/** The options, or `{ problem }`. */
export function parse(args, names) {
  const options = { runs: RUNS, only: names, json: false, check: false, help: false };
  const rest = args.flatMap((arg) =>
    /^--\w+=/.test(arg) ? [arg.slice(0, arg.indexOf('=')), arg.slice(arg.indexOf('=') + 1)] : [arg],
  );
  while (rest.length) {
    const flag = rest.shift();
    if (flag === '--json' || flag === '--check' || flag === '--help') options[flag.slice(2)] = true;
    else if (flag === '--quick') options.runs = QUICK_RUNS;
    else if (flag === '--runs') {
      options.runs = Number(rest.shift());
      if (!Number.isInteger(options.runs) || options.runs < 1) return { problem: '--runs takes a positive number' };
    } else if (flag === '--only') {
      options.only = (rest.shift() ?? '').split(',').filter(Boolean);
      const unknown = options.only.filter((name) => !names.includes(name));
      if (unknown.length || !options.only.length) return { problem: `--only takes some of ${names.join(', ')}` };
    } else return { problem: `unknown option ${flag}` };
  }
  return options;
}
