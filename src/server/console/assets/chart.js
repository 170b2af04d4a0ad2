/** Lines over the last few minutes. */

/** The size of a chart in its own units, which the page scales; the top is for the highest value. */
const [WIDTH, HEIGHT, TOP] = [600, 150, 24];

/**
 * Draws one line per name in `names`, of the values that points have by these names. `points` have the time `at` which
 * they are of; where they are further apart than `gapMs`, or have no value, the line is broken. `label` says what a
 * value is in words.
 */
export function draw(chart, points, names, { spanMs, gapMs, least, label }) {
  const now = points.at(-1)?.at ?? 0;
  const values = points.flatMap((point) => names.map((name) => point[name] ?? 0));
  const top = Math.max(least, ...values);
  const x = ({ at }) => WIDTH - ((now - at) / spanMs) * WIDTH;
  const y = (value) => HEIGHT - 2 - (value / top) * (HEIGHT - TOP);
  const paths = names.map((name, index) => {
    let [path, last] = ['', undefined];
    for (const point of points) {
      if (point[name] === undefined) continue;
      const joined = last !== undefined && point.at - last <= gapMs;
      path += `${joined ? 'L' : 'M'}${x(point).toFixed(1)} ${y(point[name]).toFixed(1)}`;
      // A line of one point can be seen, too.
      if (!joined) path += 'h1';
      last = point.at;
    }
    return make('path', { class: `line-${'abc'[index]}`, d: path });
  });
  const minutes = Math.round(spanMs / 60_000);
  chart.replaceChildren(
    make('path', { class: 'grid', d: `M0 ${TOP}H${WIDTH}` }),
    make('text', { x: 6, y: TOP - 6 }, label(top)),
    make('text', { x: WIDTH - 6, y: TOP - 6, 'text-anchor': 'end' }, `last ${minutes} minutes`),
    ...paths,
  );
}

function make(name, attributes, text = '') {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.textContent = text;
  return made;
}
