/** Whether `serve` will be able to listen, asked before anything is started. */
import { parseHttpAddr } from "../config.ts";
import { Fault } from "../errors.ts";

/**
 * The address that `serve` is to listen on, with a free port in the place of 0. Throws a `port`
 * fault when it is taken.
 */
export function claimAddress(address: string): { address: string; base: string } {
  const { hostname, port } = parseHttpAddr(address)!; // checked by readConfig
  const free = listen(hostname, port, address);
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const reachable = hostname === "0.0.0.0" ? "127.0.0.1" : hostname === "::" ? "[::1]" : host;
  return { address: `${host}:${free}`, base: `http://${reachable}:${free}` };
}

/** Whether only this machine can reach `address`: then, and only then, `POST /v1/sql` is served. */
export function isLoopback(address: string): boolean {
  const { hostname } = parseHttpAddr(address)!; // checked by readConfig
  return hostname === "localhost" || hostname === "::1" || /^127(\.\d+){3}$/.test(hostname);
}

function listen(hostname: string, port: number, address: string): number {
  try {
    using listener = Deno.listen({ hostname, port });
    return (listener.addr as Deno.NetAddr).port;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw new Fault("port", {
        what: `another program already listens on SLUICE_HTTP_ADDR, ${address}`,
        todo: "Stop it, or choose another port: " +
          `SLUICE_HTTP_ADDR=${hostname.includes(":") ? `[${hostname}]` : hostname}:${port + 1} ` +
          "before the command. A port of 0 takes a free one.",
      });
    }
    throw new Fault("port", {
      what: "SLUICE_HTTP_ADDR cannot be listened on",
      received: `${address} (${error instanceof Error ? error.message : error})`,
      allowed: "an address of this machine, and a port that this user may open",
    });
  }
}
