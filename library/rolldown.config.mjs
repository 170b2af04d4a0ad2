import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const loader = fileURLToPath(new URL('addon.cjs', import.meta.url));

/** The addon comes through the file that says what to do where it cannot be loaded. */
const throughLoader = {
  name: 'through-loader',
  resolveId: (source, importer) =>
    source === '../index.js' ? (importer === loader ? { id: source, external: true } : loader) : null,
};

// One file: loading a few small modules takes two milliseconds longer, and every `isol8 run` would pay for it.
export default {
  input: 'library/index.ts',
  platform: 'node',
  plugins: [throughLoader],
  transform: { define: { ISOL8_VERSION: JSON.stringify(version) } },
  output: { file: 'dist/index.js', format: 'cjs', exports: 'named', codeSplitting: false },
};
