/** Numbers given to flags. All of the text has to be a number above zero: `10s` or `1e3` is a mistake, not 10 or 1. */

/** A whole number, such as milliseconds, bytes or processes. */
export function positiveInteger(flag: string, text: string | undefined): number | undefined {
  return parse(flag, text, /^\d+$/, Number.isSafeInteger);
}

/** A number that may have a fraction, such as cores. */
export function positiveNumber(flag: string, text: string | undefined): number | undefined {
  return parse(flag, text, /^(\d+(\.\d+)?|\.\d+)$/, Number.isFinite);
}

function parse(
  flag: string,
  text: string | undefined,
  shape: RegExp,
  fits: (value: number) => boolean,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!shape.test(text) || !fits(value) || value === 0) throw new Error(`Invalid value for ${flag}: ${text}`);
  return value;
}
