/** The bank's five tables with a few rows, for capture.ts. */
export const BANK = await Deno.readTextFile(new URL("../../sql/schema.sql", import.meta.url));

/** One customer with a row in every table, as one transaction; `n` tells it from the others. */
export function bankRows(n: number): string {
  const id = (kind: number) => `'00000000-0000-4000-8000-${`${kind}${n}`.padStart(12, "0")}'`;
  const [user, wallet, clearing, leg, leg2, movement] = [1, 2, 3, 4, 5, 6].map(id);
  return `
    INSERT INTO users VALUES (${user}, 'Zoë O''Neill “Z” \\ ${n}', 'z${n}@example.com', '+44 20 7946 0${n}',
      '1990-02-28', 'GB', 'en-GB', '{"city": "London", "lines": ["1 \\"A\\" Road"]}', 2, 'active', true,
      '{new,"with, comma"}', '2026-11-23T13:22:55.5638Z', '2026-11-23T13:22:55Z');
    INSERT INTO wallets VALUES
      (${wallet}, ${user}, 'GB00${n}', 'current', 'Everyday', 'GBP', 10.50, 1000.00),
      (${clearing}, NULL, 'CLEAR${n}', 'clearing', 'Clearing GBP', 'GBP', -10.50, NULL);
    INSERT INTO transactions (id, movement_id, wallet_id, counterparty_wallet_id, kind, amount, currency,
      balance_after, description, value_date) VALUES
      (${leg}, ${movement}, ${wallet}, ${clearing}, 'deposit', 10.50, 'GBP', 10.50, 'Pay', '2026-11-23'),
      (${leg2}, ${movement}, ${clearing}, ${wallet}, 'deposit', -10.50, 'GBP', -10.50, 'Pay', '2026-11-23');
    INSERT INTO notifications VALUES (${
    id(7)
  }, ${user}, ${leg}, 'money_in', 'push', 'You have money',
      E'Line one\\nline two\\tand a tab', '{"amount": 10.50}', NULL, '0044-03-15 12:00:00Z');
    INSERT INTO beneficiaries VALUES (${
    id(8)
  }, ${user}, ${wallet}, 'Zoë', NULL, 'GB00${n}', 'GBP');`;
}
