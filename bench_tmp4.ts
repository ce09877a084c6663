import { makeEvents } from "./bench/decode_events.ts";
import { debeziumCodec } from "./src/decode/debezium/codec.ts";
import { JsonReader } from "./src/decode/debezium/json.ts";
import { Fields } from "./src/decode/debezium/fields.ts";
const recs = makeEvents(500, false);
const codec = debeziumCodec();
const head: any = codec.head();
const rows: { b: Uint8Array; s: number; e: number }[] = [];
let shape: any;
for (const r of recs) {
  codec.scan(r, head);
  if (head.op !== "d") {
    rows.push({ b: r.value!, s: head.after.start, e: head.after.stop });
    shape = head.after.shape;
  }
}
const reader = new JsonReader();
const f = new Fields();
function t(name: string, fn: () => void, n: number) {
  let best = 1e9;
  for (let k = 0; k < 6000; k++) {
    const a = performance.now();
    fn();
    best = Math.min(best, performance.now() - a);
  }
  console.log(name, (best * 1e6 / n).toFixed(0), "ns");
}
t("open", () => {
  for (const r of rows) reader.open(r.b, r.s, r.b.length);
}, rows.length);
t("open+readLike row", () => {
  for (const r of rows) {
    reader.open(r.b, r.s, r.b.length);
    if (!f.readLike(reader, shape)) throw 1;
  }
}, rows.length);
t("value() row skip", () => {
  for (const r of rows) {
    reader.open(r.b, r.s, r.b.length);
    reader.value();
  }
}, rows.length);
console.log(
  "row bytes",
  rows.reduce((a, r) => a + r.e - r.s, 0) / rows.length,
  "value bytes",
  rows.reduce((a, r) => a + r.b.length, 0) / rows.length,
);
t("scan", () => {
  for (const r of recs) codec.scan(r, head);
}, recs.length);
t("digits13", () => {
  for (const r of rows) {
    const i = r.e + 80;
    reader.open(r.b, i, r.b.length);
    reader.digits();
  }
}, rows.length);
