import { describe, expect, it } from 'vitest';
import { chooseRuntime, chooseSource, fileExtension, type Runtimes } from './input.js';

const BY_EXTENSION: Record<string, string> = {
  py: 'python',
  mjs: 'node',
  js: 'node',
  cjs: 'node',
  ts: 'bun',
  mts: 'deno',
  sh: 'bash',
};

/** Answers as the library's registry does, and throws where it throws. */
const runtimes: Runtimes<string> = {
  get(name) {
    if (!Object.values(BY_EXTENSION).includes(name)) throw new Error(`Unknown runtime: "${name}". Available: python`);
    return { name };
  },
  detect(filename) {
    const name = BY_EXTENSION[filename.slice(filename.lastIndexOf('.') + 1)];
    if (!name) throw new Error(`Cannot detect runtime for "${filename}". Known extensions: .py`);
    return { name };
  },
};

describe('the source of a run', () => {
  it('is --cmd, --eval, the file or stdin', () => {
    expect(chooseSource({ cmd: 'ls' })).toEqual({ from: 'cmd', cmd: 'ls' });
    expect(chooseSource({ eval: '1' })).toEqual({ from: 'eval', code: '1' });
    expect(chooseSource({ file: 'a.py' })).toEqual({ from: 'file', path: 'a.py' });
    expect(chooseSource({})).toEqual({ from: 'stdin' });
  });

  it('is --eval when there is a file as well', () => {
    expect(chooseSource({ eval: '1', file: 'a.py' })).toEqual({ from: 'eval', code: '1' });
  });

  it('counts an empty value as given', () => {
    expect(chooseSource({ eval: '' })).toEqual({ from: 'eval', code: '' });
    expect(chooseSource({ cmd: '' })).toEqual({ from: 'cmd', cmd: '' });
  });

  it('is at the URL that one of three flags names', () => {
    const url = 'https://example.com/a.py';
    expect(chooseSource({ url, hash: 'ab', allowInsecureCodeUrl: true })).toEqual({
      from: 'url',
      url,
      hash: 'ab',
      insecure: true,
    });
    expect(chooseSource({ github: 'a/b/main/c.py' })).toMatchObject({ from: 'url' });
    expect(chooseSource({ gist: '12ab/c.py' })).toMatchObject({ from: 'url' });
  });

  it.each([{ file: 'a.py' }, { eval: '1' }])('is refused when a URL comes with %o', (other) => {
    for (const place of [{ url: 'https://example.com/a.py' }, { github: 'a/b/c/d' }, { gist: 'a/b' }]) {
      expect(() => chooseSource({ ...place, ...other })).toThrow(
        '--url/--github/--gist cannot be used with file input or --eval.',
      );
    }
  });

  it('is refused with a hash of what is not fetched', () => {
    for (const source of [{}, { eval: '1' }, { file: 'a.py' }, { cmd: 'ls' }]) {
      expect(() => chooseSource({ ...source, hash: 'ab' })).toThrow('--hash needs --url, --github or --gist.');
    }
  });

  it.each([{ file: 'a.py' }, { eval: '1' }, { url: 'https://example.com/' }, { github: 'a/b/c/d' }, { gist: 'a/b' }])(
    'is refused when --cmd comes with %o',
    (other) => {
      expect(() => chooseSource({ cmd: 'ls', ...other })).toThrow(
        '--cmd cannot be combined with file input, --eval, --url, --github, or --gist.',
      );
    },
  );
});

describe('the runtime of a run', () => {
  it.each([
    ['a.py', 'python'],
    ['a.js', 'node'],
    ['a.mjs', 'node'],
    ['a.cjs', 'node'],
    ['a.ts', 'bun'],
    ['a.mts', 'deno'],
    ['dir.py/a.sh', 'bash'],
  ])('of %s is %s', (path, name) => {
    expect(chooseRuntime({ from: 'file', path }, undefined, runtimes)).toBe(name);
  });

  // W84: it was what came after the last dot of the whole path.
  it.each([
    ['https://example.com/dir.sh/a.py?x=.js#.ts', 'python'],
    ['https://example.com/a.b.mts', 'deno'],
    ['https://example.com/%C3%BC.js', 'node'],
  ])('at %s is %s (W84)', (url, name) => {
    expect(chooseRuntime({ from: 'url', url }, undefined, runtimes)).toBe(name);
    expect(chooseRuntime({ from: 'url', url }, 'bash', runtimes)).toBe('bash');
  });

  it.each([
    'https://example.py',
    'https://example.com/dir.py/',
    'https://example.com/dir.py/noext?a.py',
    'https://example.com/.py',
    'https://example.com/a.zig',
    'data:a.zig',
  ])('cannot be told from %s (W84)', (url) => {
    expect(() => chooseRuntime({ from: 'url', url }, undefined, runtimes)).toThrow(
      'Cannot detect runtime from URL path. Use --runtime to specify.',
    );
  });

  it('is python for code without a name, bash for a command line', () => {
    expect(chooseRuntime({ from: 'eval', code: '' }, undefined, runtimes)).toBe('python');
    expect(chooseRuntime({ from: 'stdin' }, undefined, runtimes)).toBe('python');
    expect(chooseRuntime({ from: 'cmd', cmd: '' }, undefined, runtimes)).toBe('bash');
  });

  it('is what --runtime says, whatever the file is called', () => {
    expect(chooseRuntime({ from: 'file', path: 'a.py' }, 'deno', runtimes)).toBe('deno');
    expect(chooseRuntime({ from: 'file', path: 'noext' }, 'deno', runtimes)).toBe('deno');
  });

  it('unknown to --runtime is the registry’s error', () => {
    expect(() => chooseRuntime({ from: 'stdin' }, 'ruby', runtimes)).toThrow(
      'Unknown runtime: "ruby". Available: python',
    );
  });

  it.each(['noext', 'a.zig', 'dir.py/noext', '.py', 'dot.'])('cannot be told from %s', (path) => {
    expect(() => chooseRuntime({ from: 'file', path }, undefined, runtimes)).toThrow(
      `Cannot detect runtime for ${path}. Use --runtime to specify.`,
    );
  });
});

describe('the file extension', () => {
  it('is that of the file', () => {
    expect(fileExtension({ from: 'file', path: 'dir/a.cjs' })).toBe('.cjs');
  });

  // W84: it was what came after the last dot of the whole path, even of a file that nobody ran.
  it('is left out for a name without one, in a dotted directory too (W84)', () => {
    expect(fileExtension({ from: 'file', path: 'noext' })).toBeUndefined();
    expect(fileExtension({ from: 'file', path: 'dir.d/noext' })).toBeUndefined();
  });

  it('does not come from a file that --eval overrides (W84)', () => {
    expect(fileExtension(chooseSource({ eval: '1', file: 'a.cjs' }))).toBeUndefined();
  });
});
