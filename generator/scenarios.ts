/**
 * What happens in a bank. Each scenario is one source transaction: the rows it changes, in order.
 * Making one changes the {@linkcode Bank} at once, as if it were committed already; whoever fails
 * to commit it must load the bank again.
 *
 * The invariant: a scenario that moves money takes it from one wallet and gives it to another, so
 * `select sum(balance) from wallets` is 0 after every commit. Deposits come from the clearing
 * wallet of their currency, and card payments go to it.
 */
import { literal } from "../src/catalog/catalog.ts";
import { type Bank, money, type Wallet } from "./bank.ts";
import { type Clock, timestamp } from "./clock.ts";
import { accountNumber, insert, Ledger, touch } from "./ledger.ts";
import type { Country, People } from "./people.ts";
import type { Random } from "./random.ts";
import type { Change, TableName, Value } from "./tables.ts";

/** How often each kind is chosen, in parts of their sum. */
const WEIGHTS = {
  transfer: 31,
  card_payment: 28,
  deposit: 10,
  read_notification: 13,
  delete_notification: 4,
  add_beneficiary: 4,
  remove_beneficiary: 2,
  change_profile: 4,
  sign_up: 1,
  reversal: 3,
} as const;

/** Kinds of transactions; `open_bank` is the first of all. */
export type Kind = keyof typeof WEIGHTS | "open_bank";

/** One source transaction. */
export interface Scenario {
  readonly kind: Kind;
  readonly changes: readonly Change[];
  /** An SQL condition that holds if, and only if, it was committed. */
  readonly proof: string;
}

/** How much busier the first customers are than the others ({@linkcode Random.zipf}). */
const ACTIVITY_SKEW = 0.8;
const SAVINGS_SHARE = 0.15;
const TAGS = ["student", "premium", "salary", "joint", "newsletter", "traveller"];

/** Thinks up transactions, one after the other. */
export class Teller {
  readonly #ledger: Ledger;

  constructor(
    private readonly bank: Bank,
    private readonly random: Random,
    private readonly people: People,
    private readonly clock: Clock,
  ) {
    this.#ledger = new Ledger(bank, random, people);
  }

  /** The next transaction of everyday business. */
  next(): Scenario {
    if (this.bank.customers.length === 0) return this.openBank() ?? this.signUp();
    switch (this.random.weighted(WEIGHTS)) {
      case "transfer":
        return this.transfer();
      case "card_payment":
        return this.cardPayment();
      case "deposit":
        return this.deposit();
      case "read_notification":
        return this.readNotification() ?? this.transfer();
      case "delete_notification":
        return this.deleteNotification() ?? this.cardPayment();
      case "add_beneficiary":
        return this.addBeneficiary();
      case "remove_beneficiary":
        return this.removeBeneficiary() ?? this.addBeneficiary();
      case "change_profile":
        return this.changeProfile();
      case "sign_up":
        return this.signUp();
      case "reversal":
        return this.reversal() ?? this.transfer();
    }
  }

