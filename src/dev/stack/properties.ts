/**
 * Java's `.properties` files, as far as debezium/ uses them: `name=value` lines, and comments.
 */
import { Fault } from "../../errors.ts";

/** Settings of a Java program. */
export type Properties = Record<string, string>;

const FOLDER = new URL("../../../debezium/", import.meta.url);

/** The URL of a file of debezium/. */
export function debeziumFile(path: string): URL {
  return new URL(path, FOLDER);
}

/** The settings in a file of debezium/, such as `kraft/server.properties`. */
export async function readProperties(path: string): Promise<Properties> {
  return parseProperties(await Deno.readTextFile(debeziumFile(path)), path);
}

/** Throws a `bug` fault for a line that is not `name=value`, or says a name again. */
export function parseProperties(text: string, path: string): Properties {
  const properties: Properties = {};
  for (const line of text.split("\n")) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, name, value] = /^([\w.]+)=(\S.*)$/.exec(line) ?? [];
    if (name === undefined || name in properties) {
      throw new Fault("bug", {
        what: `${path} has a line that is not understood, or says a name twice`,
        received: line,
        allowed: "name=value, or # and a comment",
      });
    }
    properties[name] = value;
  }
  return properties;
}

/** The text of a `.properties` file. A backslash, which starts an escape there, is doubled. */
export function formatProperties(properties: Properties): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value.replaceAll("\\", "\\\\")}\n`).join("");
}
