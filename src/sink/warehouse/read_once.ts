/** One question to a warehouse that no process has open. */
import type { Question } from "../../messages.ts";
import { Fault } from "../../errors.ts";
import { fileOf, type OpenOptions, openWarehouse } from "./open.ts";
import { WarehouseReader } from "./reader.ts";
import { RefusalError } from "./refusal.ts";

/** Opens the file, asks, closes it. Throws a `usage` fault when there is no file or no answer. */
export async function readOnce(options: OpenOptions, question: Question): Promise<unknown> {
  const file = fileOf(options.dataDir);
  const isThere = await Deno.stat(file).then(() => true, () => false);
  if (!isThere) {
    throw new Fault("usage", {
      what: "there is no warehouse, and no Sluice that runs",
      received: file,
      todo: "Set SLUICE_DATA_DIR or SLUICE_HTTP_ADDR as that Sluice has them.",
    });
  }
  const instance = await openWarehouse(options);
  const reader = new WarehouseReader(instance);
  try {
    return JSON.parse((await reader.ask(question, new AbortController().signal)).json);
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    throw new Fault("usage", { what: error.message }, { cause: error });
  } finally {
    await reader.close();
    instance.closeSync();
  }
}
