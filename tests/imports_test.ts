import assert from "node:assert/strict";
import { type Module, readGraph, sources } from "./graph.ts";
import { brokenRules, looseDependencies } from "./imports.ts";

/** A module at `path` that imports `targets`, each written as it is given. */
function file(path: string, ...targets: string[]): Module {
  return { path, lines: 10, imports: targets.map((target) => ({ written: target, target })) };
}

/** Asserts that exactly one rule is broken, by a sentence that matches. */
function assertBroken(modules: Module[], sentence: RegExp): void {
  const broken = brokenRules(modules);
  assert.equal(broken.length, 1, broken.join("\n") || "no rule was broken");
  assert.match(broken[0], sentence);
}

Deno.test("a graph in the shape of the design breaks no rule", () => {
  const broken = brokenRules([
    file("main.ts", "src/service.ts", "src/errors.ts", "generator/main.ts"),
    file("src/service.ts", "src/api/app.ts", "src/ingest.ts", "src/config.ts"),
    file("src/ingest.ts", "src/source/postgres/stream.ts", "src/sink/warehouse/duckdb.ts"),
    file("src/pipeline.ts", "src/source/source.ts", "src/sink/sink.ts", "src/batch/pool.ts"),
    file("src/source/postgres/stream.ts", "src/source/source.ts", "src/decode/decoder.ts"),
    file("src/source/source.ts", "src/source/position.ts", "src/batch/batch.ts"),
    file("src/decode/decoder.ts", "src/batch/batch.ts", "src/catalog/catalog.ts"),
    file("src/decode/pgoutput.ts", "src/decode/decoder.ts", "src/source/position.ts"),
    file("src/sink/sink.ts", "src/source/position.ts", "src/batch/batch.ts"),
    file("src/api/app.ts", "src/messages.ts", "src/metrics.ts", "src/sink/lookup/reader.ts"),
    file("generator/main.ts", "src/progress.ts", "src/log.ts"),
    file("src/dev/dev.ts", "src/config.ts", "node:path"),
  ]);
  assert.deepEqual(broken, []);
});

Deno.test("a stage may not import another stage", () => {
  assertBroken(
    [file("src/decode/pgoutput.ts", "src/sink/warehouse/duckdb.ts")],
    /^src\/decode\/pgoutput\.ts imports src\/sink\/warehouse\/duckdb\.ts: outside its stage/,
  );
});

Deno.test("a stage may not import the assembly", () => {
  assertBroken([file("src/source/kafka.ts", "src/pipeline.ts")], /outside its stage/);
});

Deno.test("the API may not see batches, or a store's writer", () => {
  assertBroken([file("src/api/app.ts", "src/batch/batch.ts")], /api\/ sees messages/);
  assertBroken([file("src/api/app.ts", "src/sink/warehouse/merge.ts")], /api\/ sees messages/);
});

Deno.test("only the assembly knows several stages", () => {
  const stages = ["src/source/kafka.ts", "src/sink/warehouse/duckdb.ts"];
  assertBroken([file("src/check.ts", ...stages)], /^src\/check\.ts knows several stages/);
  assertBroken([file("src/dev/dev.ts", ...stages)], /knows several stages \(sink, source\)/);
  assert.deepEqual(brokenRules([file("src/pipeline.ts", ...stages)]), []);
  assert.deepEqual(brokenRules([file("src/check.ts", stages[0])]), []);
});

Deno.test("a shared file knows no stage, and no file that is not shared", () => {
  assertBroken([file("src/metrics.ts", "src/sink/warehouse/merge.ts")], /shared files only/);
  assertBroken([file("src/log.ts", "src/service.ts")], /shared files only/);
});

Deno.test("nobody knows src/dev/ or the tests, and the generator not the service", () => {
  assertBroken([file("generator/main.ts", "src/service.ts")], /no part of the service/);
  assertBroken([file("src/service.ts", "src/dev/flags.ts")], /src\/dev/);
  assertBroken([file("src/service.ts", "tests/skip.ts")], /for tests only/);
  assertBroken([file("src/sink/a.ts", "src/sink/a_test.ts")], /for tests only/);
});

Deno.test("tests and bench are exempt from the rules on stages", () => {
  const far = ["src/api/app.ts", "src/sink/warehouse/merge.ts", "src/source/kafka.ts"];
  assert.deepEqual(brokenRules([file("src/decode/values_test.ts", ...far)]), []);
  assert.deepEqual(brokenRules([file("tests/replica_test.ts", ...far)]), []);
});

