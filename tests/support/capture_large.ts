/** A row whose values are stored out of line (TOAST), each type that can be, for capture.ts. */

/** SQL of a value of about 130 bytes or more, by column and type. */
const VALUES: Record<string, [type: string, value: string]> = {
  t: ["text", "repeat('t', 150)"],
  v: ["varchar", "repeat('v', 150)"],
  c: ["char(150)", "'c'"],
  b: ["bytea", "decode(repeat('0b', 150), 'hex')"],
  x: ["xml", "('<x>' || repeat('x', 150) || '</x>')::xml"],
  j: ["json", "json_build_object('j', repeat('j', 150))"],
  jb: ["jsonb", "jsonb_build_object('j', repeat('j', 150))"],
  num: ["numeric", "repeat('9', 300)::numeric"],
  bits: ["bit varying", "repeat('1', 1200)::bit varying"],
  unknown: ["tsvector", "array_to_tsvector(array_agg(i::text))"],
  texts: ["text[]", "ARRAY[repeat('a', 150), 'second']"],
  ints: ["int[]", "array_agg(i)"],
  smalls: ["smallint[]", "array_agg(i::smallint) || array_agg(i::smallint)"],
  bigs: ["bigint[]", "array_agg(i::bigint)"],
  nums: ["numeric(10,2)[]", "array_agg(i::numeric)"],
  floats: ["float8[]", "array_agg(i::float8)"],
  bools: ["boolean[]", "array_agg(i > 20) || array_agg(i > 20) || array_agg(i > 20)"],
  dates: ["date[]", "array_agg('2026-01-01'::date + i)"],
  times: ["timestamp[]", "array_agg('2026-01-01'::timestamp)"],
  zoned: ["timestamptz[]", "array_agg('2026-01-01Z'::timestamptz)"],
  uuids: ["uuid[]", "array_agg('01234567-89ab-cdef-0123-456789abcdef'::uuid)"],
};

/** Small enough a target that each of these columns is moved out of line. */
export const LARGE_TABLE = `CREATE TABLE large (id int PRIMARY KEY, n int, nothing text, ${
  Object.entries(VALUES).map(([column, [type]]) => `${column} ${type}`).join(", ")
}) WITH (toast_tuple_target = 128); ALTER TABLE large ${
  Object.keys(VALUES).map((column) => `ALTER ${column} SET STORAGE EXTERNAL`).join(", ")
}`;

export const LARGE_ROW = `INSERT INTO large SELECT 1, 1, NULL, ${
  Object.values(VALUES).map(([, value]) => value).join(", ")
} FROM generate_series(1, 40) i`;
