/**
 * A record of every change that is committed, by triggers, in a table that no connector reads: it
 * tells what Debezium should have written.
 */
import type { TestDatabase } from "./postgres.ts";

const SETUP = `
  CREATE SCHEMA audit;
  CREATE TABLE audit.changes (tbl text, op text, id text, tx bigint);
  CREATE FUNCTION audit.row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'UPDATE' AND OLD.id = NEW.id THEN
      INSERT INTO audit.changes VALUES (TG_TABLE_NAME, 'u', NEW.id, txid_current());
      RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
      INSERT INTO audit.changes VALUES (TG_TABLE_NAME, 'd', OLD.id, txid_current());
    END IF;
    IF TG_OP <> 'DELETE' THEN
      INSERT INTO audit.changes VALUES (TG_TABLE_NAME, 'c', NEW.id, txid_current());
    END IF;
    RETURN NULL;
  END $$;
  CREATE FUNCTION audit.statement() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit.changes VALUES (TG_TABLE_NAME, 't', '', txid_current());
    RETURN NULL;
  END $$;`;

/** Audits `tables`, each with a key `id`, from now on. */
export async function startAudit(database: TestDatabase, tables: string[]): Promise<void> {
  const triggers = tables.map((table) =>
    `CREATE TRIGGER audit_row AFTER INSERT OR UPDATE OR DELETE ON public.${table}
       FOR EACH ROW EXECUTE FUNCTION audit.row();
     CREATE TRIGGER audit_statement AFTER TRUNCATE ON public.${table}
       FOR EACH STATEMENT EXECUTE FUNCTION audit.statement();`
  );
  await database.query(SETUP + triggers.join("\n"));
}

/** A change that was committed. */
export interface Audited {
  table: string;
  /** c, u, d or t. */
  op: string;
  id: string;
  tx: number;
}

export async function audited(database: TestDatabase): Promise<Audited[]> {
  const rows = await database.rows("SELECT tbl, op, id, tx FROM audit.changes");
  return rows.map(([table, op, id, tx]) => ({ table: table!, op: op!, id: id!, tx: Number(tx) }));
}
