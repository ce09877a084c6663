import assert from "node:assert/strict";
import { Fault } from "../src/errors.ts";
import { HELP, readOptions } from "./options.ts";

function refused(args: string[], sentence: RegExp): void {
  assert.throws(() => readOptions(args), (error: unknown) => {
    assert.ok(error instanceof Fault && error.kind === "usage", String(error));
    assert.match(error.message, sentence);
    return true;
  });
}

Deno.test("without arguments: fifty a second, for ever", () => {
  assert.deepEqual(readOptions([]), {
    help: false,
    rate: 50,
    durationMs: undefined,
    transactions: undefined,
    users: 100,
    seed: 42,
    bulk: undefined,
    live: true,
    clock: "wall",
    createSchema: false,
  });
});

Deno.test("every option is read", () => {
  const options = readOptions([
    ...["--rate", "max", "--duration=1.5m", "--transactions", "9", "--users=7", "--seed", "1"],
    ...["--bulk", "1000", "--no-live", "--clock=simulated", "--create-schema"],
  ]);
  assert.deepEqual(options, {
    help: false,
    rate: 0,
    durationMs: 90_000,
    transactions: 9,
    users: 7,
    seed: 1,
    bulk: 1000,
    live: false,
    clock: "simulated",
    createSchema: true,
  });
});

Deno.test("--bulk decides on the users by itself", () => {
  assert.equal(readOptions(["--bulk", "1000"]).users, undefined);
});

Deno.test("what is wrong is named, with what is allowed", () => {
  refused(["--rate=-3"], /--rate is not valid: received "-3"; allowed: a whole number .* or max/);
  refused(["--rate=fast"], /received "fast"/);
  refused(["--duration", "30"], /received "30"; allowed: a number with ms, s, m or h/);
  refused(["--transactions=0"], /a whole number from 1/);
  refused(["--clock=moon"], /allowed: wall or simulated/);
  refused(["--users=60000", "--bulk=10"], /1 to 50000 with --bulk/);
  refused(["--no-live"], /nothing to do/);
  refused(["--transaction=5"], /Did you mean --transactions\?/);
  refused(["50"], /allowed: --rate/);
});

Deno.test("the help names every option and fits a terminal", () => {
  const names = "rate duration transactions users seed bulk no-live clock create-schema help";
  for (const name of names.split(" ")) assert.match(HELP, new RegExp(`^  --${name} `, "m"));
  for (const line of HELP.split("\n")) assert.ok(line.length <= 100, line);
});
