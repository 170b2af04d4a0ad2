// The figures in docs/performance.md: what `npm run bench` has measured, as it was written down in docs/data/. Anything
// else on the page is written by hand, between figures that stay as they are where there is no data.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROGRAMS } from '../../benches/cases/warm.mjs';
import { root } from '../lib/project.mjs';
import { code, table } from './markdown.mjs';

export const FILE = 'docs/performance.md';

/** What was measured, and how to measure it again. */
const RECORDS = [
  { name: 'bench', file: 'docs/data/bench.json', figures: figuresOfLibrary },
  { name: 'server', file: 'docs/data/server.json', figures: figuresOfServer },
];

export async function generate() {
  let page = await readFile(join(root, FILE), 'utf8');
  for (const { name, file, figures } of RECORDS) {
    const record = await readFile(join(root, file), 'utf8').then(JSON.parse, missing);
    if (record) page = replaced(page, name, [origin(record, file), ...figures(record)].join('\n\n'));
  }
  return page;
}

function missing(error) {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}

/** The page with other text between the comments that mark a place for figures. */
function replaced(page, name, text) {
  const [begin, end] = [`<!-- figures: ${name} -->`, `<!-- end of figures: ${name} -->`];
  const [before, after] = [page.indexOf(begin) + begin.length, page.indexOf(end)];
  if (before < begin.length || after < before) throw new Error(`${FILE} has no place for the figures of ${name}`);
  return `${page.slice(0, before)}\n${text}\n${page.slice(after)}`;
}

function origin({ machine, runs }, file) {
  const { cpu, cores, memoryMb, kernel, docker, node, load, date } = machine;
  const gigabytes = Math.round(memoryMb / 1000);
  return `\
${cpu}, ${cores} cores, ${gigabytes} GB, ${kernel}, Docker ${docker}, Node.js ${node}; ${date.slice(0, 10)}, load before
${load.toFixed(1)}, medians of ${runs} runs ([all of it](${file.slice('docs/'.length)})).`;
}

/** `hello` in a warm sandbox as one table, since all runtimes have the same columns; the other cases as another. */
function figuresOfLibrary({ cases }) {
  const warm = Object.keys(PROGRAMS).filter((name) => cases[name]);
  const rows = warm
    .sort((a, b) => median(cases[a], 'isol8 execute()') - median(cases[b], 'isol8 execute()'))
    .map((name) => {
      const of = (what) => `${number(median(cases[name], what))} ms`;
      const ratio = cases[name].ratios['dockerode exec / isol8 execute()'];
      return [
        name,
        of('isol8 execute()'),
        of('the program itself'),
        of('overhead'),
        of('dockerode exec'),
        `${ratio.toFixed(1)}×`,
      ];
    });
  const heading = ['warm', `isol8 ${code('execute()')}`, 'of that, the program', 'overhead', 'dockerode exec', ''];
  const others = Object.fromEntries(Object.entries(cases).filter(([name]) => !warm.includes(name)));
  return [rows.length && table(heading, rows), measured(others)].filter(Boolean);
}

function figuresOfServer({ cases }) {
  return [measured(cases)];
}

function measured(cases) {
  const rows = Object.entries(cases).flatMap(([name, { unit, series }]) =>
    Object.entries(series).map(([what, { median, p95 }]) => [name, what, number(median), number(p95), unit]),
  );
  return rows.length ? table(['case', 'what', 'median', 'p95', ''], rows) : '';
}

const median = ({ series }, what) => series[what].median;

const number = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1));
