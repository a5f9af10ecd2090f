// The plot of `wgpt roofline`: operations for each byte of memory against operations a second, both by decades; the machine's roofs, and a
// dot for each distinct step whose area is its share of the time. Beside it a line to each step's name, which are moved apart. All of it is
// predicted, and says so.
import { BOUNDS, type Bound } from "../codegen/index.ts";
import { counted } from "./counted.ts";
import { percent, printSeconds } from "./figures.ts";
import type { FileKind } from "./output-file.ts";
import { flops, intensity, type RooflineReport, type RooflineStep } from "./roofline-report.ts";
import { roofsText, sumOf, titleOf } from "./roofline-text.ts";
import { escaped, line, px, text, widthOf } from "./svg.ts";

/** What a file with a plot begins with. */
export const PLOT: FileKind = {
  name: "roofline plot",
  opening: '<svg xmlns="http://www.w3.org/2000/svg" data-made-by="wgpt roofline"',
};

/** Of Okabe and Ito: told apart by who sees fewer colours, too (https://jfly.uni-koeln.de/color/). */
const COLOURS: Readonly<Record<Bound, string>> = {
  memory: "#0072b2",
  latency: "#d55e00",
  cache: "#56b4e9",
  arithmetic: "#009e73",
  launch: "#999999",
  shared: "#cc79a7",
  barriers: "#e69f00",
};

const PLOT_WIDTH = 560;
const [LEFT, TOP, BOTTOM] = [76, 84, 96];
/** From the plot to the names. */
const GAP = 56;
const NAME_HEIGHT = 32;
const LEAST_HEIGHT = 380;
/** Radius of a dot that takes all of the time, and of the smallest that is still seen. */
const [MOST_RADIUS, LEAST_RADIUS] = [30, 3.5];
/** A whole number of decades, which holds all of the values. */
interface Axis {
  readonly first: number;
  readonly last: number;
  /** Where a value stands, from 0 to 1. */
  at(value: number): number;
}

function axisOf(values: readonly number[]): Axis {
  const logs = values.map(Math.log10);
  const first = Math.floor(Math.min(...logs));
  const last = Math.max(first + 1, Math.ceil(Math.max(...logs)));
  return { first, last, at: (value) => (Math.log10(value) - first) / (last - first) };
}

