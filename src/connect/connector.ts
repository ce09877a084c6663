/**
 * The connector that `register` makes: the settings of debezium/register-postgres.json, in which
 * `${NAME}` stands for what the settings of Sluice say. A setting that becomes empty is left out.
 */
import template from "../../debezium/register-postgres.json" with { type: "json" };
import { type Config, requireConnector } from "../config.ts";
import { Fault } from "../errors.ts";
import { parseTarget } from "../source/postgres/target.ts";

/** A connector, as Kafka Connect's REST API takes it. */
export interface Connector {
  readonly name: string;
  /** Its settings, the database's password among them. */
  readonly config: Readonly<Record<string, string>>;
}

/** The longest name of a slot or a publication, in characters. */
const IDENTIFIER_CHARS_MAX = 63;

/** The connector for the database, tables and topic prefix of the settings. */
export function connectorOf(config: Config): Connector {
  const { prefix, url } = requireConnector(config);
  const target = parseTarget(url);
  return fill({
    TOPIC_PREFIX: prefix,
    DATABASE_HOST: target.host,
    DATABASE_PORT: String(target.port),
    DATABASE_USER: target.user,
    DATABASE_PASSWORD: target.password,
    DATABASE_NAME: target.database,
    DATABASE_SSLMODE: target.sslMode,
    DATABASE_SSLROOTCERT: target.sslRootCert ?? "",
    TABLES: config.SLUICE_TABLES.map(tablePattern).join(","),
    SLOT: slotOf(prefix),
  });
}

/** The template with `values` in it. Throws a `bug` fault for a name that has none. */
export function fill(values: Readonly<Record<string, string>>): Connector {
  const filled = (text: string) =>
    text.replace(/\$\{(\w+)\}/g, (_, name) => {
      if (name in values) return values[name];
      throw new Fault("bug", {
        what: "debezium/register-postgres.json has a placeholder that nothing fills",
        received: `\${${name}}`,
        allowed: Object.keys(values).join(", "),
      });
    });
  const settings = Object.entries(template.config)
    .map(([name, value]) => [name, filled(value)])
    .filter(([, value]) => value !== "");
  return { name: filled(template.name), config: Object.fromEntries(settings) };
}

/** The name of slot and publication: what PostgreSQL takes, apart from those of Sluice itself. */
export function slotOf(prefix: string): string {
  return `debezium_${prefix.toLowerCase().replace(/[^a-z0-9_]/g, "_")}`
    .slice(0, IDENTIFIER_CHARS_MAX);
}

/** A pattern of SLUICE_TABLES as the regular expression that Debezium matches a whole name with. */
export function tablePattern(pattern: string): string {
  return pattern.split("*").map((part) => part.replace(/[.\\+?^$()[\]{}|]/g, "\\$&")).join(".*");
}
