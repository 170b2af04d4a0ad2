/**
 * Where the program of a run comes from, and which runtime it gets.
 *
 * The first of `--cmd`, a URL, `--eval`, file and stdin that was given wins. `--cmd` and URLs stand alone; a file next to
 * `--eval` is ignored, its extension included.
 */
import { basename, extname } from 'node:path';
import { codeUrl, fileAt, type UrlFlags } from './code-url.js';

export interface InputFlags extends UrlFlags {
  file?: string;
  eval?: string;
  cmd?: string;
}

export type Source =
  | { from: 'cmd'; cmd: string }
  | { from: 'url'; url: string; hash?: string; insecure?: boolean }
  | { from: 'eval'; code: string }
  | { from: 'file'; path: string }
  | { from: 'stdin' };

/** What is asked of the library's runtime registry. Both throw for what they do not know. */
export interface Runtimes<Name extends string> {
  get(name: string): { name: Name };
  detect(filename: string): { name: Name };
}

export function chooseSource({ file, eval: code, cmd, ...flags }: InputFlags): Source {
  const inline = file !== undefined || code !== undefined;
  const isAtUrl = [flags.url, flags.github, flags.gist].some((flag) => flag !== undefined);
  if (cmd !== undefined && (inline || isAtUrl)) {
    throw new Error('--cmd cannot be combined with file input, --eval, --url, --github, or --gist.');
  }
  if (isAtUrl && inline) throw new Error('--url/--github/--gist cannot be used with file input or --eval.');
  // Whoever gives one relies on its being checked.
  if (flags.hash !== undefined && !isAtUrl) throw new Error('--hash needs --url, --github or --gist.');
  const url = codeUrl(flags);
  if (url !== undefined) return { from: 'url', url, hash: flags.hash, insecure: flags.allowInsecureCodeUrl };
  if (cmd !== undefined) return { from: 'cmd', cmd };
  if (code !== undefined) return { from: 'eval', code };
  if (file !== undefined) return { from: 'file', path: file };
  return { from: 'stdin' };
}

/** The runtime named by `--runtime`, or else the one that the source suggests. */
export function chooseRuntime<Name extends string>(
  source: Source,
  forced: string | undefined,
  runtimes: Runtimes<Name>,
): Name {
  if (forced !== undefined) return runtimes.get(forced).name;
  switch (source.from) {
    case 'cmd':
      return runtimes.get('bash').name;
    case 'url':
      return detect(fileAt(source.url), 'from URL path', runtimes);
    case 'file':
      return detect(source.path, `for ${source.path}`, runtimes);
    case 'eval':
    case 'stdin':
      return runtimes.get('python').name;
  }
}

/**
 * The extension, with its dot, that the script file in the sandbox should have; none if the runtime's own will do. What
 * follows from a URL is for whoever fetches it to say.
 */
export function fileExtension(source: Source): string | undefined {
  return (source.from === 'file' && extname(source.path)) || undefined;
}

function detect<Name extends string>(path: string, what: string, runtimes: Runtimes<Name>): Name {
  // Only the last part of the path: a dot in a directory's name says nothing about the file.
  const name = basename(path);
  try {
    if (extname(name) !== '') return runtimes.detect(name).name;
  } catch {
    // An extension that the registry does not know: answered like a missing one.
  }
  throw new Error(`Cannot detect runtime ${what}. Use --runtime to specify.`);
}
