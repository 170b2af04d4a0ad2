/** Questions that only a clear yes answers. The answer is read from standard input, be it a terminal, a pipe or a file. */
import type { Readable } from 'node:stream';
import { type Output, stdout } from './output.js';

/** Longer than any yes, however many spaces are around it. */
const ANSWER_LIMIT = 1024;

/** Asks, and resolves with whether the answer is `y` or `yes`. Nothing, as at the end of the input, means no. */
export async function confirm(
  question: string,
  input: Readable & { isTTY?: boolean } = process.stdin,
  output: Output = stdout,
): Promise<boolean> {
  await output.write(question);
  const text = await readLine(input);
  // A terminal has shown the line that was typed, its end included.
  if (input.isTTY && text.endsWith('\n')) output.newlineTyped();
  else await output.write('\n');
  return ['y', 'yes'].includes(text.trim().toLowerCase());
}

/** The first line, with its end if there is one. What is too long to be an answer is cut off. */
async function readLine(input: Readable): Promise<string> {
  let text = '';
  for await (const chunk of input.setEncoding('utf8')) {
    text += chunk;
    const end = text.indexOf('\n');
    if (end >= 0) return text.slice(0, end + 1);
    if (text.length > ANSWER_LIMIT) return text;
  }
  return text;
}
