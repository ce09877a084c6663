/** How `check` judges what it has read of the source. All pure: facts in, findings out. */
import { identifier, tableName } from "../../catalog/catalog.ts";
import { fail, type Finding, ok, warn } from "../../catalog/finding.ts";
import type { Catalog } from "../../catalog/postgres.ts";
import { formatLsn } from "../position.ts";
import type { SlotState } from "./slot.ts";
import type { Target } from "./target.ts";

/** Judges how the connection is protected. `tls`: whether it came up with TLS. */
export function tlsFindings(target: Target, tls: boolean): Finding[] {
  const about = "sslmode";
  const findings: Finding[] = [];
  if (target.sslRootCert !== undefined && ["disable", "prefer"].includes(target.sslMode)) {
    findings.push(warn(
      about,
      `sslrootcert is without effect with sslmode=${target.sslMode}`,
      "Set sslmode=verify-full.",
    ));
  }
  const verified = target.sslMode.startsWith("verify") ||
    (target.sslMode === "require" && target.sslRootCert !== undefined);
  const used = `${target.sslMode}: ${tls ? "encrypted" : "not encrypted"}`;
  if (isLoopback(target.host) || (tls && verified)) {
    return [...findings, ok(about, tls && verified ? `${used}, server verified` : used)];
  }
  findings.push(warn(
    about,
    tls
      ? `${used}, but anyone in between could pose as the server`
      : `${used}: password and data can be read on the way`,
    "Set ?sslmode=verify-full&sslrootcert=<file.pem> in SLUICE_DATABASE_URL.",
  ));
  return findings;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

/** Judges our slot. `hasWarehouse`: there is a warehouse file that may have a position in it. */
export function slotFindings(
  name: string,
  slot: SlotState | undefined,
  database: string,
  hasWarehouse: boolean,
): Finding[] {
  const about = "slot";
  if (slot === undefined) {
    if (!hasWarehouse) return [ok(about, `serve creates ${name}`)];
    return [warn(
      about,
      `there is no slot ${name}, although there is a warehouse: unless its first snapshot was ` +
        "cut off, the changes since its position are gone",
      "Take a new snapshot: `deno task serve --resnapshot`.",
    )];
  }
  if (slot.plugin !== "pgoutput" || slot.database !== database) {
    return [fail(
      about,
      `${name} is another one's: of plugin ${slot.plugin} and database ${slot.database}`,
      "Set SLUICE_SLOT to another name.",
    )];
  }
  if (slot.walStatus === "lost") {
    return [fail(
      about,
      `${name} has lost WAL that Sluice still needed (wal_status lost)`,
      "Take a new snapshot: `deno task serve --resnapshot`; and raise max_slot_wal_keep_size.",
    )];
  }
  const findings: Finding[] = [];
  if (slot.walStatus === "unreserved") {
    findings.push(warn(
      about,
      `${name} is about to lose WAL that Sluice still needs (wal_status unreserved)`,
      "Start Sluice now, or raise max_slot_wal_keep_size; then SELECT pg_reload_conf();",
    ));
  }
  if (slot.active) {
    findings.push(warn(
      about,
      `${name} is in use by server process ${slot.activePid}: a Sluice that runs, or another's`,
      "Nothing, if it is meant to run; else give each its own SLUICE_SLOT.",
    ));
  } else if (!hasWarehouse) {
    findings.push(fail(
      about,
      `${name} exists already, and there is no warehouse that it belongs to`,
      "If the warehouse was deleted, run `deno task serve --resnapshot`, which drops the slot; if " +
        "another Sluice uses it, set SLUICE_SLOT to another name.",
    ));
  }
  if (findings.length === 0) {
    findings.push(ok(about, `${name} is there, confirmed to ${formatLsn(slot.confirmedLsn)}`));
  }
  return findings;
}

/** Judges the tables: rights, row-level security, what is left out, what differs. */
export function tableFindings(catalog: Catalog, user: string): Finding[] {
  const findings: Finding[] = [];
  const role = identifier(user);
  for (const table of catalog.tables) {
    const about = tableName(table);
    const { mayRead, rowSecurity, rowsEstimated, partitioned } = catalog.facts.get(about)!;
    const sql = `${identifier(table.schema)}.${identifier(table.name)}`;
    if (!mayRead) {
      findings.push(fail(
        about,
        `${user} may not read it`,
        `GRANT USAGE ON SCHEMA ${identifier(table.schema)} TO ${role}; GRANT SELECT ON ${sql} ` +
          `TO ${role};`,
      ));
    }
    if (rowSecurity) {
      findings.push(fail(
        about,
        `row-level security hides rows from ${user}, so a snapshot would lack them`,
        `ALTER ROLE ${role} BYPASSRLS; or leave the table out of SLUICE_TABLES.`,
      ));
    }
    if (mayRead && !rowSecurity) {
      const key = table.key.map((index) => table.columns[index].name).join(", ");
      const rows = rowsEstimated < 0 ? "size not known" : `about ${Math.round(rowsEstimated)} rows`;
      const kind = partitioned ? "partitioned, " : "";
      findings.push(ok(about, `${kind}key ${key}, ${table.columns.length} columns, ${rows}`));
    }
    findings.push(...catalog.findings.filter((finding) => finding.about === about));
  }
  for (const { table, reason, todo } of catalog.leftOut) {
    findings.push(warn(table, `is not replicated: ${reason}`, todo));
  }
  const names = new Set(catalog.tables.map(tableName));
  findings.push(...catalog.findings.filter((finding) => !names.has(finding.about)));
  return findings;
}
