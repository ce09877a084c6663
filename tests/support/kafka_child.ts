/**
 * A process that reads a topic, closes, and then has nothing to do: it ends by itself only if the
 * Kafka source leaves no timer and no socket behind.
 *
 *     deno run … kafka_child.ts <broker> <topic> <records>
 *
 * Prints `read <bytes>` after that many records, closes when its standard input does, and prints
 * `closed`.
 */
import { connectCluster } from "../../src/source/kafka/cluster.ts";

const [broker, topic, records] = Deno.args;
const cluster = connectCluster({
  brokers: [broker],
  group: `child-${topic}`,
  tls: null,
  sasl: null,
  bufferedBytesMax: 8 * 1024 * 1024,
});
const feeds = await cluster.read(new Map([[topic, [0]]]));
const [feed] = feeds.all;
for (let count = 0, bytes = 0; count < Number(records);) {
  await feeds.changed();
  for (let head; (head = feed.head) !== undefined; count++) {
    bytes += head.value!.length;
    feed.take();
  }
  if (count === Number(records)) console.log(`read ${bytes}`);
}
const gone = feeds.changed().catch(() => {}); // it may tell of a broker that is lost
await Deno.stdin.read(new Uint8Array(1));
await feeds.close();
await cluster.close();
console.log("closed");
void gone;
