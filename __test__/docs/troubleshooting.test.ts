/** The messages that are explained are those that the sources have. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../support/paths.js';
import { read } from './support/pages.js';

/** What other programs say, in a sandbox without a network. */
const OTHERS = ['Could not resolve host', 'Network is unreachable', 'EAI_AGAIN'];

/** All that the product says, as it says it: string literals without their escapes and line breaks. */
const SOURCES = ['src', 'guest', 'library', 'cli/src']
  .flatMap((directory) =>
    readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' }).map((file) => join(directory, file)),
  )
  .filter((file) => /\.(rs|ts)$/.test(file) && !/\.test\.ts$|(^|\/)tests(\.rs|\/)/.test(file))
  .map((file) =>
    readFileSync(join(ROOT, file), 'utf8')
      .replace(/\\\n\s*/g, '')
      .replaceAll('\\"', '"'),
  )
  .join('\n');

const PAGE = read('docs/troubleshooting.md');

const messages = [...PAGE.matchAll(/^### (.*)$/gm)]
  .flatMap(([, heading = '']) => [...heading.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text))
  .filter((text) => !OTHERS.includes(text));

it.each(messages)('somebody says: %s', (message) => {
  const pieces = message
    .split('...')
    .map((piece) => piece.trim())
    .filter((piece) => /[a-z]{2}/i.test(piece));
  expect(pieces).not.toHaveLength(0);
  expect(pieces.filter((piece) => !SOURCES.includes(piece))).toEqual([]);
});

describe('codes in brackets', () => {
  const codes = readFileSync(join(ROOT, 'src/api/error_code.rs'), 'utf8');
  it.each([...PAGE.matchAll(/^\[`([A-Z_]+)`\]/gm)].map(([, code = '']) => code))('%s is a code', (code) => {
    expect(codes).toContain(`"${code}"`);
  });
});
