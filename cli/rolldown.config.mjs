// One file: loading many small modules takes longer than running most of them, and every `isol8 run` pays for it.
export default {
  input: 'src/main.ts',
  platform: 'node',
  external: ['isol8'],
  output: { file: 'dist/main.js', format: 'esm', codeSplitting: false },
};
