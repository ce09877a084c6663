/** Opens the warehouse file, with DuckDB shut off from everything but its own folder. */
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { Fault } from "../../errors.ts";
import { literal } from "../../catalog/catalog.ts";
import { LETTERS_TABLE } from "./letters.ts";
import { RETENTION_TABLE } from "./retention.ts";
import { VACUUM_SETTING } from "./vacuum.ts";

/** The version of the layout of `_sluice` and the change logs; a file of another is refused. */
export const LAYOUT_VERSION = 2;

/** The name of the file in the data folder. */
export const FILE_NAME = "warehouse.duckdb";

/** Where it is, and how much memory DuckDB may take (its `memory_limit`, in bytes). */
export interface OpenOptions {
  dataDir: string;
  memoryBytes: number;
  /** How many columns the change logs will have in all; asked for a new file only. 0: not known. */
  countColumns?: () => Promise<number>;
}

/**
 * The size of a new file's blocks, in bytes: a quarter of DuckDB's default. What is appended takes two
 * a column until a checkpoint, for the values and for which are NULL, however few rows a table has;
 * and the transaction itself takes up to as much. 300 tables of ten columns, all changed in one:
 * 394 + 68 MB. What has no room is put on disk, a file for each block, and that is slow.
 */
const BLOCK_BYTES = 65_536;
/** The least: 98 + 53 MB for those tables. But below 64 kB DuckDB does not pack BIGINTs and times, so
 * that they take up to eight times the room on disk, and all it knows of a block is there four times. */
const BLOCK_BYTES_MIN = 16_384;

/** Small blocks where the tables' columns would fill half of the memory with larger ones. */
function blockBytes(memoryBytes: number, columns: number): number {
  return 2 * columns * BLOCK_BYTES > memoryBytes / 2 ? BLOCK_BYTES_MIN : BLOCK_BYTES;
}

/** Whether DuckDB has so little that it matters how it uses it. */
function isTight(memoryBytes: number): boolean {
  return memoryBytes < 480 * 1024 * 1024;
}

/**
 * Strings are kept as they are, or by a dictionary where few are different. Of what DuckDB would
 * try on each segment at each checkpoint, FSST takes most of a checkpoint's time, and zstd has to
 * unpack 2,048 values to read one. The file is about a third larger for it. (DuckDB takes this
 * setting from SQL only; among the options of an instance it is ignored.)
 */
const SET_STRINGS = "SET GLOBAL disabled_compression_methods = 'fsst,dict_fsst,zstd'";

const OWN_TABLES = [
  "CREATE SCHEMA IF NOT EXISTS _sluice",
  "CREATE TABLE IF NOT EXISTS _sluice.layout (version INTEGER)",
  `CREATE TABLE IF NOT EXISTS _sluice.position (id TINYINT, position VARCHAR, lsn VARCHAR,
    seq BIGINT, source_time TIMESTAMPTZ, stored_at TIMESTAMPTZ)`,
  "CREATE TABLE IF NOT EXISTS _sluice.tables (schema VARCHAR, name VARCHAR, definition VARCHAR)",
  "CREATE TABLE IF NOT EXISTS _sluice.folds (schema VARCHAR, name VARCHAR, seq BIGINT)",
  "CREATE TABLE IF NOT EXISTS _sluice.snapshot (origin VARCHAR, begun_at TIMESTAMPTZ)",
  LETTERS_TABLE,
  RETENTION_TABLE,
];

/** Where the file is. */
export function fileOf(dataDir: string): string {
  return join(dataDir, FILE_NAME);
}

/**
 * Opens or makes the file. Throws a `warehouse` fault: locked, damaged, or of another version; or
 * `disk-full`, with no half of a new file left behind.
 */
export async function openWarehouse(options: OpenOptions): Promise<DuckDBInstance> {
  const file = fileOf(options.dataDir);
  let isNew: boolean;
  try {
    await Deno.mkdir(options.dataDir, { recursive: true });
    isNew = !await isThere(file);
  } catch (error) {
    throw openFault(file, error);
  }
  const columns = isNew ? await options.countColumns?.() ?? 0 : 0;
  try {
    return await open(file, options, columns);
  } catch (error) {
    if (isNew && error instanceof Fault && error.kind === "disk-full") {
      // DuckDB would take what it has written of it for a damaged file.
      for (const path of [file, `${file}.wal`]) if (await isThere(path)) await Deno.remove(path);
    }
    throw error;
  }
}