  /** The clearing wallets that are missing, or undefined when all are there. */
  openBank(): Scenario | undefined {
    const missing = this.people.currencies().filter((currency) => !this.bank.clearing(currency));
    if (missing.length === 0) return undefined;
    const at = timestamp(this.clock.next());
    const changes = missing.map((currency) =>
      this.#ledger.openWallet(
        "clearing",
        { userId: null, owner: `Clearing ${currency}`, currency, locale: "" },
        at,
      )
    );
    return { kind: "open_bank", changes, proof: present(changes[0]) };
  }

  /** A new customer: a user, a wallet or two, and a welcome. */
  signUp(): Scenario {
    const { random, people } = this;
    const at = timestamp(this.clock.next());
    const country = people.somewhere(random);
    const id = random.uuid();
    const person = people.somebody(country, id, random);
    const user = insert("users", {
      id,
      full_name: person.name,
      email: person.email,
      phone: person.phone,
      birth_date: person.birthDate,
      country: country.country,
      locale: country.locale,
      address: people.address(country, random),
      kyc_level: String(random.whole(1, 3)),
      status: "active",
      marketing_consent: String(random.chance(0.4)),
      tags: `{${TAGS.filter(() => random.chance(0.15)).join(",")}}`,
      created_at: at,
      updated_at: at,
    });
    const { currency, locale } = country;
    const holder = { userId: id, owner: person.name, currency, locale };
    const changes: Change[] = [
      user,
      this.#ledger.openWallet("current", holder, at),
    ];
    if (random.chance(SAVINGS_SHARE)) {
      changes.push(this.#ledger.openWallet("savings", holder, at));
    }
    const text = fillIn(country.welcome, person.name);
    changes.push(this.#ledger.notify("welcome", id, { text }, at));
    return { kind: "sign_up", changes, proof: present(user) };
  }

  /** From one customer to another; a deposit if the first has too little, or nobody to pay. */
  transfer(): Scenario {
    const from = this.#customer();
    const others = this.bank.inCurrency(from.currency);
    const to = others[this.random.zipf(others.length, ACTIVITY_SKEW)];
    const country = this.people.country(from.locale);
    const cents = this.#amount(country, 40, 1.1);
    if (to === from || cents > from.cents) return this.deposit(from);
    const at = timestamp(this.clock.next());
    const note = this.random.pick(country.notes);
    const { movement, changes } = this.#ledger.move("transfer", { from, to, cents }, {
      description: note,
      metadata: {
        channel: this.random.pick(["app", "web", "standing_order"]),
        ip: `203.0.113.${this.random.whole(1, 254)}`,
      },
    }, at);
    if (to.userId !== from.userId) {
      const text = fillIn(
        this.people.country(to.locale).moneyIn,
        from.owner,
        cents,
        from.currency,
      );
      const payload = { amount: money(cents), currency: from.currency, note };
      changes.push(
        this.#ledger.notify("money_in", to.userId!, { text, payload, leg: movement.toLeg }, at),
      );
    }
    return { kind: "transfer", changes, proof: present(changes[0]) };
  }

  /** From a customer to the clearing wallet; a deposit if the customer has too little. */
  cardPayment(): Scenario {
    const from = this.#customer();
    const country = this.people.country(from.locale);
    const cents = this.#amount(country, 18, 0.9);
    if (cents > from.cents) return this.deposit(from);
    const at = timestamp(this.clock.next());
    const shop = this.random.pick(country.shops);
    const { movement, changes } = this.#ledger.move("card_payment", {
      from,
      to: this.#clearing(from),
      cents,
    }, {
      description: shop,
      merchant: shop,
      metadata: {
        card: `**** ${this.random.digits(4)}`,
        mcc: this.random.pick(["5411", "5812", "5541", "4111", "5999"]),
        city: this.random.pick(country.cities),
        contactless: this.random.chance(0.8),
      },
    }, at);
    if (this.random.chance(0.4)) {
      const text = fillIn(country.moneyOut, shop, cents, from.currency);
      const payload = { amount: money(-cents), currency: from.currency, shop };
      changes.push(
        this.#ledger.notify(
          "money_out",
          from.userId!,
          { text, payload, leg: movement.fromLeg },
          at,
        ),
      );
    }
    return { kind: "card_payment", changes, proof: present(changes[0]) };
  }

  /** From the clearing wallet to a customer. */
  deposit(to: Wallet = this.#customer()): Scenario {
    const country = this.people.country(to.locale);
    const cents = this.#amount(country, 900, 0.5);
    const at = timestamp(this.clock.next());
    const employer = this.random.pick(country.shops);
    const { movement, changes } = this.#ledger.move("deposit", {
      from: this.#clearing(to),
      to,
      cents,
    }, {
      description: country.salary,
      metadata: { channel: "bank_transfer", originator: employer },
    }, at);
    const text = fillIn(country.moneyIn, employer, cents, to.currency);
    const payload = { amount: money(cents), currency: to.currency };
    changes.push(
      this.#ledger.notify("money_in", to.userId!, { text, payload, leg: movement.toLeg }, at),
    );
    return { kind: "deposit", changes, proof: present(changes[0]) };
  }

  /** Takes a recent movement back; undefined if there is none, or its receiver has too little. */
  reversal(): Scenario | undefined {
    const taken = this.bank.reversible.take(this.random.fraction());
    if (!taken) return undefined;
    if (taken.to.userId !== null && taken.to.cents < taken.cents) return undefined;
    const at = timestamp(this.clock.next());
    const { movement, changes } = this.#ledger.move("reversal", {
      from: taken.to,
      to: taken.from,
      cents: taken.cents,
    }, {
      description: `Reversal of ${taken.fromLeg}`,
      metadata: { reason: this.random.pick(["mistake", "fraud", "returned_goods"]) },
      reverses: taken,
    }, at);
    for (const leg of [taken.fromLeg, taken.toLeg]) {
      changes.push(touch("update", "transactions", "mark_reversed", leg, at));
    }
    const country = this.people.country(taken.from.locale);
    const text = fillIn(country.reversal, "", taken.cents, taken.from.currency);
    changes.push(
      this.#ledger.notify("reversal", taken.from.userId!, { text, leg: movement.toLeg }, at),
    );
    return { kind: "reversal", changes, proof: present(changes[0]) };
  }

  /** Reads one of the newest notifications; undefined if all are read. */
  readNotification(): Scenario | undefined {
    const note = this.bank.unread.take(this.random.fraction());
    if (!note) return undefined;
    const at = timestamp(this.clock.next());
    return {
      kind: "read_notification",
      changes: [touch("update", "notifications", "read_notification", note.id, at)],
      proof: holds("notifications", note.id, `read_at = ${literal(at)}`),
    };
  }

  /** Deletes one of the newest notifications; undefined if there is none. */
  deleteNotification(): Scenario | undefined {
    const note = this.bank.unread.take(this.random.fraction());
    if (!note) return undefined;
    return {
      kind: "delete_notification",
      changes: [touch("delete", "notifications", "delete_notification", note.id)],
      proof: "not " + holds("notifications", note.id),
    };
  }

  /** A customer notes down another customer, or somebody at another bank. */
  addBeneficiary(): Scenario {
    const { random } = this;
    const owner = this.#customer();
    const at = timestamp(this.clock.next());
    const here = random.chance(0.7) ? this.#customer() : undefined;
    const country = here ? this.people.country(here.locale) : this.people.somewhere(random);
    const id = random.uuid();
    const added = insert("beneficiaries", {
      id,
      user_id: owner.userId,
      wallet_id: here?.id ?? null,
      name: here?.owner ?? this.people.somebody(country, id, random).name,
      nickname: random.chance(0.3)
        ? random.pick(["❤️", "Mum", "السكن", "Кава ☕", "大家", "家主"])
        : null,
      account_number: here?.accountNumber ?? accountNumber(country.country, random),
      currency: here?.currency ?? country.currency,
      is_favorite: String(random.chance(0.2)),
      status: "active",
      created_at: at,
      updated_at: at,
    });
    this.bank.beneficiaries.add({ id, userId: owner.userId! });
    return { kind: "add_beneficiary", changes: [added], proof: present(added) };
  }

  /** Removes one of the newest beneficiaries; undefined if there is none. */
  removeBeneficiary(): Scenario | undefined {
    const known = this.bank.beneficiaries.take(this.random.fraction());
    if (!known) return undefined;
    return {
      kind: "remove_beneficiary",
      changes: [touch("delete", "beneficiaries", "delete_beneficiary", known.id)],
      proof: "not " + holds("beneficiaries", known.id),
    };
  }

  /** A new telephone number, address or daily limit. */
  changeProfile(): Scenario {
    const { random, people } = this;
    const who = this.#customer();
    const country = people.country(who.locale);
    const at = timestamp(this.clock.next());
    const what = random.pick(["change_phone", "change_address", "change_limit"] as const);
    const [table, id] = what === "change_limit"
      ? ["wallets", who.id] as const
      : ["users", who.userId!] as const;
    const value = what === "change_phone"
      ? people.phone(country, random)
      : what === "change_address"
      ? people.address(country, random)
      : money(100_000 * random.whole(1, 50) * country.units);
    return {
      kind: "change_profile",
      changes: [touch("update", table, what, id, value, at)],
      proof: holds(table, id, `updated_at = ${literal(at)}`),
    };
  }

  #customer(): Wallet {
    const { customers } = this.bank;
    return customers[this.random.zipf(customers.length, ACTIVITY_SKEW)];
  }

  #clearing(wallet: Wallet): Wallet {
    const clearing = this.bank.clearing(wallet.currency);
    if (!clearing) throw new Error(`no clearing wallet for ${wallet.currency}`);
    return clearing;
  }

  /** A plausible amount, in hundredths of the country's currency. At least the smallest coin. */
  #amount(country: Country, medianEuros: number, sigma: number): number {
    const cents = this.random.logNormal(medianEuros * 100 * country.units, sigma);
    return Math.max(1, Math.round(cents / country.smallest)) * country.smallest;
  }
}

function fillIn(template: string, name: string, cents = 0, currency = ""): string {
  return template.replace("{name}", () => name)
    .replace("{amount}", () => `${money(cents)} ${currency}`);
}

/** SQL: the inserted row is there. */
function present(change: Change): string {
  if (change.op !== "insert") throw new Error(`a proof by a row that is not inserted`);
  return holds(change.table, (change.row as Record<string, Value>).id!);
}

/** SQL: the row with this id is there, and the condition holds for it. */
function holds(table: TableName, id: string, condition = "true"): string {
  return `exists (select from public.${table} where id = ${literal(id)} and ${condition})`;
}
