import assert from "node:assert/strict";
import { Fault } from "../errors.ts";
import { claimAddress, isLoopback } from "./port.ts";

Deno.test("a taken port is a fault that says how to choose another", () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  assert.throws(() => claimAddress(`127.0.0.1:${port}`), (error) => {
    assert(error instanceof Fault && error.kind === "port");
    assert.match(
      error.message,
      new RegExp(`already listens on SLUICE_HTTP_ADDR, 127.0.0.1:${port}`),
    );
    assert.match(error.message, new RegExp(`SLUICE_HTTP_ADDR=127.0.0.1:${port + 1} before`));
    return true;
  });
});

Deno.test("a port of 0 becomes a free one, and 0.0.0.0 is asked by loopback", () => {
  const { address, base } = claimAddress("0.0.0.0:0");
  const port = /^0\.0\.0\.0:(\d+)$/.exec(address)?.[1];
  assert(Number(port) > 0);
  assert.equal(base, `http://127.0.0.1:${port}`);
});

Deno.test("an address of another machine is a fault, not a stack trace", () => {
  assert.throws(() => claimAddress("192.0.2.1:8080"), (error) => {
    assert(error instanceof Fault && error.kind === "port");
    assert.match(error.message, /cannot be listened on: received 192\.0\.2\.1:8080/);
    return true;
  });
});

Deno.test("only loopback addresses are loopback", () => {
  for (const yes of ["127.0.0.1:0", "127.9.9.9:1", "localhost:80", "[::1]:8080"]) {
    assert.equal(isLoopback(yes), true, yes);
  }
  for (const no of ["0.0.0.0:80", "[::]:80", "example.org:80", "127.0.0.1.example.org:80"]) {
    assert.equal(isLoopback(no), false, no);
  }
});