/** A step with its place in the report, which is its number. */
interface Numbered {
  readonly step: RooflineStep;
  readonly number: number;
}
interface Dot extends Numbered {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** The plot of each report, one below the other. */
export function plotRooflines(model: string, reports: readonly RooflineReport[]): string {
  const plots = reports.map((report) => plotOf(model, report));
  const width = Math.max(...plots.map((p) => p.width));
  const height = plots.reduce((sum, p) => sum + p.height, 0);
  let y = 0;
  const placed = plots.map((p) => {
    const moved = `<g transform="translate(0 ${px(y)})">\n${p.content}\n</g>`;
    y += p.height;
    return moved;
  });
  const machines = reports.map(({ target }) => target.name).join(", ");
  return `${[
    `${PLOT.opening} width="${px(width)}" height="${px(height)}" viewBox="0 0 ${px(width)} ${px(height)}" font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#222">`,
    `<title>${escaped(`Roofline of ${model}, predicted for ${machines}, not measured`)}</title>`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    ...placed,
    "</svg>",
  ].join("\n")}\n`;
}

interface Plot {
  readonly width: number;
  readonly height: number;
  readonly content: string;
}

function plotOf(model: string, report: RooflineReport): Plot {
  const { roofs, target, steps } = report;
  const numbered = steps.map((step, i): Numbered => ({ step, number: i + 1 }));
  const plotted = numbered.filter(({ step }) => step.multiplyAdds > 0 && step.bytes > 0);
  const left = numbered.filter((n) => !plotted.includes(n));
  const height = Math.max(LEAST_HEIGHT, NAME_HEIGHT * (plotted.length + 1));
  const most = 2 * roofs.multiplyAdds;
  const ridge = most / roofs.memory;
  const across = axisOf([...plotted.map(({ step }) => intensity(step)), ridge / 3, ridge * 3]);
  const up = axisOf([...plotted.map(({ step }) => flops(step)), most * 1.2]);
  const place = (operationsForByte: number, operations: number): readonly [number, number] => [
    LEFT + PLOT_WIDTH * across.at(operationsForByte),
    TOP + height * (1 - up.at(operations)),
  ];
  const dots = plotted.map((n): Dot => {
    const [x, y] = place(intensity(n.step), flops(n.step));
    return { ...n, x, y, radius: Math.max(LEAST_RADIUS, MOST_RADIUS * Math.sqrt(n.step.share)) };
  });
  const names = dots.map(namesOf);
  const right = LEFT + PLOT_WIDTH + GAP;
  const titles = [
    `${titleOf(model, report)}: predicted for ${target.name}, not measured`,
    `${target.machine.summary}; ${roofsText(report)}`,
    `predicted: ${sumOf(report)}`,
  ];
  const width = Math.max(
    ...names.map(([first, second]) => right + Math.max(widthOf(first, 12), widthOf(second, 11)) + 16),
    ...titles.map((t, i) => LEFT + widthOf(t, i === 0 ? 16 : 12)),
  );
  const leftOut =
    left.length === 0
      ? []
      : [`no dot, without multiply-adds: ${left.map(({ step, number }) => `${number} ${step.step}`).join(", ")}`];
  return {
    width,
    height: TOP + height + BOTTOM,
    content: [
      text(LEFT, 26, titles[0] ?? "", 'font-size="16" font-weight="bold"'),
      text(LEFT, 46, titles[1] ?? "", 'fill="#555"'),
      text(LEFT, 64, titles[2] ?? "", 'fill="#555"'),
      ...grid(across, up, height),
      ...roofLines(report, across, up, place),
      ...dotsAndNames(dots, names, right, height),
      ...legend(dots, TOP + height + 62),
      ...leftOut.map((line) => text(LEFT, TOP + height + 84, line, 'font-size="11" fill="#555"')),
    ].join("\n"),
  };
}

/** A tick's label: `10` of 1 with a unit's prefix. */
const PREFIXES: Readonly<Record<number, string>> = { 0: "", 3: "K", 6: "M", 9: "G", 12: "T", 15: "P" };
function tickLabel(exponent: number, unit: string): string {
  const base = Math.max(0, 3 * Math.floor(exponent / 3));
  const value = 10 ** (exponent - base);
  return `${exponent < 0 ? value.toFixed(-exponent) : value} ${PREFIXES[base] ?? ""}${unit}`.trim();
}

function grid(across: Axis, up: Axis, height: number): readonly string[] {
  const lines: string[] = [];
  const ticks = (axis: Axis, draw: (at: number, isDecade: boolean, exponent: number) => void): void => {
    for (let e = axis.first; e <= axis.last; e++)
      for (const factor of e === axis.last ? [1] : [1, 2, 5]) draw(axis.at(factor * 10 ** e), factor === 1, e);
  };
  const shade = (isDecade: boolean): string => `stroke="${isDecade ? "#d0d0d0" : "#efefef"}"`;
  ticks(across, (at, isDecade, e) => {
    const x = LEFT + PLOT_WIDTH * at;
    lines.push(line([x, TOP], [x, TOP + height], shade(isDecade)));
    if (isDecade) lines.push(text(x, TOP + height + 18, tickLabel(e, ""), 'text-anchor="middle"'));
  });
  ticks(up, (at, isDecade, e) => {
    const y = TOP + height * (1 - at);
    lines.push(line([LEFT, y], [LEFT + PLOT_WIDTH, y], shade(isDecade)));
    if (isDecade) lines.push(text(LEFT - 8, y + 4, tickLabel(e, ""), 'text-anchor="end"'));
  });
  const middle = TOP + height / 2;
  return [
    ...lines,
    text(
      LEFT + PLOT_WIDTH / 2,
      TOP + height + 38,
      "arithmetic intensity: FLOP for each byte of memory",
      'text-anchor="middle"',
    ),
    text(18, middle, "predicted FLOP/s", `text-anchor="middle" transform="rotate(-90 18 ${px(middle)})"`),
  ];
}

