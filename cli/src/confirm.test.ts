import { PassThrough, Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { confirm } from './confirm.js';
import { Output } from './output.js';

async function ask(chunks: string[], isTTY = false): Promise<{ yes: boolean; printed: string }> {
  const input = Object.assign(Readable.from(chunks), { isTTY });
  const stream = new PassThrough({ encoding: 'utf8' });
  const output = new Output(stream);
  const yes = await confirm('Sure? ', input, output);
  output.line('next');
  return { yes, printed: stream.read() };
}

it.each(['y\n', 'yes\n', 'Y\n', ' YES \r\n', 'y', 'y\nn\n'])('takes %j for a yes', async (text) => {
  expect((await ask([text])).yes).toBe(true);
});

it.each(['', '\n', 'n\n', 'no\n', 'yep\n', 'y y\n', 'n\ny\n', '\ny\n'])('takes %j for a no', async (text) => {
  expect((await ask([text])).yes).toBe(false);
});

it('takes an answer that comes in pieces', async () => {
  expect((await ask(['y', 'es', '\n'])).yes).toBe(true);
});

it('does not read on for ever', async () => {
  async function* endless() {
    for (;;) yield 'y'.repeat(100);
  }
  expect(await confirm('Sure? ', Readable.from(endless()), new Output(new PassThrough()))).toBe(false);
});

it('goes on at the start of a line, and leaves no empty one', async () => {
  expect((await ask(['n\n'])).printed).toBe('Sure? \nnext\n');
  expect((await ask([])).printed).toBe('Sure? \nnext\n');
  // The terminal itself has shown the newline that was typed.
  expect((await ask(['n\n'], true)).printed).toBe('Sure? next\n');
  expect((await ask([], true)).printed).toBe('Sure? \nnext\n');
});
