import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import net from "node:net";
import Connection from "kafkajs/connection";
import { Answers, mendConnection, originalProcess } from "./answers.ts";
import { randomOf } from "./order_fixture.ts";
import { Sockets } from "./sockets.ts";

/** An answer of `size` bytes with its size before it. */
function answerOf(size: number, fill = size % 251): Buffer {
  const answer = Buffer.alloc(4 + size, fill);
  answer.writeInt32BE(size, 0);
  return answer;
}

/** Lets `answers` read `bytes` from a socket that has at most `most()` of them at once. */
function read(answers: Answers, bytes: Uint8Array, most: () => number): void {
  for (let at = 0; at < bytes.length;) {
    const room = answers.room();
    assert(room.length > 0);
    const piece = bytes.subarray(at, at + Math.max(1, Math.min(most(), room.length)));
    room.set(piece);
    answers.took(piece.length);
    at += piece.length;
  }
}

const SIZES = [0, 1, 3, 4, 70, 65_531, 65_532, 65_533, 65_536, 200_000, 5];

Deno.test("answers: whole ones, however they come", () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];
  console.log(`seed ${seed}`);
  const random = randomOf(seed);
  for (let round = 0; round < 60; round++) {
    const sizes = Array.from({ length: 30 }, () => SIZES[random(SIZES.length)]);
    const sent = sizes.map((size) => answerOf(size, random(256)));
    const given: Buffer[] = [];
    const largest = [1, 5, 1000, 65_536, 1_000_000][round % 5];
    const answers = new Answers((answer) => given.push(answer));
    // Byte by byte takes long where the answers are large.
    const some = largest < 1000 ? sent.filter(({ length }) => length < 1000) : sent;
    read(answers, Buffer.concat(some), () => 1 + random(largest));
    assert.equal(given.length, some.length);
    some.forEach((answer, i) => assert(answer.equals(given[i]), `answer ${i} of round ${round}`));
    // What is kept of an answer must not keep more alive than it is (see records.ts).
    for (const answer of given) assert.equal(answer.buffer.byteLength, answer.length);
  }
});

Deno.test("answers: what is not Kafka's is given as it comes", () => {
  for (
    const text of [
      "HTTP/1.1 400 Bad Request\r\n\r\n",
      "\x15\x03\x03\x00\x02\x02\x28",
      "\xff".repeat(9),
    ]
  ) {
    const given: Buffer[] = [];
    const answers = new Answers((answer) => given.push(answer));
    const bytes = Buffer.from(text, "latin1");
    read(answers, Buffer.concat([answerOf(10), bytes, bytes]), () => 3);
    assert.deepEqual(Buffer.concat(given), Buffer.concat([answerOf(10), bytes, bytes]));
    assert(given.every(({ length }) => length < 100));
  }
});

Deno.test("answers: a plain socket's data are whole answers", async () => {
  const sent = SIZES.map((size) => answerOf(size));
  const server = net.createServer((socket) => socket.end(Buffer.concat(sent)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const given: Buffer[] = [];
  const onConnect = () => {};
  const socket = new Sockets().factory({ host: "127.0.0.1", port, ssl: undefined!, onConnect });
  socket.on("data", (answer: Buffer) => given.push(answer));
  await new Promise<void>((resolve) => socket.on("end", resolve));
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  assert.deepEqual(given, sent);
});

/** How often kafkajs copies answers that come whole, by one of its ways to process data. */
function copies(process: (this: unknown, data: Buffer) => void): number {
  const { concat } = Buffer;
  let count = 0;
  const answered: number[] = [];
  const connection = Object.assign(Object.create(Connection.prototype), {
    chunks: [],
    bytesBuffered: 0,
    bytesNeeded: 4,
    requestQueue: {
      fulfillRequest: ({ size }: { size: number }) => answered.push(size),
    },
  });
  Buffer.concat = (...given) => {
    count++;
    return concat(...given);
  };
  try {
    for (let i = 0; i < 5; i++) process.call(connection, answerOf(1000));
  } finally {
    Buffer.concat = concat;
  }
  assert.deepEqual(answered, Array(5).fill(1000));
  return count;
}

Deno.test("answers: kafkajs itself still copies each answer behind nothing (else remove the mend)", () => {
  assert.equal(copies(originalProcess), 4);
});

Deno.test("answers: mended, it copies none that comes whole", () => {
  mendConnection();
  assert.equal(copies(Connection.prototype.processData), 0);
});
