/** The settings of `register`, a part of the table in config.ts. */
import { z } from "zod";
import { isDatabaseUrl, setting } from "./setting.ts";

/** See the top of this file. */
export const CONNECT_SETTINGS = {
  SLUICE_CONNECT_URL: setting({
    parse: z.string().refine(isConnectUrl),
    byDefault: "http://127.0.0.1:8083",
    allowed:
      "http:// or https://, host and port, with user:password@ before them if it asks for a " +
      "login",
    why: "Kafka Connect's REST API, where `register` creates or updates Debezium's connector.",
    secret: true,
  }),
  SLUICE_CONNECT_DATABASE_URL: setting({
    parse: z.string().refine(isDatabaseUrl),
    byDefault: undefined,
    allowed: "as SLUICE_DATABASE_URL; by default the same",
    why: "The source database as Kafka Connect reaches it, for `register`: where it has another " +
      "name there, or Debezium another role.",
    secret: true,
  }),
} as const;

function isConnectUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname, search, hash } = new URL(value);
  return ["http:", "https:"].includes(protocol) && hostname !== "" && search + hash === "";
}
