/** The version of a release: one everywhere, and changed everywhere by one command. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { VERSION as addonVersion } from 'isol8';
import { expect, it } from 'vitest';
import { notesOf, released } from '../../scripts/release/changelog.mjs';
import { files, VERSION, versionsIn, withVersion } from '../../scripts/release/versions.mjs';
import { ROOT } from '../support/paths.js';
import { Process } from '../support/process.js';

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

it('is the same in every file that states it, and in the addon', async () => {
  const stated = new Set((await versionsIn(ROOT)).flatMap(({ versions }) => versions));
  expect([...stated]).toEqual([addonVersion]);
});

it.each(files)('a new one reaches every place in %s, and no other', (file) => {
  const text = read(file);
  const changed = withVersion(file, text, '97.0.1-rc.2');
  expect(changed).not.toBe(text);
  expect(withVersion(file, changed, addonVersion)).toBe(text);
  if (file.endsWith('.json')) JSON.parse(changed);
});

it.each(['0.2.0', '10.20.30', '1.0.0-rc.1'])('%s is a version', (text) => {
  expect(VERSION.test(text)).toBe(true);
});

it.each(['1.2', 'v1.2.3', '01.2.3', '1.2.3-', '1.2.3+build', '1.2.3 ', ''])(
  '%j is none, and changes nothing',
  async (text) => {
    expect(VERSION.test(text)).toBe(false);
    const before = files.map(read);
    const args = [join(ROOT, 'scripts/release/version.mjs'), text];
    const { code, stdout, stderr } = await new Process(process.execPath, args).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe('error: which version? For example: npm run release:version -- 0.2.0\n');
    expect(files.map(read)).toEqual(before);
  },
);

const CHANGELOG = '# Changes\n\n## Unreleased\n\n- Faster.\n\n## 0.1.0 (2026-01-02)\n\n- All of it.\n';

it('a release takes over what was unreleased', () => {
  const text = released(CHANGELOG, '0.2.0', '2026-02-03');
  expect(text).toContain('## Unreleased\n\n## 0.2.0 (2026-02-03)\n\n- Faster.\n\n## 0.1.0 (2026-01-02)\n');
  expect(notesOf(text, '0.2.0')).toBe('- Faster.');
  expect(notesOf(text, '0.1.0')).toBe('- All of it.');
  expect(notesOf(text, '0.1')).toBeUndefined();
});

it('a release that nothing is said about, or a second of one version, is refused', () => {
  const text = released(CHANGELOG, '0.2.0', '2026-02-03');
  expect(() => released(text, '0.3.0', '2026-02-03')).toThrow('CHANGELOG.md says nothing under Unreleased');
  expect(() => released(CHANGELOG, '0.1.0', '2026-02-03')).toThrow('has a section for 0.1.0 already');
  expect(() => released('# Changes\n', '0.2.0', '2026-02-03')).toThrow('has no line `## Unreleased`');
});

it('the changelog of this checkout has something to say to users', () => {
  const text = read('CHANGELOG.md');
  expect(notesOf(text, 'Unreleased') || notesOf(text, addonVersion)).toMatch(/^- /m);
});
