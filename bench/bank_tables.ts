/** Four tables of sql/schema.sql as Debezium describes and writes their rows. */

/** Makes values; the same seed makes the same. */
export class Values {
  #state: number;
  /** Made once, since making them takes most of an event's time. */
  readonly #uuids: readonly string[];
  readonly #times: readonly string[];

  constructor(seed: number) {
    this.#state = seed >>> 0;
    const whole = () => this.int(0x1_0000_0000);
    this.#uuids = Array.from({ length: 1 << 16 }, () => uuidOf(whole(), whole()));
    this.#times = Array.from({ length: 1 << 16 }, () => this.#makeTime());
  }

  /** A whole number below `max`. */
  int(max: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(this.#state / 0x1_0000_0000 * max);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(from.length)];
  }

  money(): string {
    const cents = this.int(100);
    return `${this.int(100_000)}.${cents < 10 ? "0" : ""}${cents}`;
  }

  /** Of another row. */
  uuid(): string {
    return this.pick(this.#uuids);
  }

  /** A timestamptz as Debezium writes it. */
  time(): string {
    return this.pick(this.#times);
  }

  #makeTime(): string {
    const s = this.int(86_400);
    const two = (n: number) => n < 10 ? `0${n}` : `${n}`;
    return `2026-0${1 + this.int(9)}-1${this.int(10)}T${two(Math.floor(s / 3600))}:` +
      `${two(Math.floor(s / 60) % 60)}:${two(s % 60)}.${100_000 + this.int(900_000)}Z`;
  }
}

function hex(n: number): string {
  return (n >>> 0).toString(16).padStart(8, "0");
}

/** The uuid that two numbers make; different ones make different ones, in no order. */
export function uuidOf(a: number, b: number): string {
  const x = hex(Math.imul(a ^ (a >>> 16), 0x45d9f3b) ^ Math.imul(b, 0x9e3779b1));
  const [y, z] = [hex(a), hex(b)];
  return `${x}-${y.slice(0, 4)}-4${y.slice(4, 7)}-a${y.slice(7)}${z.slice(0, 2)}-${z.slice(2)}${
    x.slice(0, 6)
  }`;
}

/** A field of Kafka Connect's schema. */
type Field = Record<string, unknown>;

function field(name: string, kind: string, isOptional: boolean): Field {
  const [type, semantic] = {
    uuid: ["string", "io.debezium.data.Uuid"],
    text: ["string"],
    json: ["string", "io.debezium.data.Json"],
    int: ["int32"],
    bool: ["boolean"],
    date: ["int32", "io.debezium.time.Date"],
    time: ["string", "io.debezium.time.ZonedTimestamp"],
  }[kind]!;
  const named = semantic === undefined ? {} : { name: semantic, version: 1 };
  return { type, optional: isOptional, ...named, field: name };
}

/** A table of the bench. */
export interface BankTable {
  readonly name: string;
  /** Of a hundred changes, how many are its. */
  readonly share: number;
  /** Kafka Connect's fields of a row. */
  readonly fields: readonly Field[];
  /** The JSON of a row without its braces and `"id":…`; begins with a comma. */
  rest(values: Values, version: number): string;
  /** The same of a deleted row, of which Debezium knows the key only: zeros, by type. */
  readonly restOfDeleted: string;
}

/** `columns`: `name kind`, with a `?` behind the kind of one that may be NULL. */
function table(
  name: string,
  share: number,
  columns: string,
  rest: (values: Values, version: number) => string,
): BankTable {
  const all = columns.trim().split(/,\s*/).map((column) => column.split(" ") as [string, string]);
  const fields = [["id", "uuid"], ...all].map(([name, kind]) =>
    field(name, kind.replace("?", ""), kind.endsWith("?"))
  );
  const zero = (kind: string) => {
    if (kind.endsWith("?")) return "null";
    if (kind === "time") return `"1970-01-01T00:00:00.000000Z"`;
    return { int: "0", date: "0", bool: "false", json: `"{}"` }[kind] ?? `""`;
  };
  const restOfDeleted = all.map(([name, kind]) => `,"${name}":${zero(kind)}`).join("");
  return { name, share, fields, rest, restOfDeleted };
}

const CURRENCIES = ["EUR", "GBP", "USD"];
const NAMES = ["Everyday", "Savings for Zoë", "Rent", "Holiday in Málaga", "Joint account"];
const TEXTS = [
  "Grocery shop",
  "Coffee with Zoë",
  "Rent for the flat in the old town",
  "Train ticket",
];

/** See the top of this file. */
export const BANK_TABLES: readonly BankTable[] = [
  table(
    "transactions",
    45,
    `movement_id uuid, wallet_id uuid, counterparty_wallet_id uuid, kind text, amount text,
    currency text, balance_after text, status text, reversal_of uuid?, description text,
    merchant text?, metadata json, value_date date, created_at time, updated_at time`,
    (v, version) =>
      `,"movement_id":"${v.uuid()}","wallet_id":"${v.uuid()}","counterparty_wallet_id":"${v.uuid()}"` +
      `,"kind":"${v.pick(["deposit", "transfer", "card_payment"])}"` +
      `,"amount":"${v.int(2) === 0 ? "-" : ""}${v.money()}","currency":"${v.pick(CURRENCIES)}"` +
      `,"balance_after":"${v.money()}","status":"booked","reversal_of":null` +
      `,"description":"${v.pick(TEXTS)} no. ${v.int(1_000_000)}"` +
      `,"merchant":${v.int(2) === 0 ? "null" : `"${v.pick(NAMES)}"`}` +
      `,"metadata":"{\\"attempt\\": ${version}}","value_date":${20_000 + v.int(600)}` +
      `,"created_at":"${v.time()}","updated_at":"${v.time()}"`,
  ),
  table(
    "wallets",
    35,
    `user_id uuid?, account_number text, kind text, name text, currency text, balance text,
    daily_limit text?, status text, version int, created_at time, updated_at time`,
    (v, version) =>
      `,"user_id":"${v.uuid()}","account_number":"GB${v.int(1_000_000_000)}","kind":"current"` +
      `,"name":"${v.pick(NAMES)}","currency":"${v.pick(CURRENCIES)}","balance":"${v.money()}"` +
      `,"daily_limit":${v.int(2) === 0 ? "null" : `"1000.00"`},"status":"active"` +
      `,"version":${version},"created_at":"${v.time()}","updated_at":"${v.time()}"`,
  ),
  table(
    "notifications",
    15,
    `user_id uuid, transaction_id uuid?, kind text, channel text, title text, body text,
    payload json, read_at time?, created_at time`,
    (v) =>
      `,"user_id":"${v.uuid()}","transaction_id":"${v.uuid()}","kind":"money_in"` +
      `,"channel":"${v.pick(["push", "email", "sms"])}","title":"You have received money"` +
      `,"body":"A transfer of ${v.money()} has arrived in your account."` +
      `,"payload":"{\\"amount\\": ${v.int(1000)}}"` +
      `,"read_at":${v.int(2) === 0 ? "null" : `"${v.time()}"`},"created_at":"${v.time()}"`,
  ),
  table(
    "beneficiaries",
    5,
    `user_id uuid, wallet_id uuid?, name text, nickname text?, account_number text, currency text,
    is_favorite bool, status text, created_at time, updated_at time`,
    (v) =>
      `,"user_id":"${v.uuid()}","wallet_id":null,"name":"Zoë van der Berg","nickname":null` +
      `,"account_number":"GB${v.int(1_000_000_000)}","currency":"${v.pick(CURRENCIES)}"` +
      `,"is_favorite":${v.int(2) === 0},"status":"active"` +
      `,"created_at":"${v.time()}","updated_at":"${v.time()}"`,
  ),
];
