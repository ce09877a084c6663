import { makeEvents } from "./bench/decode_events.ts";
const recs = makeEvents(2000,false); const d = new TextDecoder(); let s=0; const times:number[]=[];
for (let r=0;r<100;r++){ const t=performance.now(); for (const x of recs) { s+=JSON.parse(d.decode(x.value!)).ts_ms; } times.push((performance.now()-t)*1000/recs.length);} times.sort((a,b)=>a-b); console.log("JSON.parse p5", times[5].toFixed(3), "p50", times[50].toFixed(3));