async function open(
  file: string,
  options: OpenOptions,
  columns: number,
): Promise<DuckDBInstance> {
  const spill = join(options.dataDir, "spill");
  let instance: DuckDBInstance;
  try {
    instance = await DuckDBInstance.create(file, {
      memory_limit: `${Math.floor(options.memoryBytes / 1024 / 1024)}MB`,
      temp_directory: spill,
      // Freed memory goes back to the system in time for a small budget (defaults: 128 MB, 512 MB,
      // and no threads of its own): see also allocator.ts.
      allocator_flush_threshold: `${Math.min(128, Math.floor(options.memoryBytes / 2 ** 23))}MB`,
      allocator_background_threads: "true",
      allocator_bulk_deallocation_flush_threshold: isTight(options.memoryBytes) ? "8MB" : "512MB",
      // The last form of the file with a dictionary that is not FSST's too: see SET_STRINGS.
      storage_compatibility_version: "v1.2.0",
      default_block_size: String(blockBytes(options.memoryBytes, columns)),
      // One core is left to the isolates, which the sink works beside. On 2 cores a second thread
      // of DuckDB's took half as much CPU again, and a third of the rows per second away.
      threads: String(Math.max(1, navigator.hardwareConcurrency - 1)),
      preserve_insertion_order: "false",
      enable_external_access: "false",
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
      // A checkpoint inside COMMIT costs more than the commit: `maintain` runs it on purpose.
      checkpoint_threshold: "1TB",
    });
  } catch (error) {
    throw openFault(file, error);
  }
  const connection = await instance.connect();
  try {
    await connection.run(`SET GLOBAL TimeZone = ${literal("UTC")}`);
    await connection.run(SET_STRINGS);
    await connection.run(`SET GLOBAL allowed_configs = ['${VACUUM_SETTING}']`);
    await connection.run("SET GLOBAL lock_configuration = true");
    for (const sql of OWN_TABLES) await connection.run(sql);
    await checkVersion(connection, file);
  } catch (error) {
    connection.closeSync();
    instance.closeSync();
    throw error instanceof Fault ? error : openFault(file, error);
  }
  connection.closeSync();
  return instance;
}

function isThere(path: string): Promise<boolean> {
  return Deno.stat(path).then(() => true, (error) => {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  });
}

async function checkVersion(connection: DuckDBConnection, file: string): Promise<void> {
  const reader = await connection.runAndReadAll("SELECT version FROM _sluice.layout");
  const version = reader.getRowsJson()[0]?.[0];
  if (version === undefined) {
    await connection.run(`INSERT INTO _sluice.layout VALUES (${LAYOUT_VERSION})`);
  } else if (version !== LAYOUT_VERSION) {
    throw new Fault("warehouse", {
      what: `${file} was written by another version of Sluice`,
      received: `layout ${version}`,
      allowed: `layout ${LAYOUT_VERSION}`,
      todo: "Use that version, or take a new snapshot into another SLUICE_DATA_DIR.",
    });
  }
}

function openFault(file: string, error: unknown): Fault {
  const text = error instanceof Error ? error.message : String(error);
  if (/Could not set lock|Conflicting lock|being used by another process/i.test(text)) {
    const holder = /PID (\d+)/.exec(text)?.[1];
    return new Fault("warehouse", {
      what: `${file} is open in another process${holder ? ` (process id ${holder})` : ""}`,
      todo: "DuckDB lets one process at a time open a file: stop that one, which may be the " +
        "DuckDB command line or another Sluice, or give this one its own SLUICE_DATA_DIR.",
    }, { cause: error });
  }
  const isFolder = error instanceof Deno.errors.NotADirectory ||
    error instanceof Deno.errors.AlreadyExists;
  if (
    isFolder || error instanceof Deno.errors.PermissionDenied || /Permission denied/i.test(text)
  ) {
    return new Fault("usage", {
      what: `the data folder can't be written to: ${text}`,
      todo: "Give this user the right to it, or set SLUICE_DATA_DIR to another folder.",
    }, { cause: error });
  }
  if (isDiskFull(text)) return diskFull(text);
  return new Fault("warehouse", {
    what: `${file} can't be opened`,
    received: text.slice(0, 500),
    todo: "If it is damaged, move it away and take a new snapshot (--resnapshot).",
  }, { cause: error });
}

/** Whether DuckDB's message says that the disk is full. */
export function isDiskFull(text: string): boolean {
  return /No space left on device|ENOSPC|not enough space|disk full/i.test(text);
}

/** The fault for a full disk. */
export function diskFull(text: string): Fault {
  return new Fault("disk-full", {
    what: `the disk of the data folder is full: ${text.slice(0, 200)}`,
    todo: "Make room; Sluice goes on by itself.",
  });
}
