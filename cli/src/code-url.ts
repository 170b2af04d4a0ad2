/** Code that is somewhere else: at a URL, or at one of the two shorthands for places where much code is. */

/** Flags that say where; only one of them may. */
export interface PlaceFlags {
  url?: string;
  github?: string;
  gist?: string;
}

/** Flags about code at a URL. */
export interface UrlFlags extends PlaceFlags {
  hash?: string;
  allowInsecureCodeUrl?: boolean;
}

/** The least that names a file on GitHub: owner, repository, ref and a path. */
const GITHUB_SEGMENTS = 4;

/** The URL that the flags name; none if there is no flag that does. */
export function codeUrl({ url, github, gist }: PlaceFlags): string | undefined {
  const urls = [url, github, gist].filter((value) => value !== undefined);
  if (urls.length > 1) throw new Error('--url, --github and --gist cannot be combined.');
  if (github !== undefined) return githubUrl(github);
  if (gist !== undefined) return gistUrl(gist);
  if (url !== undefined && !URL.canParse(url)) throw new Error(`Invalid code URL: ${url}`);
  return url;
}

/** The name of the file that a URL stands for; nothing if it stands for none. */
export function fileAt(url: string): string {
  return new URL(url).pathname.split('/').at(-1) ?? '';
}

function githubUrl(text: string): string {
  const path = encoded(text);
  if (!path || path.length < GITHUB_SEGMENTS) {
    throw new Error('--github format must be owner/repo/ref/path/to/file');
  }
  return `https://raw.githubusercontent.com/${path.join('/')}`;
}

function gistUrl(text: string): string {
  const path = encoded(text);
  if (path?.length !== 2) throw new Error('--gist format must be gistId/file.ext');
  return `https://gist.githubusercontent.com/${path[0]}/raw/${path[1]}`;
}

/** The segments, as they stand in a URL; none if one of them would not stay where it is. */
function encoded(text: string): string[] | undefined {
  const segments = text.split('/');
  if (segments.some((segment) => ['', '.', '..'].includes(segment))) return undefined;
  return segments.map(encodeURIComponent);
}
