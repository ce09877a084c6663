/**
 * The rows that several scenarios have in common: wallets, movements of money and notifications.
 * Each is made and remembered in one go, so that the bank's balances are those of the rows.
 */
import { type Bank, money, type Movement, type Wallet } from "./bank.ts";
import type { People } from "./people.ts";
import type { Random } from "./random.ts";
import type { Change, Insert, Row, TableName, Touch } from "./tables.ts";

/** Kinds of movements. */
export type MoneyKind = "transfer" | "card_payment" | "deposit" | "reversal";

/** What a movement is about. */
export interface About {
  readonly description: string;
  readonly merchant?: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The movement that this one takes back. */
  readonly reverses?: Movement;
}

/** What a notification says. */
export interface Message {
  readonly text: string;
  readonly payload?: Readonly<Record<string, unknown>>;
  /** The row of `transactions` that it is about. */
  readonly leg?: string;
}

const CHANNELS = ["push", "push", "push", "push", "email", "sms"];
const TITLES = { welcome: "👋", money_in: "💶 +", money_out: "💳 −", reversal: "↩️" };

/** Makes rows, and keeps the bank in step with them. */
export class Ledger {
  constructor(
    readonly bank: Bank,
    private readonly random: Random,
    private readonly people: People,
  ) {}

  /** An empty wallet; without a user, a clearing wallet. */
  openWallet(
    kind: "current" | "savings" | "clearing",
    holder: Pick<Wallet, "userId" | "owner" | "currency" | "locale">,
    at: string,
  ): Insert<"wallets"> {
    const { userId, owner, currency, locale } = holder;
    const id = this.random.uuid();
    const country = userId === null ? "XX" : this.people.country(locale).country;
    const number = accountNumber(country, this.random);
    this.bank.add({ ...holder, id, accountNumber: number, cents: 0 });
    return insert("wallets", {
      id,
      user_id: userId,
      account_number: number,
      kind,
      name: kind === "savings" ? "Savings 🐖" : owner,
      currency,
      balance: "0.00",
      daily_limit: kind === "current" ? money(200_000 * this.people.country(locale).units) : null,
      status: "active",
      version: "0",
      created_at: at,
      updated_at: at,
    });
  }

  /** Both legs and both balances of a movement. The first change is the leg that is taken. */
  move(
    kind: MoneyKind,
    { from, to, cents }: Pick<Movement, "from" | "to" | "cents">,
    about: About,
    at: string,
  ): { movement: Movement; changes: Change[] } {
    const { random } = this;
    const movementId = random.uuid();
    const movement = { from, to, cents, fromLeg: random.uuid(), toLeg: random.uuid() };
    from.cents -= cents;
    to.cents += cents;
    const shared = {
      movement_id: movementId,
      kind,
      currency: from.currency,
      status: "booked",
      description: about.description,
      merchant: about.merchant ?? null,
      metadata: JSON.stringify(about.metadata),
      value_date: at.slice(0, 10),
      created_at: at,
      updated_at: at,
    };
    // A reversal's legs run the other way: what it takes is what the receiver was given.
    const changes: Change[] = [
      insert("transactions", {
        ...shared,
        id: movement.fromLeg,
        wallet_id: from.id,
        counterparty_wallet_id: to.id,
        amount: money(-cents),
        balance_after: money(from.cents),
        reversal_of: about.reverses?.toLeg ?? null,
      }),
      insert("transactions", {
        ...shared,
        id: movement.toLeg,
        wallet_id: to.id,
        counterparty_wallet_id: from.id,
        amount: money(cents),
        balance_after: money(to.cents),
        reversal_of: about.reverses?.fromLeg ?? null,
      }),
      touch("update", "wallets", "move_balance", from.id, money(-cents), at),
      touch("update", "wallets", "move_balance", to.id, money(cents), at),
    ];
    if (kind === "transfer" || kind === "card_payment") this.bank.reversible.add(movement);
    return { movement, changes };
  }

  /** An unread notification. */
  notify(kind: keyof typeof TITLES, userId: string, message: Message, at: string): Insert<
    "notifications"
  > {
    const id = this.random.uuid();
    this.bank.unread.add({ id, userId });
    return insert("notifications", {
      id,
      user_id: userId,
      transaction_id: message.leg ?? null,
      kind,
      channel: this.random.pick(CHANNELS),
      title: TITLES[kind],
      body: message.text,
      payload: JSON.stringify(message.payload ?? {}),
      read_at: null,
      created_at: at,
    });
  }
}

/** Like an IBAN: the country, two digits, then the account. */
export function accountNumber(country: string, random: Random): string {
  return country + random.digits(20);
}

/** Inserts a row. */
export function insert<T extends TableName>(table: T, row: Row<T>): Insert<T> {
  return { op: "insert", table, row };
}

/** Runs a statement on one row. */
export function touch(
  op: Touch["op"],
  table: TableName,
  statement: Touch["statement"],
  ...values: string[]
): Touch {
  return { op, table, statement, values };
}
