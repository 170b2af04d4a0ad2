// One file: loading a few small modules takes two milliseconds longer, and every `isol8 run` would pay for it.
export default {
  input: 'library/index.ts',
  platform: 'node',
  external: ['../index.js'],
  output: { file: 'dist/index.js', format: 'cjs', exports: 'named', codeSplitting: false },
};
