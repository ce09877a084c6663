import { makeEvents, TABLE } from "./bench/decode_events.ts";
import { debeziumCodec } from "./src/decode/debezium/codec.ts";
import { TableLayout } from "./src/batch/column.ts";
import { Batch } from "./src/batch/batch.ts";
const what = Deno.args[0] ?? "all";
const schema = Deno.args[1] === "schema";
const rounds = Number(Deno.args[2] ?? 8);
const recs = makeEvents(schema ? 10_000 : 20_000, schema);
const codec = debeziumCodec();
const head = codec.head();
const layout = new TableLayout(TABLE);
const rows = codec.rows(layout);
const batch = new Batch(new ArrayBuffer(32 << 20));
batch.become("filling");
let best = Infinity;
let seq = 0;
for (let r = 0; r < rounds; r++) {
  const t = performance.now();
  for (const rec of recs) {
    const f = codec.scan(rec, head);
    if (f) throw f;
    if (what === "scan") continue;
    const s = rows.decode(rec, head, batch, ++seq);
    if (s?.kind === "fault") throw s.fault;
    if (s?.kind === "full") {
      batch.discard();
      batch.become("filling");
      rows.decode(rec, head, batch, seq);
    }
  }
  const us = (performance.now() - t) * 1000 / recs.length;
  best = Math.min(best, us);
}
console.log(what, schema, "best µs/event", best.toFixed(3));
