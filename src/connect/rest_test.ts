/** What Connect may answer beside its data: a real one gives these rarely, so a server here does. */
import assert from "node:assert/strict";
import { Fault, type FaultKind } from "../errors.ts";
import { Connect } from "./rest.ts";

interface Request {
  method: string;
  path: string;
  authorization: string | null;
}

/** Gives `work` a server that answers with each of `answers` in turn, then with the last. */
async function withServer(
  answers: [status: number, body: string][],
  work: (url: string, requests: Request[]) => Promise<void>,
): Promise<void> {
  const requests: Request[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      requests.push({
        method: request.method,
        path: new URL(request.url).pathname,
        authorization: request.headers.get("authorization"),
      });
      const [status, body] = answers[Math.min(requests.length, answers.length) - 1];
      return new Response(body, { status });
    },
  );
  await work(`http://127.0.0.1:${server.addr.port}`, requests);
}

async function assertFault(
  work: Promise<unknown>,
  kind: FaultKind,
  says: RegExp,
): Promise<void> {
  await assert.rejects(work, (error: Fault) => {
    assert(error instanceof Fault, String(error));
    assert.equal(error.kind, kind);
    assert.match(error.message, says);
    return true;
  });
}

const REBALANCE = JSON.stringify({
  error_code: 409,
  message: "Cannot complete request ... rebalance",
});

Deno.test("connect: a rebalance is waited out", async () => {
  const answers: [number, string][] = [[409, REBALANCE], [503, ""], [201, "{}"]];
  await withServer(answers, async (url, requests) => {
    await new Connect(url).put("a b", {});
    assert.deepEqual(requests.map(({ path }) => path), Array(3).fill("/connectors/a%20b/config"));
  });
});

Deno.test("connect: a login in the URL is sent, and never shown", async () => {
  await withServer([[401, "no"]], async (url, requests) => {
    const connect = new Connect(url.replace("//", "//me:s%3Acret@"));
    await assertFault(connect.status("a"), "setup", /refuses us with 401\. Write user/);
    assert.equal(requests[0].authorization, `Basic ${btoa("me:s:cret")}`);
    assert.equal(connect.where, url);
  });
});

Deno.test("connect: another server is recognised", async () => {
  for (const body of ["<html>hello</html>", '{"hello": "world"}', "", "null", "[]"]) {
    await withServer([[200, body]], async (url) => {
      await assertFault(new Connect(url).version(), "setup", /is not Kafka Connect: received 200/);
      await assertFault(new Connect(url).status("a"), "setup", /is not Kafka Connect/);
    });
  }
});

Deno.test("connect: its own refusal is explained, without secrets", async () => {
  const body = JSON.stringify({
    error_code: 500,
    message: "value geheim of database.password is odd",
  });
  await withServer([[500, body]], async (url) => {
    const connect = new Connect(url, ["geheim", ""]);
    await assertFault(connect.put("a", {}), "setup", /did not register: received value \*\*\* of/);
  });
});

Deno.test("connect: nobody listens", async () => {
  let address = "";
  await withServer([[200, ""]], (url) => Promise.resolve(void (address = url)));
  await assertFault(new Connect(address).version(), "connection", /does not answer.*refused/i);
});
