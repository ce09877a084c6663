/** How much the bank of `deno task dev` does: enough to watch, and light on a laptop. */
import { isEmpty } from "../../generator/database.ts";
import { connect } from "../source/postgres/connect.ts";

/** Rows for an empty bank, before `serve` starts, so that there is a snapshot to take. */
export const SEED_ARGS = ["--bulk=50000", "--no-live"];

/** Beside `serve`, until Ctrl-C. */
export const TRAFFIC_ARGS = ["--rate=20"];

/** Whether the bank's tables are missing, or hold no row. */
export async function needsSeed(url: string): Promise<boolean> {
  const client = await connect(url, { applicationName: "sluice-dev" });
  try {
    const { rows } = await client.query("SELECT to_regclass('public.beneficiaries') AS last");
    return rows[0].last === null || await isEmpty(client);
  } finally {
    await client.end();
  }
}
