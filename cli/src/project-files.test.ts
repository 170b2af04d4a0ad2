import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { projectFiles } from './project-files.js';

/** A directory called `app` with these files. */
function project(files: Record<string, string | Buffer> = {}): string {
  const root = mkdtempSync(join(tmpdir(), 'isol8-files-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const directory = join(root, 'app');
  mkdirSync(directory);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  return directory;
}

const pathsIn = async (directory: string, workdir?: string) =>
  Object.keys(await projectFiles(directory, workdir)).sort();

it('takes everything below the directory', async () => {
  const directory = project({ 'a.py': '', 'b/c/d.txt': '', '.env': '', 'odd name\n': '', 'b/__proto__': '' });
  expect(await pathsIn(directory)).toEqual([
    '/sandbox/.env',
    '/sandbox/a.py',
    '/sandbox/b/__proto__',
    '/sandbox/b/c/d.txt',
    '/sandbox/odd name\n',
  ]);
});

it('takes nothing from an empty one', async () => {
  const directory = project();
  mkdirSync(join(directory, 'empty'));
  expect(await projectFiles(directory, undefined)).toEqual({});
});

it('keeps every byte', async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  const files = await projectFiles(project({ all: bytes, none: '' }), undefined);
  expect(files['/sandbox/all']?.content).toEqual(bytes);
  expect(files['/sandbox/none']?.content).toEqual(Buffer.of());
});

it('knows which files are executable, for whomever', async () => {
  const directory = project({ plain: '', mine: '', anyones: '' });
  chmodSync(join(directory, 'plain'), 0o644);
  chmodSync(join(directory, 'mine'), 0o700);
  chmodSync(join(directory, 'anyones'), 0o601);
  expect(await projectFiles(directory, undefined)).toMatchObject({
    '/sandbox/plain': { executable: false },
    '/sandbox/mine': { executable: true },
    '/sandbox/anyones': { executable: true },
  });
});

it.each(['.git', 'node_modules', '__pycache__', '.venv', 'venv', '.tox'])('leaves %s, wherever it is', async (name) => {
  const directory = project({ [`${name}/x`]: '', [`a/${name}/b/x`]: '', [`a/${name}x/x`]: '' });
  expect(await pathsIn(directory)).toEqual([`/sandbox/a/${name}x/x`]);
});

it('takes a file that is called like that', async () => {
  expect(await pathsIn(project({ 'a/venv': '', '.git': 'gitdir: ../.git/worktrees/app' }))).toEqual([
    '/sandbox/.git',
    '/sandbox/a/venv',
  ]);
});

it('follows no symlink, wherever it leads', async () => {
  const directory = project({ 'a/file': '' });
  symlinkSync('/etc/passwd', join(directory, 'outside'));
  symlinkSync('a/file', join(directory, 'inside'));
  symlinkSync('/etc', join(directory, 'directory'));
  symlinkSync('..', join(directory, 'a/up'));
  symlinkSync('nowhere', join(directory, 'broken'));
  expect(await pathsIn(directory)).toEqual(['/sandbox/a/file']);
});

it('may be a symlink itself', async () => {
  const directory = project({ x: '' });
  symlinkSync(directory, `${directory}-link`);
  expect(await pathsIn(`${directory}-link`)).toEqual(['/sandbox/x']);
});

// C24
it.each([
  [undefined, '/sandbox/x'],
  ['/sandbox', '/sandbox/x'],
  ['/sandbox/app', '/sandbox/app/x'],
  ['/sandbox/app/', '/sandbox/app/x'],
  ['/sandbox/app/src', '/sandbox/app/x'],
  ['app', '/sandbox/app/x'],
  ['./other/../app', '/sandbox/app/x'],
  ['/sandbox/application', '/sandbox/x'],
  ['/sandbox/other/app', '/sandbox/x'],
])('goes where a program in %s expects it (C24)', async (workdir, path) => {
  expect(await pathsIn(project({ x: '' }), workdir)).toEqual([path]);
});

// C24
it.each([
  ['a directory', { 'app/x': '', y: '' }, ['/sandbox/app/x', '/sandbox/y']],
  ['a file', { app: '' }, ['/sandbox/app']],
])('goes into /sandbox if it has %s of its own name, so that this is the one (C24)', async (_, files, paths) => {
  expect(await pathsIn(project(files), '/sandbox/app')).toEqual(paths);
});

it('goes by the name of the directory, however that is written', async () => {
  const directory = project({ 'src/x': '' });
  expect(await pathsIn(`${directory}/src/../`, 'app')).toEqual(['/sandbox/app/src/x']);
  expect(await pathsIn(join(directory, 'src', '..', '.'), 'app')).toEqual(['/sandbox/app/src/x']);
});

it.each(['x', 'nowhere', 'x/y'])('is refused where there is no directory: %s', async (name) => {
  const path = join(project({ x: '' }), name);
  await expect(projectFiles(path, undefined)).rejects.toThrow(`--files path is not a directory: ${path}`);
});

it('is refused before it is read if it is too large', async () => {
  const directory = project({ huge: '' });
  truncateSync(join(directory, 'huge'), 1024 ** 4);
  await expect(projectFiles(directory, undefined)).rejects.toThrow(`--files ${directory} holds more than 1 GiB`);
});
