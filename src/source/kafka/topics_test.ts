import assert from "node:assert/strict";
import { TopicNames } from "./topics.ts";

Deno.test("topics are chosen by prefix and table pattern, literally but for *", () => {
  const names = new TopicNames("bank.v1", ["public.*", "audit.log"]);
  assert(names.isData("bank.v1.public.users"));
  assert(names.isData("bank.v1.audit.log"));
  assert(!names.isData("bank.v1.audit.logs"));
  assert(!names.isData("bankxv1.public.users"), "the prefix's dot is a dot");
  assert(!names.isData("bank.v1.transaction"));
  assert(!names.isData("bank.v10.public.users"));
  assert(names.isRead("bank.v1.transaction"));
  assert(names.isRead("__debezium-heartbeat.bank.v1"));
  assert(!names.isRead("__debezium-heartbeat.bank"));
});

Deno.test("a table's topic has _ for what a topic's name may not hold", () => {
  const names = new TopicNames("p", ["public.größe", "*.*"]);
  assert.equal(names.topicOf("public.größe"), "p.public.gr__e");
  assert(names.isData("p.public.gr__e"));
  assert.equal(names.tableOf("p.public.users"), "public.users");
});
