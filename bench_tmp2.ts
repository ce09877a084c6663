import { makeEvents, TABLE } from "./bench/decode_events.ts";
import { debeziumCodec } from "./src/decode/debezium/codec.ts";
import { TableLayout } from "./src/batch/column.ts";
import { Batch } from "./src/batch/batch.ts";
const what = Deno.args[0] ?? "all"; const schema = Deno.args[1] === "schema"; const rounds = Number(Deno.args[2] ?? 8);
const recs = makeEvents(Number(Deno.args[3] ?? 20000), schema);
const codec = debeziumCodec(); const head = codec.head(); const layout = new TableLayout(TABLE); const rows = codec.rows(layout);
const batch = new Batch(new ArrayBuffer(32<<20)); batch.become("filling");
const cpu = () => Number(Deno.readTextFileSync('/proc/thread-self/schedstat').split(' ')[0]) / 1000; let seq = 0; let c0 = 0; const times: number[] = [];
for (let r = 0; r < rounds; r++) {
 if (r === Math.floor(rounds/3)) c0 = cpu();
  for (let c = 0; c < recs.length; c += Math.min(1000, recs.length)) {
  const t = performance.now();
  for (let j = c; j < Math.min(recs.length, c + 1000); j++) { const rec = recs[j];
    const f = codec.scan(rec, head); if (f) throw f;
    if (what === "scan") continue;
    const s = rows.decode(rec, head, batch, ++seq);
    if (s?.kind === "fault") throw s.fault;
    if (s?.kind === "full") { batch.discard(); batch.become("filling"); rows.decode(rec, head, batch, seq); }
  }
  times.push((performance.now() - t));
  }
}
console.log("cpu µs/event", ((cpu()-c0)/((rounds-Math.floor(rounds/3))*recs.length)).toFixed(3)); times.sort((a,b)=>a-b);
console.log(what, schema, "µs/event p5", times[Math.floor(times.length*0.05)].toFixed(3), "p50", times[Math.floor(times.length/2)].toFixed(3));
