/** `RuntimeRegistry`. What a test registers stays for those after it. */
import { AgentAdapter, BunAdapter, bashAdapter, DenoAdapter, NodeAdapter, PythonAdapter, RuntimeRegistry } from 'isol8';
import { describe, expect, it } from 'vitest';

const BUILT_IN = [PythonAdapter, NodeAdapter, BunAdapter, bashAdapter, DenoAdapter, AgentAdapter];

const adapter = (name: string, extension: string) => ({
  name,
  image: `test:${name}`,
  getCommand: (code: string) => [name, code],
  getFileExtension: () => extension,
});

describe('at first', () => {
  it('knows the built-in runtimes, in this order', () => {
    expect(RuntimeRegistry.list()).toEqual(BUILT_IN);
    for (const builtIn of BUILT_IN) expect(RuntimeRegistry.get(builtIn.name)).toBe(builtIn);
  });

  it.each([
    ['a.py', PythonAdapter],
    ['a.js', NodeAdapter],
    ['a.mjs', NodeAdapter],
    ['a.cjs', NodeAdapter],
    ['a.ts', BunAdapter],
    ['a.mts', DenoAdapter],
    ['dir.py/a.b.sh', bashAdapter],
  ])('detects %s', (file, expected) => {
    expect(RuntimeRegistry.detect(file)).toBe(expected);
  });

  it('says what there is when it is asked for something else', () => {
    expect(() => RuntimeRegistry.get('ruby')).toThrow(
      'Unknown runtime: "ruby". Available: python, node, bun, bash, deno, agent',
    );
    expect(() => RuntimeRegistry.detect('dir.py/notes')).toThrow(
      'Cannot detect runtime for "dir.py/notes". Known extensions: .py, .mjs, .js, .cjs, .ts, .sh, .mts',
    );
    for (const ask of [() => RuntimeRegistry.get(''), () => RuntimeRegistry.detect('a.b')])
      expect(ask).toThrow(expect.objectContaining({ code: 'UNKNOWN_RUNTIME' }));
  });
});

describe('with a runtime of the caller', () => {
  const ruby = adapter('ruby', '.rb');

  it('knows it by name and by all its extensions', () => {
    RuntimeRegistry.register(ruby, ['.rake', '.gemspec']);
    expect(RuntimeRegistry.get('ruby')).toBe(ruby);
    expect(RuntimeRegistry.list()).toEqual([...BUILT_IN, ruby]);
    for (const file of ['a.rb', 'a.rake', 'a.gemspec']) expect(RuntimeRegistry.detect(file)).toBe(ruby);
  });

  it('lets the latest of a name win, in the place of the first', () => {
    const newer = adapter('ruby', '.rb');
    RuntimeRegistry.register(newer);
    expect(RuntimeRegistry.get('ruby')).toBe(newer);
    expect(RuntimeRegistry.detect('a.rake')).toBe(newer);
    expect(RuntimeRegistry.list()).toHaveLength(BUILT_IN.length + 1);
  });

  it('lets the latest of an extension win', () => {
    const tsx = adapter('tsx', '.tsx');
    RuntimeRegistry.register(tsx, ['.ts']);
    expect(RuntimeRegistry.detect('a.ts')).toBe(tsx);
    expect(RuntimeRegistry.get('bun')).toBe(BunAdapter);
  });

  it('never detects the agent, not even when it is registered again (W59)', () => {
    expect(() => RuntimeRegistry.detect('notes.txt')).toThrow(/^Cannot detect runtime for "notes\.txt"\./);
    RuntimeRegistry.register(AgentAdapter);
    expect(RuntimeRegistry.get('agent')).toBe(AgentAdapter);
    expect(() => RuntimeRegistry.detect('notes.txt')).toThrow(/^Cannot detect runtime for "notes\.txt"\./);
  });

  it.each([
    ['', '.x', []],
    ['a b', '.x', []],
    ['x', 'x', []],
    ['x', '.x', ['..y']],
  ])('refuses the name %j with the extension %j and aliases %j', (name, extension, aliases) => {
    expect(() => RuntimeRegistry.register(adapter(name, extension), aliases)).toThrow(
      expect.objectContaining({ code: 'INVALID_ADAPTER' }),
    );
    expect(RuntimeRegistry.list().map((known) => known.name)).not.toContain(name);
  });
});