Deno.test("folders that import each other in a circle are named with the files", () => {
  assertBroken(
    [
      file("src/batch/batch.ts", "src/catalog/types.ts"),
      file("src/catalog/catalog.ts", "src/batch/column.ts"),
    ],
    /circle: src\/batch\/batch\.ts → src\/catalog\/types\.ts, src\/catalog\/catalog\.ts → src\/batch\/column\.ts/,
  );
});

Deno.test("a longer circle, and one between files of src/, are found too", () => {
  assertBroken(
    [
      file("src/service.ts", "src/pipeline.ts"),
      file("src/pipeline.ts", "src/ingest.ts"),
      file("src/ingest.ts", "src/service.ts"),
    ],
    /circle/,
  );
});

Deno.test("a stage and its own seam are no circle, and neither are two stages and a seam", () => {
  const broken = brokenRules([
    file("src/source/kafka.ts", "src/source/source.ts", "src/decode/decoder.ts"),
    file("src/decode/debezium.ts", "src/source/position.ts", "src/decode/decoder.ts"),
  ]);
  assert.deepEqual(broken, []);
});

Deno.test("packages come from npm, by their name in deno.json", () => {
  assertBroken([file("src/log.ts", "jsr:@std/log@1")], /packages come from npm only/);
  assertBroken([file("src/log.ts", "https://deno.land/x/a.ts")], /packages come from npm only/);
  assertBroken([file("src/log.ts", "npm:zod@4.6.7")], /a name and its version in deno\.json/);
  assertBroken([file("tests/a_test.ts", "npm:zod@4.6.7")], /a name and its version/);
  const mapped = { written: "zod", target: "npm:zod@4.6.7" };
  assert.deepEqual(brokenRules([{ path: "src/config.ts", lines: 1, imports: [mapped] }]), []);
});

Deno.test("deno.json may hold exact npm versions only", () => {
  const loose = [
    "npm:zod@^4",
    "npm:zod",
    "npm:zod@4.6",
    "jsr:@std/fs@1.0.0",
    "./zod.ts",
    "npm:a@*",
  ];
  for (const target of loose) assert.equal(looseDependencies({ a: target }).length, 1, target);
  const exact = ["npm:zod@4.6.7", "npm:@a/b@1.5.5-r.5", "npm:faker@1.2.3/locale/de"];
  for (const target of exact) assert.deepEqual(looseDependencies({ a: target }), [], target);
});

Deno.test("a file that is too long, or cannot be loaded, is named", () => {
  const long = { ...file("src/config.ts"), lines: 401 };
  assertBroken([long], /^src\/config\.ts has 401 lines; at most 400/);
  assertBroken([{ ...file("src/log.ts"), error: "Module not found" }], /^src\/log\.ts: Module not/);
});

Deno.test("the graph is the real one: types, dynamic imports, packages and missing files", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sluice-rules-" });
  try {
    const root = new URL(`file://${folder}/`);
    const write = (path: string, text: string) => Deno.writeTextFile(`${folder}/${path}`, text);
    await Deno.mkdir(`${folder}/src/decode`, { recursive: true });
    await Deno.mkdir(`${folder}/src/sink`, { recursive: true });
    await write("deno.json", `{"nodeModulesDir": "none"}`);
    await write("src/sink/a.ts", "export type A = 1;\nexport const a: A = 1;\n");
    await write("src/sink/b.ts", "export const b = 2;\n");
    await write("src/sink/c.ts", "export const c = 2;\n");
    await write(
      "src/decode/bad.ts",
      `import type { A } from "../sink/a.ts";\nexport { b } from "../sink/b.ts";\n` +
        `export const a = 1 as A;\nexport const late = () => import("../sink/c.ts");\n` +
        `import "./missing.ts";\n`,
    );
    await Deno.mkdir(`${folder}/src/own`);
    await write("src/own/deno.json", "{}");
    await write("src/own/main.ts", `import "vega";\n`);
    const paths = await sources(root, ["main.ts", "src", "generator"]);
    assert.deepEqual(paths, [
      "src/decode/bad.ts",
      "src/sink/a.ts",
      "src/sink/b.ts",
      "src/sink/c.ts",
    ]);
    const graph = await readGraph(root, paths);
    const bad = graph.find((module) => module.path === "src/decode/bad.ts");
    assert.deepEqual(bad?.imports.map((dependency) => dependency.target).sort(), [
      "src/decode/missing.ts",
      "src/sink/a.ts",
      "src/sink/b.ts",
      "src/sink/c.ts",
    ]);
    assert.equal(bad?.lines, 5);
    const broken = brokenRules(graph);
    assert.equal(broken.filter((line) => line.includes("outside its stage")).length, 3);
    assert.equal(broken.filter((line) => /missing\.ts: .*not found/i.test(line)).length, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
