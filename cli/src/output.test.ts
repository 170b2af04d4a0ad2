import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { Output } from './output.js';

/** A reader that takes one chunk whenever `read` is called, and has no room for a second. */
function slowReader() {
  const chunks: string[] = [];
  let taken = () => {};
  const stream = new Writable({
    highWaterMark: 1,
    write(chunk, _, done) {
      chunks.push(String(chunk));
      taken = done;
    },
  });
  return { stream, chunks, read: () => taken() };
}

it('waits for a reader that is slow', async () => {
  const reader = slowReader();
  const output = new Output(reader.stream);
  let written = false;
  const write = output.write('a').then(() => {
    written = true;
  });
  await Promise.resolve();
  expect(written).toBe(false);
  reader.read();
  await write;
  expect(reader.chunks).toEqual(['a']);
});

it('fails every write and flush after the reader has gone', async () => {
  const gone = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  const output = new Output(new Writable({ write: (_, __, done) => done(gone) }));
  await output.write('a').catch(() => {});
  await expect(output.flush()).rejects.toBe(gone);
  await expect(output.write('b')).rejects.toBe(gone);
  await expect(output.flush()).rejects.toBe(gone);
});

it('starts a message on a fresh line', async () => {
  const chunks: string[] = [];
  const sink = new Writable({
    write(chunk, _, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  const output = new Output(sink);
  output.line('first');
  await output.write('open');
  output.line('second');
  await output.flush();
  expect(chunks.join('')).toBe('first\nopen\nsecond\n');
});
