/**
 * Line plots over time, as SVG under docs/plots/. What draws them, Vega, is a project of its own
 * (draw/), run in a process of its own: what stands in the root's deno.lock, everybody's first start
 * downloads, and this is some 70 packages.
 */

/** What a line is made of: x and y, in the units that the axes name. */
export interface Point {
  x: number;
  y: number;
}

/** One line. */
export interface Series {
  /** As the legend has it. */
  name: string;
  /** In the order of x. */
  points: readonly Point[];
}

/** One pair of axes with its lines. */
export interface Plot {
  title: string;
  /** The axes' titles, units included: "time, s". */
  xTitle: string;
  yTitle: string;
  series: readonly Series[];
  /** A horizontal line that the others are to stay below, and what it is called. */
  limit?: { y: number; name: string };
}

const PLOTS = new URL("../docs/plots/", import.meta.url);
const DRAW = new URL("./draw/draw.ts", import.meta.url);
const DRAW_CONFIG = new URL("./draw/deno.json", import.meta.url);

/** More than a screen has room for; a long run is thinned to about so many points a line. */
const POINTS_MAX = 1200;

/** Of one pair of axes, px. */
const SIZE = { width: 640, height: 240 };

/** Told apart by those who don't see colours as well (Okabe and Ito), on white. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const LIMIT_COLOUR = "#c00000";

/**
 * Draws `plots` below each other, and writes them to docs/plots/`name`.svg. Resolves with that
 * path from the repository's root.
 */
export async function writePlot(name: string, ...plots: Plot[]): Promise<string> {
  const svg = await draw(chartOf(plots));
  await Deno.mkdir(PLOTS, { recursive: true });
  await Deno.writeTextFile(new URL(`${name}.svg`, PLOTS), svg);
  return `docs/plots/${name}.svg`;
}

/** Runs draw.ts on a chart. Throws with what it said when it failed. */
async function draw(chart: unknown): Promise<string> {
  const process = new Deno.Command(Deno.execPath(), {
    // Types are checked here, since the root's `deno check` leaves that folder out. Vega asks for
    // the environment, and for a module that draws on a canvas, which there is none of.
    args: ["run", "--check", "--quiet", "--no-prompt", "--allow-env", "--allow-read"]
      .concat(`--config=${DRAW_CONFIG.pathname}`, DRAW.href),
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = process.output();
  await new Blob([JSON.stringify(chart)]).stream().pipeTo(process.stdin);
  const { success, stdout, stderr } = await output;
  if (success) return new TextDecoder().decode(stdout);
  throw new Error(`bench/draw/draw.ts failed: ${new TextDecoder().decode(stderr)}`);
}

/** In Vega-Lite's language. The background is white, to be readable on a dark page as well. */
function chartOf(plots: Plot[]): unknown {
  return {
    background: "white",
    padding: 12,
    vconcat: plots.map(axesOf),
    resolve: { scale: { color: "independent" } },
    config: {
      font: "sans-serif",
      title: { fontSize: 14, anchor: "start", offset: 8 },
      axis: { gridColor: "#e4e4e4", labelFontSize: 11, titleFontSize: 12, titleFontWeight: 400 },
      legend: { labelFontSize: 11, labelLimit: 600 },
      view: { stroke: "#bbbbbb" },
    },
  };
}

/** One pair of axes: lines, and the limit above them. */
function axesOf({ title, xTitle, yTitle, series, limit }: Plot): unknown {
  const names = series.map((each) => each.name);
  const lines = {
    data: {
      values: series.flatMap(({ name, points }) =>
        thin(points).map(({ x, y }) => ({ x, y, name }))
      ),
    },
    mark: { type: "line", strokeWidth: 1.5 },
    encoding: {
      x: { field: "x", type: "quantitative", title: xTitle, scale: { nice: false } },
      y: { field: "y", type: "quantitative", title: yTitle, scale: { zero: true } },
      color: {
        field: "name",
        type: "nominal",
        scale: { domain: names, range: names.map((_, i) => COLOURS[i % COLOURS.length]) },
        legend: names.length > 1 ? { orient: "bottom", columns: 2, title: null } : null,
      },
    },
  };
  if (limit === undefined) return { title, ...SIZE, layer: [lines] };
  const data = { values: [limit] };
  const y = { field: "y", type: "quantitative" };
  const rule = {
    data,
    mark: { type: "rule", color: LIMIT_COLOUR, strokeDash: [6, 4] },
    encoding: { y },
  };
  const label = {
    data,
    mark: { type: "text", color: LIMIT_COLOUR, align: "left", dx: 4, dy: -6, x: 0 },
    encoding: { y, text: { field: "name" } },
  };
  return { title, ...SIZE, layer: [lines, rule, label] };
}

/** The least and the greatest of each stretch, so that no peak is lost. */
export function thin(points: readonly Point[]): readonly Point[] {
  if (points.length <= POINTS_MAX) return points;
  const step = Math.ceil(2 * points.length / POINTS_MAX);
  const kept: Point[] = [];
  for (let at = 0; at < points.length; at += step) {
    const stretch = points.slice(at, at + step);
    const least = stretch.reduce((a, b) => b.y < a.y ? b : a);
    const greatest = stretch.reduce((a, b) => b.y > a.y ? b : a);
    const [first, second] = least.x <= greatest.x ? [least, greatest] : [greatest, least];
    kept.push(first);
    if (second !== first) kept.push(second);
  }
  return kept;
}
