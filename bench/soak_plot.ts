/** The soak's plots: resident memory beside its budget, and the file beside what is in it. */
import { type Plot, writePlot } from "./plot.ts";
import type { SoakSample } from "./soak_samples.ts";

/** Writes docs/plots/soak-memory.svg and soak-file.svg; resolves with their paths. */
export async function plotSoak(
  samples: readonly SoakSample[],
  totalMb: number,
): Promise<string[]> {
  const xTitle = "time, min";
  const line = (name: string, value: (sample: SoakSample) => number | null) => ({
    name,
    points: samples.flatMap((sample) => {
      const y = value(sample);
      return y === null ? [] : [{ x: sample.seconds / 60, y }];
    }),
  });
  const memory: Plot = {
    title: "Memory of `serve` under a steady load",
    xTitle,
    yTitle: "MB",
    series: [
      line("RSS", ({ rssMb }) => rssMb),
      line("DuckDB, of its area", ({ areasMb }) => areasMb.managed ?? null),
      line("ingest's heap", ({ areasMb }) => areasMb["task-heap"] ?? null),
    ],
    limit: { y: totalMb, name: `SLUICE_MEMORY_TOTAL_MB=${totalMb}` },
  };
  const file: Plot = {
    title: "The warehouse's file",
    xTitle,
    yTitle: "MB",
    series: [
      line("file", ({ fileMb }) => fileMb),
      line("of it in use", ({ usedMb }) => usedMb),
      line("write-ahead log", ({ walMb }) => walMb),
    ],
  };
  const log: Plot = {
    title: "Changes in the change logs",
    xTitle,
    yTitle: "thousand",
    series: [line("changes", ({ logRows }) => logRows === null ? null : logRows / 1000)],
  };
  const lag: Plot = {
    title: "How far `serve` is behind",
    xTitle,
    yTitle: "s",
    series: [line("lag", ({ lagSeconds }) => lagSeconds)],
  };
  return [await writePlot("soak-memory", memory, lag), await writePlot("soak-file", file, log)];
}