/** Memory and cache rise to the multiply-adds, which go on level. */
function roofLines(
  { roofs }: RooflineReport,
  across: Axis,
  up: Axis,
  place: (operationsForByte: number, operations: number) => readonly [number, number],
): readonly string[] {
  const most = 2 * roofs.multiplyAdds;
  const [least, widest] = [10 ** across.first, 10 ** across.last];
  const lowest = 10 ** up.first;
  const stroke = (dashes: string) => `stroke="#222" stroke-width="1.5"${dashes && ` stroke-dasharray="${dashes}"`}`;
  const rising = (name: string, rate: number, dashes: string, below: boolean): readonly string[] => {
    const start = Math.max(least, lowest / rate);
    const [a, b] = [place(start, start * rate), place(most / rate, most)];
    const angle = (180 / Math.PI) * Math.atan2(b[1] - a[1], b[0] - a[0]);
    // Near the top, since most steps have few operations for each byte.
    const [x, y] = [a[0] + (b[0] - a[0]) * 0.8, a[1] + (b[1] - a[1]) * 0.8];
    const turn = `transform="rotate(${px(angle)} ${px(x)} ${px(y)})"`;
    return [
      line(a, b, stroke(dashes)),
      text(x, y + (below ? 15 : -6), name, `font-size="11" text-anchor="middle" ${turn} ${HALO}`),
    ];
  };
  const level = place(most / roofs.memory, most);
  const first = roofs.cache === undefined ? level : place(most / roofs.cache, most);
  const end = place(widest, most);
  return [
    ...(roofs.cache === undefined ? [] : rising("cache", roofs.cache, "5 4", false)),
    ...rising("memory", roofs.memory, "", true),
    line(first, end, stroke("")),
    text(end[0] - 6, end[1] - 6, "multiply-adds", `font-size="11" text-anchor="end" ${HALO}`),
  ];
}

/** Text over lines stays legible. */
const HALO = 'paint-order="stroke" stroke="#fff" stroke-width="3"';

/** Two lines of a step's name. */
const namesOf = ({ step, number }: Dot): readonly [string, string] => [
  `${number}  ${step.step}${step.calls > 1 ? ` and ${counted(step.calls - 1, "step")} alike` : ""}: ${percent(step.share)}`,
  `${step.kernel}; ${printSeconds(step.seconds)} a call, ${step.bound}`,
];

function dotsAndNames(
  dots: readonly Dot[],
  names: readonly (readonly [string, string])[],
  right: number,
  height: number,
): readonly string[] {
  const order = dots.map((dot, i) => ({ dot, name: names[i] ?? ["", ""] })).toSorted((a, b) => a.dot.y - b.dot.y);
  const places = apart(
    order.map(({ dot }) => dot.y),
    NAME_HEIGHT,
    [TOP + 4, TOP + height - 12],
  );
  const edge = LEFT + PLOT_WIDTH + 8;
  const lines = order.map(({ dot }, i) => {
    const y = places[i] ?? 0;
    const points = [
      [dot.x, dot.y],
      [edge, y],
      [right - 6, y],
    ].map(([a = 0, b = 0]) => `${px(a)},${px(b)}`);
    return `<polyline points="${points.join(" ")}" fill="none" stroke="${COLOURS[dot.step.bound]}" stroke-width="0.8" opacity="0.7"/>`;
  });
  // Large ones first, so that none hides another.
  const circles = dots
    .toSorted((a, b) => b.radius - a.radius)
    .map(
      ({ x, y, radius, step }) =>
        `<circle cx="${px(x)}" cy="${px(y)}" r="${px(radius)}" fill="${COLOURS[step.bound]}" fill-opacity="0.55" stroke="${COLOURS[step.bound]}"><title>${escaped(step.kernel)}</title></circle>`,
    );
  const labels = order.flatMap(({ name: [first, second] }, i) => {
    const y = places[i] ?? 0;
    return [text(right, y - 1, first, 'font-weight="bold"'), text(right, y + 12, second, 'font-size="11" fill="#555"')];
  });
  return [...lines, ...circles, ...labels];
}

/** Places in ascending order, each as near to what it wants as `distance` from its neighbours lets it be. */
export function apart(
  wanted: readonly number[],
  distance: number,
  [first, last]: readonly [number, number],
): readonly number[] {
  const places = [...wanted];
  places.forEach((_, i) => {
    places[i] = Math.max(places[i] ?? first, i === 0 ? first : (places[i - 1] ?? first) + distance);
  });
  for (let i = places.length - 1; i >= 0; i--)
    places[i] = Math.min(places[i] ?? last, i === places.length - 1 ? last : (places[i + 1] ?? last) - distance);
  return places;
}

/** Of the colours that are there. */
function legend(dots: readonly Dot[], y: number): readonly string[] {
  const there = BOUNDS.filter((bound) => dots.some(({ step }) => step.bound === bound));
  let x = LEFT;
  return [
    text(x, y, "bound by", 'fill="#555"'),
    ...there.flatMap((bound, i) => {
      x += i === 0 ? 72 : widthOf(there[i - 1] ?? "", 12) + 40;
      return [`<circle cx="${px(x)}" cy="${px(y - 4)}" r="5" fill="${COLOURS[bound]}"/>`, text(x + 10, y, bound)];
    }),
  ];
}
