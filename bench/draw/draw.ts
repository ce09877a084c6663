/** Draws what comes on stdin, a chart in Vega-Lite's language (JSON), as SVG on stdout. */
import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

const spec: TopLevelSpec = await new Response(Deno.stdin.readable).json();
const view = new View(parse(compile(spec).spec), { renderer: "none" });
const svg = await view.toSVG();
await new Blob([svg, "\n"]).stream().pipeTo(Deno.stdout.writable);
