import assert from "node:assert/strict";
import type { Finding } from "../../catalog/finding.ts";
import { Fault } from "../../errors.ts";
import { slotFindings, tlsFindings } from "./findings.ts";
import { addressFindings, folderFindings } from "../local.ts";
import { requireServer, type ServerFacts, serverFindings } from "./server.ts";
import type { SlotState } from "./slot.ts";
import { parseTarget } from "./target.ts";

const levels = (findings: Finding[]) => findings.map((finding) => finding.level);

const SERVER: ServerFacts = {
  versionNumber: 140_023,
  version: "14.23",
  walLevel: "logical",
  replicationSlotsMax: 10,
  replicationSlotsUsed: 0,
  walSendersMax: 10,
  walSendersUsed: 0,
  walSenderTimeoutMs: 60_000,
  slotWalKeepMb: 1000,
  encoding: "UTF8",
  inRecovery: false,
  database: "bank",
  user: "sluice",
  isSuperuser: false,
  mayReplicate: true,
  mayCreate: true,
  tls: true,
};

/** The fault of `requireServer`; undefined when it lets the server pass. */
function refusal(facts: Partial<ServerFacts>): Fault | undefined {
  try {
    requireServer({ ...SERVER, ...facts }, "sluice@host:5432/bank");
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Fault);
    return error;
  }
}

Deno.test("server: a good one has nothing but ok", () => {
  assert.deepEqual(new Set(levels(serverFindings(SERVER, false))), new Set(["ok"]));
  assert.equal(refusal({}), undefined);
});

Deno.test("server: what makes replication impossible is one setup fault with every remedy", () => {
  const fault = refusal({ versionNumber: 130_010, version: "13.10", walLevel: "replica" });
  assert.equal(fault?.kind, "setup");
  for (
    const part of ["13.10 is too old", "14 or later", "wal_level is replica", "ALTER SYSTEM SET"]
  ) assert.ok(fault?.message.includes(part), fault?.message);
  for (const bad of [{ inRecovery: true }, { mayReplicate: false }, { encoding: "SQL_ASCII" }]) {
    assert.equal(refusal(bad)?.kind, "setup");
  }
});

Deno.test("server: room that is missing now fails the check, and stops no start", () => {
  const full = { ...SERVER, replicationSlotsUsed: 10, walSendersUsed: 10 };
  assert.equal(refusal(full), undefined);
  assert.equal(levels(serverFindings(full, false)).filter((level) => level === "fail").length, 2);
  assert.equal(levels(serverFindings(full, true)).filter((level) => level === "fail").length, 1);
});

Deno.test("server: a superuser may replicate without the attribute", () => {
  assert.equal(refusal({ mayReplicate: false, isSuperuser: true }), undefined);
});

Deno.test("sslmode: verified or local is ok, the others are warned of", () => {
  const of = (host: string, parameters: string, tls: boolean) =>
    levels(tlsFindings(parseTarget(`postgres://me@${host}/bank?${parameters}`), tls)).join(" ");
  assert.equal(of("localhost", "", false), "ok");
  assert.equal(of("127.0.0.1", "sslmode=disable", false), "ok");
  assert.equal(of("db.example", "", false), "warn");
  assert.equal(of("db.example", "", true), "warn");
  assert.equal(of("db.example", "sslmode=require", true), "warn");
  assert.equal(of("db.example", "sslmode=require&sslrootcert=ca.pem", true), "ok");
  assert.equal(of("db.example", "sslmode=verify-full", true), "ok");
  assert.equal(of("db.example", "sslrootcert=ca.pem", true), "warn warn");
});

Deno.test("slot: lost fails, unreserved and in use are warned of", () => {
  const slot: SlotState = {
    plugin: "pgoutput",
    database: "bank",
    active: false,
    activePid: null,
    walStatus: "reserved",
    confirmedLsn: 0x16_0000,
  };
  const of = (more: Partial<SlotState>, hasWarehouse = true) =>
    levels(slotFindings("sluice", { ...slot, ...more }, "bank", hasWarehouse)).join(" ");
  assert.equal(of({}), "ok");
  assert.equal(of({ walStatus: "lost" }), "fail");
  assert.equal(of({ walStatus: "unreserved" }), "warn");
  assert.equal(of({ active: true, activePid: 7 }), "warn");
  assert.equal(of({ active: true, activePid: 7 }, false), "warn");
  assert.equal(of({ database: "other" }), "fail");
  assert.equal(of({ plugin: "wal2json" }), "fail");
});

Deno.test("data folder: too little room is a warning, room that isn't known is none", () => {
  const MB = 1024 * 1024;
  const facts = { path: "data", exists: true, refusal: undefined, hasWarehouse: false };
  const of = (freeMb: number | undefined, neededMb: number, hasWarehouse = false) =>
    levels(folderFindings(
      { ...facts, hasWarehouse, freeBytes: freeMb === undefined ? undefined : freeMb * MB },
      neededMb * MB,
    )).join(" ");
  assert.equal(of(5000, 4000), "ok ok");
  assert.equal(of(3000, 4000), "ok warn");
  assert.equal(of(3000, 4000, true), "ok ok");
  assert.equal(of(500, 0), "ok warn");
  assert.equal(of(undefined, 4000), "ok");
});

Deno.test("address: in use by what seems to be ourselves is a warning", () => {
  const facts = { address: "127.0.0.1:8080", refusal: "Address already in use", inUse: true };
  assert.deepEqual(levels(addressFindings(facts, true)), ["warn"]);
  assert.deepEqual(levels(addressFindings(facts, false)), ["fail"]);
  const refused = { ...facts, inUse: false, refusal: "Permission denied" };
  const [finding] = addressFindings(refused, true);
  assert.equal(finding.level, "fail");
  assert.match(finding.todo!, /from 1024/);
});
