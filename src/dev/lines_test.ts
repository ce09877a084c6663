import assert from "node:assert/strict";
import { lineStream } from "./lines.ts";

async function lines(...pieces: (string | Uint8Array)[]): Promise<string[]> {
  const encode = (piece: string | Uint8Array) =>
    typeof piece === "string" ? new TextEncoder().encode(piece) : piece;
  return await Array.fromAsync(lineStream(ReadableStream.from(pieces.map(encode))));
}

Deno.test("lines are put together across pieces, also within a character", async () => {
  const bytes = new TextEncoder().encode("é\n");
  assert.deepEqual(await lines("a", "b\nc", "\n", bytes.slice(0, 1), bytes.slice(1), "end"), [
    "ab",
    "c",
    "é",
    "end",
  ]);
});

Deno.test("a progress bar's carriage returns end a line; empty lines are left out", async () => {
  assert.deepEqual(await lines("10%\r20%\r\n\n\n30%"), ["10%", "20%", "30%"]);
});

Deno.test("a line without end is cut, so that it cannot fill the memory", async () => {
  const found = await lines("x".repeat(25_000), "y\n");
  assert.deepEqual(found.map((line) => line.length), [10_000, 10_000, 5_001]);
});
