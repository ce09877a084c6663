/**
 * The countries whose people bank with us: their names and places from faker, their money, and
 * what the bank writes to them, in their own script. All amounts are in hundredths of the currency.
 */
import type { Faker } from "@faker-js/faker";
import { faker as ar } from "@faker-js/faker/locale/ar";
import { faker as de } from "@faker-js/faker/locale/de";
import { faker as en } from "@faker-js/faker/locale/en_GB";
import { faker as es } from "@faker-js/faker/locale/es";
import { faker as fr } from "@faker-js/faker/locale/fr";
import { faker as ja } from "@faker-js/faker/locale/ja";
import { faker as uk } from "@faker-js/faker/locale/uk";
import { faker as zh } from "@faker-js/faker/locale/zh_CN";

/** What is fixed about a country. In texts, `{name}` and `{amount}` are filled in. */
export interface Locale {
  readonly faker: Faker;
  readonly locale: string;
  readonly country: string;
  readonly currency: string;
  /** About how many units of the currency buy what one euro does. */
  readonly units: number;
  /** Amounts are multiples of this many hundredths. */
  readonly smallest: number;
  readonly dialling: string;
  /** Family name first, without a space. */
  readonly familyFirst: boolean;
  /** How many of a hundred customers live here. */
  readonly share: number;
  readonly notes: readonly string[];
  readonly salary: string;
  readonly welcome: string;
  readonly moneyIn: string;
  readonly moneyOut: string;
  readonly reversal: string;
}

const EURO_LIKE = { familyFirst: false, units: 1, smallest: 1 };

/** Every country, the largest first. */
export const LOCALES: readonly Locale[] = [
  {
    ...EURO_LIKE,
    faker: fr,
    locale: "fr-FR",
    country: "FR",
    currency: "EUR",
    dialling: "+33",
    share: 22,
    notes: [
      "Loyer février",
      "Merci pour le dîner 🍷",
      "Crèche",
      "Pour le cadeau de Zoë 🎁",
      "Péage",
    ],
    salary: "Virement de salaire",
    welcome: "Bienvenue, {name} !",
    moneyIn: "Vous avez reçu {amount} de {name}",
    moneyOut: "Paiement de {amount} chez {name}",
    reversal: "{amount} vous ont été remboursés",
  },
  {
    ...EURO_LIKE,
    faker: de,
    locale: "de-DE",
    country: "DE",
    currency: "EUR",
    dialling: "+49",
    share: 18,
    notes: [
      "Miete März",
      "Danke fürs Mitnehmen 🚗",
      "Müsli & Brötchen",
      "Grüße aus Köln",
      "Rückzahlung",
    ],
    salary: "Lohn und Gehalt",
    welcome: "Willkommen, {name}!",
    moneyIn: "Sie haben {amount} von {name} erhalten",
    moneyOut: "Zahlung von {amount} bei {name}",
    reversal: "Ihnen wurden {amount} zurückgezahlt",
  },
  {
    ...EURO_LIKE,
    faker: en,
    locale: "en-GB",
    country: "GB",
    currency: "GBP",
    dialling: "+44",
    share: 16,
    notes: [
      "Rent",
      "Pizza night 🍕",
      "Thanks for the tickets! 🎟️",
      "Half of the taxi",
      "It's your round 🍻",
    ],
    salary: "Salary",
    welcome: "Welcome, {name}!",
    moneyIn: "You received {amount} from {name}",
    moneyOut: "You paid {amount} at {name}",
    reversal: "{amount} were refunded to you",
  },
  {
    ...EURO_LIKE,
    faker: es,
    locale: "es-ES",
    country: "ES",
    currency: "EUR",
    dialling: "+34",
    share: 14,
    notes: [
      "Alquiler",
      "¡Feliz cumpleaños! 🎂",
      "Cena del sábado",
      "Matrícula del niño",
      "Paella 🥘",
    ],
    salary: "Nómina",
    welcome: "¡Te damos la bienvenida, {name}!",
    moneyIn: "Has recibido {amount} de {name}",
    moneyOut: "Has pagado {amount} en {name}",
    reversal: "Te han devuelto {amount}",
  },
  {
    faker: ar,
    locale: "ar-AE",
    country: "AE",
    currency: "AED",
    units: 4,
    smallest: 1,
    dialling: "+971",
    familyFirst: false,
    share: 10,
    notes: ["إيجار الشهر", "شكرًا جزيلًا 🌹", "عيد مبارك 🌙", "فاتورة الكهرباء", "هدية"],
    salary: "تحويل الراتب",
    welcome: "مرحبًا {name}!",
    moneyIn: "استلمت {amount} من {name}",
    moneyOut: "دفعت {amount} إلى {name}",
    reversal: "تمت إعادة {amount} إليك",
  },
  {
    faker: uk,
    locale: "uk-UA",
    country: "UA",
    currency: "UAH",
    units: 45,
    smallest: 1,
    dialling: "+380",
    familyFirst: false,
    share: 8,
    notes: ["За оренду", "Дякую! 💛💙", "Обід", "На подарунок 🎁", "Таксі"],
    salary: "Заробітна плата",
    welcome: "Ласкаво просимо, {name}!",
    moneyIn: "Ви отримали {amount} від {name}",
    moneyOut: "Ви сплатили {amount}: {name}",
    reversal: "Вам повернуто {amount}",
  },
  {
    faker: zh,
    locale: "zh-CN",
    country: "CN",
    currency: "CNY",
    units: 8,
    smallest: 1,
    dialling: "+86",
    familyFirst: true,
    share: 7,
    notes: ["房租", "谢谢你的晚饭🍜", "新年快乐🧧", "水电费", "一起打车"],
    salary: "工资",
    welcome: "欢迎您，{name}！",
    moneyIn: "您收到{name}转来的{amount}",
    moneyOut: "您在{name}支付了{amount}",
    reversal: "{amount}已退还给您",
  },
  {
    faker: ja,
    locale: "ja-JP",
    country: "JP",
    currency: "JPY",
    units: 160,
    smallest: 100,
    dialling: "+81",
    familyFirst: true,
    share: 5,
    notes: ["家賃", "ごちそうさまでした🍣", "お誕生日おめでとう🎉", "電気代", "割り勘ラーメン🍥"],
    salary: "給与振込",
    welcome: "{name}様、ようこそ！",
    moneyIn: "{name}様から{amount}の入金がありました",
    moneyOut: "{name}で{amount}のお支払いがありました",
    reversal: "{amount}が返金されました",
  },
];
