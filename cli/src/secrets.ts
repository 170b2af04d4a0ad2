/**
 * `--secret KEY=VALUE`: the value may hold anything, more equals signs included. What is malformed is not quoted in
 * the error, as it may be a secret without its name.
 */
export function parseSecrets(flags: readonly string[]): Record<string, string> {
  const secrets: Record<string, string> = {};
  for (const [index, flag] of flags.entries()) {
    const equals = flag.indexOf('=');
    if (equals < 1) throw new Error(`Invalid value for --secret (number ${index + 1}): expected KEY=VALUE`);
    secrets[flag.slice(0, equals)] = flag.slice(equals + 1);
  }
  return secrets;
}
