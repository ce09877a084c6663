/**
 * Plausible people, places and shops. faker fills a pool of each once, from the seed; rows then
 * only pick from the pools, which is what makes a bulk load fast.
 */
import { type Locale, LOCALES } from "./locales.ts";
import type { Random } from "./random.ts";

/** What the generator knows about a country. */
export interface Country extends Locale {
  readonly givenNames: readonly string[];
  readonly familyNames: readonly string[];
  readonly streets: readonly string[];
  readonly cities: readonly string[];
  readonly shops: readonly string[];
}

/** A person, made up. */
export interface Person {
  readonly name: string;
  readonly email: string;
  readonly phone: string;
  readonly birthDate: string;
}

const GIVEN_NAMES = 300;
const FAMILY_NAMES = 300;
const STREETS = 150;
const CITIES = 60;
const SHOPS = 80;

/** Pools of every country. */
export class People {
  readonly countries: readonly Country[];
  readonly #byLocale: ReadonlyMap<string, Country>;
  readonly #shares: Record<string, number>;

  constructor(seed: number) {
    this.countries = LOCALES.map((locale) => fill(locale, seed));
    this.#byLocale = new Map(this.countries.map((country) => [country.locale, country]));
    this.#shares = Object.fromEntries(LOCALES.map(({ locale, share }) => [locale, share]));
  }

  /** The country of a locale; the first for one that is not ours. */
  country(locale: string): Country {
    return this.#byLocale.get(locale) ?? this.countries[0];
  }

  /** The currencies that customers have. */
  currencies(): string[] {
    return [...new Set(this.countries.map((country) => country.currency))];
  }

  /** Where the next customer comes from. */
  somewhere(random: Random): Country {
    return this.country(random.weighted(this.#shares));
  }

  /** Somebody from `country`. `id` makes the address of the mail unique. */
  somebody(country: Country, id: string, random: Random): Person {
    const given = random.pick(country.givenNames);
    const family = random.pick(country.familyNames);
    const handle = latin(`${given}.${family}`) || "customer";
    const birthDate = `${random.whole(1945, 2007)}-${two(random.whole(1, 12))}-` +
      two(random.whole(1, 28));
    return {
      name: country.familyFirst ? family + given : `${given} ${family}`,
      email: `${handle}.${id.slice(24)}@example.${random.pick(["com", "org", "net"])}`,
      phone: this.phone(country, random),
      birthDate,
    };
  }

  /** A telephone number of `country`. */
  phone(country: Country, random: Random): string {
    return country.dialling + random.whole(6, 9) + random.digits(8);
  }

  /** An address in `country`, as JSON. */
  address(country: Country, random: Random): string {
    return JSON.stringify({
      street: `${random.pick(country.streets)} ${random.whole(1, 180)}`,
      city: random.pick(country.cities),
      postcode: random.digits(5),
      country: country.country,
    });
  }
}

function fill(locale: Locale, seed: number): Country {
  const { faker } = locale;
  faker.seed([seed, LOCALES.indexOf(locale)]);
  return {
    ...locale,
    givenNames: pool(GIVEN_NAMES, () => faker.person.firstName()),
    familyNames: pool(FAMILY_NAMES, () => faker.person.lastName()),
    streets: pool(STREETS, () => faker.location.street()),
    cities: pool(CITIES, () => faker.location.city()),
    shops: pool(SHOPS, () => faker.company.name()),
  };
}

function pool(size: number, make: () => string): string[] {
  return Array.from({ length: size }, make);
}

/** What is left of `text` in plain Latin letters, for a mail address. */
function latin(text: string): string {
  const plain = text.normalize("NFD").toLowerCase().replace(/[^a-z.]/g, "");
  return plain.replace(/^\.+|\.+$/g, "");
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
