import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { Output } from './output.js';
import { plain, StatusLine } from './status.js';

function terminal(columns: number) {
  return Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true, columns });
}

it('leaves no trace where there is no terminal', () => {
  const pipe = new PassThrough();
  const status = new StatusLine(new Output(pipe));
  status.show('Step 1/3');
  status.clear();
  expect(pipe.read()).toBeNull();
});

it('never fills a line, and erases it', () => {
  const stream = terminal(6);
  const status = new StatusLine(new Output(stream));
  status.show('123456789');
  status.clear();
  status.clear();
  expect(stream.read()).toBe('\r\x1b[2K12345\r\x1b[2K');
});

it('does not open a line for the message that follows', () => {
  const stream = terminal(80);
  const output = new Output(stream);
  const status = new StatusLine(output);
  status.show('building');
  status.clear();
  output.line('done');
  expect(stream.read()).toMatch(/\x1b\[2Kdone\n$/);
});

it('makes one plain line of whatever a build prints', () => {
  expect(plain('\x1b[31mred\x1b[0m\r\n\ttext\x07 ')).toBe('red text');
});
