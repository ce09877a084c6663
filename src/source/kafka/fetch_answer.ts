/**
 * Puts our decoder of record batches in the place of kafkajs's, for the newest version of the fetch
 * request that it knows (11, brokers since 2.3); with older brokers, kafkajs decodes itself.
 *
 *     answer    := throttle_ms int32, error int16, session int32, topics [ topic ]
 *     topic     := name string, partitions [ partition ]
 *     partition := number int32, error int16, high_watermark int64, last_stable_offset int64,
 *                  log_start int64, aborted [ producer_id int64, first_offset int64 ],
 *                  preferred_replica int32, size int32, batches
 *
 * An array's count is an int32, −1 for null; a string's length an int16. Source: "Fetch API" in
 * Kafka's protocol guide.
 */
import type { Buffer } from "node:buffer";
import fetchResponse from "kafkajs/fetch-response";
import { BatchError, isBatch, readBatches } from "./record_batch.ts";
import type { Fetched } from "./fetched.ts";

/** What kafkajs makes of an answer, as far as its callers look at it. */
interface Answer {
  readonly throttleTime: 0;
  readonly clientSideThrottleTime: number;
  readonly errorCode: number;
  readonly sessionId: number;
  readonly responses: {
    readonly topicName: string;
    readonly partitions: (Fetched & { readonly errorCode: number })[];
  }[];
}

const original = fetchResponse.decode;
const text = new TextDecoder();

/** To be called before the first fetch; more calls change nothing. */
export function takeOverDecoding(): void {
  fetchResponse.decode = async (bytes: Buffer) => await readAnswer(bytes) ?? await original(bytes);
}

/** Undefined: something in it is of a message format before Kafka 0.11. */
export async function readAnswer(bytes: Buffer): Promise<Answer | undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const int32 = () => view.getInt32((at += 4) - 4);
  const int16 = () => view.getInt16((at += 2) - 2);
  const int64 = () => String(view.getBigInt64((at += 8) - 8));
  const string = () => {
    const length = int16();
    return text.decode(bytes.subarray(at, at += length));
  };
  try {
    const clientSideThrottleTime = int32();
    const errorCode = int16();
    const sessionId = int32();
    const responses: Answer["responses"] = [];
    for (let topics = int32(); topics > 0; topics--) {
      const topic: Answer["responses"][0] = { topicName: string(), partitions: [] };
      for (let partitions = int32(); partitions > 0; partitions--) {
        const head = {
          partition: int32(),
          errorCode: int16(),
          highWatermark: int64(),
          lastStableOffset: int64(),
          logStart: int64(),
        };
        const abortedTransactions = [];
        for (let aborted = int32(); aborted > 0; aborted--) {
          abortedTransactions.push({ producerId: int64(), firstOffset: int64() });
        }
        int32(); // the preferred replica
        const size = Math.max(0, int32());
        const batches = bytes.subarray(at, at += size);
        if (at > bytes.length) throw new BatchError("an answer is cut off");
        if (size > 0 && !isBatch(batches)) return undefined;
        topic.partitions.push({
          ...head,
          abortedTransactions,
          batches: await readBatches(batches),
          messages: [],
        });
      }
      responses.push(topic);
    }
    return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses };
  } catch (error) {
    if (error instanceof RangeError) throw new BatchError(`an answer is cut off: ${error.message}`);
    throw error;
  }
}
