/** Bytes as lines of text. */

/** A longer line is cut into pieces of this many characters, so that memory stays bounded. */
const LINE_CHARS_MAX = 10_000;

/** The lines of `stream`, without their ends; a last one without an end, too; no empty ones. */
export async function* lineStream(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const pieces = (rest + decoder.decode(bytes, { stream: true })).split(/\r\n|[\r\n]/);
    rest = pieces.pop()!;
    yield* pieces.filter((piece) => piece !== "");
    for (; rest.length > LINE_CHARS_MAX; rest = rest.slice(LINE_CHARS_MAX)) {
      yield rest.slice(0, LINE_CHARS_MAX);
    }
  }
  if (rest !== "") yield rest;
}
