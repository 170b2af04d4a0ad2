// The results, for people.

/** A table with aligned columns: names to the left, numbers to the right. */
function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row) =>
    row
      .map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}

const number = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2));

function measurements(cases) {
  const rows = [['', 'median', 'p95', 'unit', 'n']];
  for (const [name, { unit, series }] of Object.entries(cases)) {
    for (const [what, { median, p95, n }] of Object.entries(series)) {
      rows.push([`${name}: ${what}`, number(median), number(p95), unit, String(n)]);
    }
  }
  return table(rows);
}

function goals(cases) {
  const rows = [['goal', 'bound', 'now', '']];
  for (const [name, { goals }] of Object.entries(cases)) {
    for (const { what, value, bound, unit, sense, met } of goals) {
      const suffix = unit === '×' ? '×' : unit ? ` ${unit}` : '';
      rows.push([
        `${name}: ${what}`,
        `${sense} ${bound}${suffix}`,
        `${number(value)}${suffix}`,
        met ? 'met' : 'NOT MET',
      ]);
    }
  }
  return table(rows);
}

/** Everything that stdout gets. */
export function report(machine, cases) {
  const { cpu, cores, kernel, docker, node, load, date } = machine;
  const notes = Object.values(cases).flatMap(({ notes = [] }) => notes);
  return [
    `${cpu}, ${cores} cores, load ${number(load)}, ${kernel}, Docker ${docker}, Node.js ${node}, ${date}`,
    measurements(cases),
    goals(cases),
    ...(notes.length ? [notes.join('\n')] : []),
  ]
    .map((part) => `${part}\n`)
    .join('\n');
}
