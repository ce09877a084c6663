/**
 * A value that has no counterpart in its column. Thrown by the value parsers, which know neither
 * table nor column, and turned into a `bad-value` fault by the decoder, which does.
 */
export class BadValue extends Error {
  override readonly name = "BadValue";
}
