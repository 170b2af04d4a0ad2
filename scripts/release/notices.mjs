// The licences of what others wrote and we ship: the crates in the addon and in the guest with the libraries that both
// are linked to, the packages in the bundle of the CLI, and the seccomp profile that ours is derived from.
//
// A crate or package counts as shipped if the graph of dependencies leads there without a build or development
// dependency. Identical texts are printed once.

import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const LICENCE_FILE = /^(licen[cs]e|copying|copyright|notice|unlicense)/i;
const METADATA_BYTES = 64 * 1024 * 1024;

/** What an addon for `platform` is made of. */
export async function noticesOfAddon(root, platform) {
  const used = new Map();
  // The guest is built for another target than the addon where that is not for Linux.
  for (const [crate, target] of [
    ['isol8', platform.target],
    ['isol8-init', platform.guest],
  ]) {
    for (const found of await crates(root, crate, target)) used.set(found.id, found);
  }
  const notices = await Promise.all([...used.values()].map(noticeOfCrate));
  return [...notices.sort(byName), ...(await noticesOfToolchain(root)), await noticeOfProfile()];
}

/** What stands in `seccomp/`, for packages that hold no more of others' than that. */
export const noticesOfLibrary = async () => [await noticeOfProfile()];

/** What a bundle of rolldown holds: it names each module in a comment. */
export async function noticesOfBundle(root, bundle) {
  const text = await readFile(bundle, 'utf8');
  const names = new Set(
    [...text.matchAll(/^\/\/ .*node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\//gm)].map(([, name]) => name),
  );
  return Promise.all([...names].sort().map((name) => noticeOfPackage(join(root, 'node_modules', name))));
}

/** One text of all notices: first who wrote what, then the licence texts, each with those that it is of. */
export function render(notices) {
  const texts = new Map();
  for (const { title, files } of notices) {
    for (const text of files) texts.set(text, [...(texts.get(text) ?? []), title]);
  }
  const list = notices.map(({ title, license, by, source }) =>
    [title, `  licence: ${license}`, by && `  authors: ${by}`, source && `  source: ${source}`]
      .filter(Boolean)
      .join('\n'),
  );
  const rule = '-'.repeat(80);
  const bodies = [...texts].map(([text, titles]) => `${rule}\n${titles.join(', ')}\n${rule}\n\n${text}`);
  return `What this package contains of others, and under which licences.\n\n${list.join('\n')}\n\n${bodies.join('\n\n')}\n`;
}

/** The crates of others that `name` links when built for `target`. */
async function crates(root, name, target) {
  const args = ['metadata', '--format-version', '1', '--locked', '--filter-platform', target];
  const { stdout } = await promisify(execFile)('cargo', args, { cwd: root, maxBuffer: METADATA_BYTES });
  const { packages, resolve } = JSON.parse(stdout);
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const first = packages.find((found) => found.name === name && found.source === null);
  const reached = new Set([first.id]);
  for (const id of reached) {
    for (const dep of nodes.get(id).deps) {
      if (dep.dep_kinds.some(({ kind }) => kind === null)) reached.add(dep.pkg);
    }
  }
  return packages.filter(({ id, source }) => reached.has(id) && source !== null);
}

async function noticeOfCrate({ name, version, license, license_file, authors, repository, manifest_path }) {
  return {
    title: `${name} ${version}`,
    license: license ?? license_file ?? 'see its text',
    by: authors.join(', '),
    source: repository,
    files: await licenceTexts(dirname(manifest_path)),
  };
}

async function noticeOfPackage(directory) {
  const { name, version, license, author, repository } = JSON.parse(
    await readFile(join(directory, 'package.json'), 'utf8'),
  );
  return {
    title: `${name} ${version}`,
    license,
    by: typeof author === 'object' ? author.name : author,
    source: typeof repository === 'object' ? repository.url : repository,
    files: await licenceTexts(directory),
  };
}

/** What is in every program that the compiler makes for us, and in the guest, which is static. */
async function noticesOfToolchain(root) {
  const { stdout } = await promisify(execFile)('rustc', ['--version'], { cwd: root });
  return [
    {
      title: `the standard library of ${stdout.trim()}`,
      license: 'MIT OR Apache-2.0',
      by: 'the Rust Project contributors',
      source: 'https://github.com/rust-lang/rust',
      files: [await text('Apache-2.0')],
    },
    {
      title: 'the GNU C Library, in the guest; `npm run build` links the guest anew, to any version of it',
      license: 'LGPL-2.1-or-later',
      by: 'the GNU C Library authors',
      source: 'https://sourceware.org/glibc',
      files: [await text('LGPL-2.1')],
    },
  ];
}

const noticeOfProfile = async () => ({
  title: 'the seccomp profile of Docker, which strict.json is derived from',
  license: 'Apache-2.0',
  by: 'the Moby authors',
  source: 'https://github.com/moby/profiles',
  files: [await text('Apache-2.0')],
});

/** A licence that has no copyright line of its own. */
const text = (name) => readFile(new URL(`licences/${name}.txt`, import.meta.url), 'utf8').then(trimmed);

/** The texts beside a manifest. Some packages keep theirs in a directory `LICENSES`. */
async function licenceTexts(directory) {
  const named = (await readdir(directory, { withFileTypes: true })).filter(({ name }) => LICENCE_FILE.test(name));
  const paths = await Promise.all(named.map((entry) => (entry.isDirectory() ? filesIn(entry) : [pathOf(entry)])));
  return Promise.all(
    paths
      .flat()
      .sort()
      .map((path) => readFile(path, 'utf8').then(trimmed)),
  );
}

async function filesIn(directory) {
  const entries = await readdir(pathOf(directory), { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map(pathOf);
}

const pathOf = ({ parentPath, name }) => join(parentPath, name);

const trimmed = (text) => text.replace(/\r\n/g, '\n').replace(/^\n+|\s+$/g, '');

const byName = (a, b) => (a.title < b.title ? -1 : 1);
