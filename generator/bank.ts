/**
 * What the generator remembers of the database, to write what makes sense: nobody pays what they
 * don't have, and only what is there is reversed, read or removed. Everything in it is bounded:
 * a bank with more customers than {@linkcode WALLETS_MAX} goes on, and the later ones stay idle.
 */

/** How many wallets take part in the traffic (some 300 bytes each). */
export const WALLETS_MAX = 100_000;
/** How many of the newest notifications, beneficiaries and movements are remembered. */
export const RECENT_MAX = 4096;

/** A wallet and its owner. */
export interface Wallet {
  readonly id: string;
  /** Null for a clearing wallet of the bank. */
  readonly userId: string | null;
  readonly accountNumber: string;
  readonly currency: string;
  /** The owner's locale and name; of a clearing wallet, the bank's. */
  readonly locale: string;
  readonly owner: string;
  /** Balance in hundredths of the currency; below 2⁵³, as numeric(18,2) nearly is. */
  cents: number;
}

/** A movement of money: `cents` from one wallet to the other, as two legs. */
export interface Movement {
  readonly from: Wallet;
  readonly to: Wallet;
  readonly cents: number;
  /** The rows of `transactions`. */
  readonly fromLeg: string;
  readonly toLeg: string;
}

/** A row that belongs to a user. */
export interface Owned {
  readonly id: string;
  readonly userId: string;
}

/** The state. Customers are in the order of their activity, the busiest first. */
export class Bank {
  readonly customers: Wallet[] = [];
  readonly unread = new Recent<Owned>(RECENT_MAX);
  readonly beneficiaries = new Recent<Owned>(RECENT_MAX);
  readonly reversible = new Recent<Movement>(RECENT_MAX);
  readonly #byId = new Map<string, Wallet>();
  readonly #byCurrency = new Map<string, Wallet[]>();
  readonly #clearing = new Map<string, Wallet>();

  /** Remembers a wallet; a customer's only while there is room. */
  add(wallet: Wallet): void {
    if (wallet.userId === null) this.#clearing.set(wallet.currency, wallet);
    else {
      if (this.customers.length >= WALLETS_MAX) return;
      this.customers.push(wallet);
      const same = this.#byCurrency.get(wallet.currency);
      if (same) same.push(wallet);
      else this.#byCurrency.set(wallet.currency, [wallet]);
    }
    this.#byId.set(wallet.id, wallet);
  }

  wallet(id: string): Wallet | undefined {
    return this.#byId.get(id);
  }

  /** The customers' wallets of a currency, the busiest first. */
  inCurrency(currency: string): readonly Wallet[] {
    return this.#byCurrency.get(currency) ?? [];
  }

  /** The bank's own wallet of a currency, or undefined before it has one. */
  clearing(currency: string): Wallet | undefined {
    return this.#clearing.get(currency);
  }
}

/** A bag of at most `max` things, in which a new one takes the place of an old one. */
export class Recent<T> {
  readonly #items: T[] = [];
  #next = 0;

  constructor(readonly max: number) {}

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    if (this.#items.length < this.max) this.#items.push(item);
    else {
      this.#items[this.#next] = item;
      this.#next = (this.#next + 1) % this.max;
    }
  }

  /** Takes out one, by a number from 0 up to, but not including, 1. */
  take(fraction: number): T | undefined {
    if (this.#items.length === 0) return undefined;
    const at = Math.floor(fraction * this.#items.length);
    const item = this.#items[at];
    const last = this.#items.pop()!;
    if (at < this.#items.length) this.#items[at] = last;
    this.#next = 0;
    return item;
  }
}

/** Hundredths as PostgreSQL's text of a numeric(18,2). */
export function money(cents: number): string {
  const size = Math.abs(cents);
  const rest = size % 100;
  return `${cents < 0 ? "-" : ""}${(size - rest) / 100}.${rest < 10 ? "0" : ""}${rest}`;
}
