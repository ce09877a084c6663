import assert from "node:assert/strict";
import { join } from "node:path";
import type { Question, Refusal } from "../../messages.ts";
import { WarehouseReader } from "./reader.ts";
import { testTable, type TestWarehouse, testWarehouse } from "./reader_testing.ts";
import { RefusalError } from "./refusal.ts";

const NEVER = new AbortController().signal;

function sql(text: string, maxRows = 100, timeoutMs = 60_000): Question {
  return { kind: "sql", sql: text, maxRows, timeoutMs };
}

async function refusal(answer: Promise<unknown>): Promise<Refusal> {
  try {
    await answer;
  } catch (error) {
    assert.ok(error instanceof RefusalError, String(error));
    assert.doesNotMatch(error.refusal.detail, /\n\s+at /, "no stack trace");
    return error.refusal;
  }
  assert.fail("answered, though it should have been refused");
}

async function withReader(
  work: (reader: WarehouseReader, warehouse: TestWarehouse) => Promise<void>,
  options: ConstructorParameters<typeof WarehouseReader>[1] = {},
): Promise<void> {
  await using warehouse = await testWarehouse();
  const reader = new WarehouseReader(warehouse.instance, options);
  try {
    await work(reader, warehouse);
  } finally {
    await reader.close();
  }
}

async function rows(reader: WarehouseReader, text: string): Promise<unknown> {
  return JSON.parse((await reader.ask(sql(text), NEVER)).json).rows;
}

Deno.test("an answer has columns, rows, counts and the position", async () => {
  await withReader(async (reader, warehouse) => {
    const first = await reader.ask(sql("SELECT 1 AS a, 'x' AS a, 2::BIGINT AS b"), NEVER);
    assert.equal(first.lsn, "0/0");
    assert.deepEqual(JSON.parse(first.json), {
      columns: [
        { name: "a", type: "INTEGER" },
        { name: "a", type: "VARCHAR" },
        { name: "b", type: "BIGINT" },
      ],
      rows: [[1, "x", "2"]],
      row_count: 1,
      truncated: false,
      lsn: "0/0",
    });
    await warehouse.position(0x16B3748);
    const second = await reader.ask(sql("SELECT 1 WHERE false"), NEVER);
    assert.equal(second.lsn, "0/16B3748");
    assert.deepEqual(JSON.parse(second.json).rows, []);
  });
});

Deno.test("the position and the rows are of one snapshot", async () => {
  await withReader(async (reader, warehouse) => {
    const table = testTable("public.t", { id: { kind: "int8" } }, ["id"]);
    await warehouse.publish(table);
    await warehouse.position(0);
    const writing = (async () => {
      for (let i = 1; i <= 60; i++) {
        await warehouse.connection.run("BEGIN");
        await warehouse.connection.run(`INSERT INTO public.t VALUES (${i})`);
        await warehouse.connection.run(`UPDATE _sluice.position SET lsn = '0/${i.toString(16)}'`);
        await warehouse.connection.run("COMMIT");
      }
    })();
    let done = false;
    writing.finally(() => done = true);
    while (!done) {
      const { lsn, json } = await reader.ask(sql("SELECT count(*) FROM public.t"), NEVER);
      assert.equal(Number(JSON.parse(json).rows[0][0]), parseInt(lsn.slice(2), 16));
    }
    await writing;
  });
});

Deno.test("rows beyond the limit are cut, and the answer says so", async () => {
  await withReader(async (reader) => {
    const cut = JSON.parse((await reader.ask(sql("FROM range(100000)", 3000), NEVER)).json);
    assert.deepEqual([cut.row_count, cut.rows.length, cut.truncated], [3000, 3000, true]);
    for (const count of [1, 2048, 2049, 4096]) {
      const all = JSON.parse((await reader.ask(sql(`FROM range(${count})`, count), NEVER)).json);
      assert.deepEqual([all.row_count, all.truncated], [count, false]);
      const less = JSON.parse(
        (await reader.ask(sql(`FROM range(${count + 1})`, count), NEVER)).json,
      );
      assert.deepEqual([less.row_count, less.truncated], [count, true]);
    }
  });
});

Deno.test("an answer has at most its bytes; a row that is larger alone is refused", async () => {
  const answerBytesMax = 10_000;
  await withReader(async (reader) => {
    const { json } = await reader.ask(sql("SELECT repeat('ż', 500) FROM range(50)"), NEVER);
    const answer = JSON.parse(json);
    assert.ok(answer.truncated && answer.row_count > 5 && answer.row_count < 10);
    assert.equal(answer.rows.length, answer.row_count);
    assert.ok(new TextEncoder().encode(json).length <= answerBytesMax);
    const { status, detail } = await refusal(
      reader.ask(sql("SELECT repeat('x', 10000000)"), NEVER),
    );
    assert.equal(status, 413);
    assert.match(detail, /10000 bytes/);
  }, { answerBytesMax });
});

Deno.test("statements that are not one SELECT are refused with what was received", async () => {
  await withReader(async (reader, warehouse) => {
    await warehouse.publish(testTable("public.t", { id: { kind: "int8" } }, ["id"]));
    const cases: [text: string, detail: RegExp][] = [
      ["", /Received nothing/],
      [" ; -- no\n/* nothing */", /Received/],
      ["SELECT 1; SELECT 2", /Received 2 statements/],
      ["select 1; drop table public.t", /"SELECT"/],
      ["SET threads = 1", /"SET"/],
      ["/* a */ RESET ALL", /"RESET"/],
      ["PRAGMA database_list", /"PRAGMA"/],
      ["ATTACH ':memory:' AS x", /"ATTACH"/],
      ["DETACH warehouse", /"DETACH"/],
      ["USE main", /"USE"/],
      ["COPY (SELECT 1) TO 'x.csv'", /"COPY"/],
      ["EXPORT DATABASE 'x'", /"EXPORT"/],
      ["IMPORT DATABASE 'x'", /"IMPORT"/],
      ["INSTALL httpfs", /"INSTALL"/],
      ["LOAD httpfs", /"LOAD"/],
      ["CALL enable_logging()", /"CALL"/],
      ["CHECKPOINT", /"CHECKPOINT"/],
      ["VACUUM", /"VACUUM"/],
      ["BEGIN", /"BEGIN"/],
      ["COMMIT", /"COMMIT"/],
      ["ROLLBACK", /"ROLLBACK"/],
      ["PREPARE p AS SELECT 1", /"PREPARE"/],
      ["EXECUTE p", /"EXECUTE"/],
      ["CREATE TEMP TABLE x (a INTEGER)", /"CREATE"/],
      ["CREATE MACRO m() AS 1", /"CREATE"/],
      ["DROP TABLE public.t", /"DROP"/],
      ["INSERT INTO public.t VALUES (1) RETURNING id", /"INSERT"/],
      ["UPDATE public.t SET id = 2", /"UPDATE"/],
      ["DELETE FROM public.t", /"DELETE"/],
      ["MERGE INTO public.t USING public.t s ON true WHEN MATCHED THEN DELETE", /"MERGE"/],
      ["EXPLAIN INSERT INTO public.t VALUES (1)", /"EXPLAIN"/],
      ["EXPLAIN ANALYZE DELETE FROM public.t", /"EXPLAIN"/],
      ["PIVOT public.t ON id", /list its values/],
      ["SELEC 1", /syntax error at or near "SELEC"/],
      ["SELECT 1\0; DROP TABLE public.t", /NUL/],
      // To DuckDB comments nest, so this is an EXPLAIN of what follows the second one.
      ["/* /* */ EXPLAIN SELECT 1 -- */ EXPLAIN SELECT * FROM checkpoint()", /./],
    ];
    for (const [text, detail] of cases) {
      const refused = await refusal(
        reader.ask(sql(text), NEVER).then(({ json }) => {
          if (!text.startsWith("/* /*")) return json;
          assert.doesNotMatch(json, /checkpoint/i, "runs what was checked, nothing else");
          throw new RefusalError({ status: 400, title: "", detail: "as expected" });
        }),
      );
      assert.equal(refused.status, 400, text);
      assert.match(refused.detail, detail, text);
    }
    assert.deepEqual(await rows(reader, "SELECT count(*) FROM public.t"), [["0"]]);
  });
});

Deno.test("statements of the SELECT kind are answered", async () => {
  await withReader(async (reader, warehouse) => {
    await warehouse.publish(testTable("public.t", { id: { kind: "int8" } }, ["id"]));
    await warehouse.connection.run("INSERT INTO public.t VALUES (1), (2)");
    for (
      const text of [
        "SELECT * FROM public.t;",
        "-- first\nFROM public.t",
        "WITH x AS (SELECT 1) FROM x",
        "VALUES (1), (2)",
        "TABLE public.t",
        "SHOW ALL TABLES",
        "DESCRIBE public.t",
        "SUMMARIZE public.t",
        "PIVOT public.t ON id IN (1, 2) USING count(*)",
        "SELECT * FROM duckdb_tables()",
        "SELECT * FROM information_schema.columns",
        "SELECT unnest(range(3)), generate_series FROM generate_series(1, 3)",
        "EXPLAIN SELECT * FROM public.t",
        "explain (format json) select 1",
        "/* why */ EXPLAIN ANALYZE SELECT * FROM public.t",
      ]
    ) {
      const { row_count } = JSON.parse((await reader.ask(sql(text), NEVER)).json);
      assert.ok(row_count > 0, text);
    }
  });
});

Deno.test("nothing is read or written but the warehouse", async () => {
  await withReader(async (reader, warehouse) => {
    const csv = join(warehouse.dir, "secret.csv");
    const target = join(warehouse.dir, "out");
    await Deno.writeTextFile(csv, "a,b\n1,secret\n");
    const texts = [
      `FROM '${csv}'`,
      `FROM "${csv}"`,
      `FROM read_csv('${csv}')`,
      `FROM read_text('${csv}')`,
      `FROM read_blob('${csv}')`,
      `FROM read_json('${csv}')`,
      `FROM read_parquet('${csv}')`,
      `FROM read_duckdb('${csv}')`,
      `FROM sniff_csv('${csv}')`,
      `FROM glob('${warehouse.dir}/*')`,
      `FROM query('FROM read_text(''${csv}'')')`,
      `FROM query_table('${csv}')`,
      `DESCRIBE '${csv}'`,
      `SUMMARIZE '${csv}'`,
      `EXPLAIN ANALYZE FROM read_text('${csv}')`,
      `SELECT (SELECT content FROM read_text('${csv}'))`,
      `COPY (SELECT 1) TO '${target}'`,
      `EXPORT DATABASE '${target}'`,
      `ATTACH '${target}' AS x`,
      `FROM enable_logging('QueryLog', storage = 'file', storage_path = '${target}')`,
      "INSTALL httpfs",
      "LOAD httpfs",
      "FROM 'http://localhost/x.csv'",
    ];
    for (const text of texts) {
      const { status, detail } = await refusal(reader.ask(sql(text), NEVER));
      assert.equal(status, 400, text);
      assert.doesNotMatch(detail, /1,secret/, text);
    }
    const names = [...Deno.readDirSync(warehouse.dir)].map(({ name }) => name).sort();
    assert.deepEqual(names, ["data", "secret.csv"]);
  });
});

Deno.test("functions that change the process are refused, however they are written", async () => {
  await withReader(async (reader) => {
    for (
      const text of [
        "FROM checkpoint()",
        "SELECT * FROM force_checkpoint()",
        'SELECT * FROM "CHECKPOINT"()',
        "SELECT * FROM system.main.enable_profiling()",
        "WITH x AS (FROM enable_logging()) FROM x",
        "SELECT (SELECT 1 FROM disable_logging())",
        "FROM (DESCRIBE FROM truncate_duckdb_logs())",
        "EXPLAIN FROM arrow_scan(1::UBIGINT, 2::UBIGINT, 3::UBIGINT)",
        "FROM arrow_scan_dumb(1, 2, 3)",
        "FROM query('SELECT 1')",
        "FROM json_execute_serialized_sql('{}')",
        "SELECT json_serialize_plan('FROM checkpoint()')",
        "SELECT write_log('x')",
      ]
    ) {
      const { status, title } = await refusal(reader.ask(sql(text), NEVER));
      assert.deepEqual([status, title], [400, "Function not allowed"], text);
    }
  });
});

Deno.test("SQL errors come with DuckDB's message", async () => {
  await withReader(async (reader) => {
    const cases: [text: string, detail: RegExp][] = [
      ["SELECT nope", /Binder Error: .*"nope"/],
      ["FROM nope", /Catalog Error: Table with name nope does not exist/],
      ["SELECT 'x'::INTEGER", /Conversion Error/],
      ["SELECT error('boom')", /Invalid Input Error: boom/],
      ["SELECT $1", /parameter/],
    ];
    for (const [text, detail] of cases) {
      const refused = await refusal(reader.ask(sql(text), NEVER));
      assert.deepEqual([refused.status, refused.title], [400, "SQL error"]);
      assert.match(refused.detail, detail);
    }
    assert.deepEqual(await rows(reader, "SELECT 1"), [[1]], "and the reader goes on");
  });
});

Deno.test("a statement beyond DuckDB's memory is refused, and the reader goes on", async () => {
  await withReader(async (reader, warehouse) => {
    const { status, title, detail } = await refusal(
      reader.ask(sql("SELECT list(repeat('x', 1000)) FROM range(1000000)"), NEVER),
    );
    assert.deepEqual([status, title], [503, "Not enough memory"]);
    assert.doesNotMatch(detail, /\n|SET /);
    assert.ok(!detail.includes(warehouse.dir));
    assert.deepEqual(await rows(reader, "SELECT 1"), [[1]]);
  });
});

Deno.test("an error after the first rows of a stream is told, not swallowed", async () => {
  await withReader(async (reader) => {
    const text = "SELECT CASE WHEN i = 2900000 THEN error('late') ELSE 1 END " +
      "FROM range(3000000) t(i)";
    const { status, detail } = await refusal(reader.ask(sql(text, 5_000_000), NEVER));
    assert.equal(status, 400);
    assert.match(detail, /late/);
  });
});

Deno.test("a statement ends at its time limit, also while its rows are streamed", async () => {
  await withReader(async (reader) => {
    for (
      const text of [
        "SELECT count(*) FROM range(1000000000000) t(i) WHERE i % 7 = 8",
        "SELECT i FROM range(1000000000000) t(i) WHERE i % 1000000 = 0",
      ]
    ) {
      const { status, detail } = await refusal(reader.ask(sql(text, 1_000_000, 100), NEVER));
      assert.equal(status, 408);
      assert.match(detail, /0\.1 s/);
    }
    for (let i = 0; i < 20; i++) assert.deepEqual(await rows(reader, "SELECT 1"), [[1]]);
  });
});

const ENDLESS = "SELECT count(*) FROM range(1000000000000) t(i) WHERE i % 7 = 8";

Deno.test("an asker who goes away interrupts the statement", async () => {
  await withReader(async (reader) => {
    const asker = new AbortController();
    const answer = refusal(reader.ask(sql(ENDLESS), asker.signal));
    asker.abort();
    assert.equal((await answer).title, "Cancelled");
    await refusal(reader.ask(sql("SELECT 1"), AbortSignal.abort()));
    assert.deepEqual(await rows(reader, "SELECT 1"), [[1]]);
  });
});

Deno.test("questions wait for a connection, and are refused when too many do", async () => {
  await withReader(async (reader) => {
    const [running, waiting] = [new AbortController(), new AbortController()];
    const first = refusal(reader.ask(sql(ENDLESS), running.signal));
    const second = reader.ask(sql("SELECT 2"), NEVER);
    const third = refusal(reader.ask(sql("SELECT 3"), waiting.signal));
    const { status, title, detail } = await refusal(reader.ask(sql("SELECT 4"), NEVER));
    assert.deepEqual([status, title], [503, "Too many questions"]);
    assert.match(detail, /1 questions are being answered and 2 wait/);
    waiting.abort();
    assert.equal((await third).status, 503);
    running.abort();
    await first;
    assert.deepEqual(JSON.parse((await second).json).rows, [[2]]);
  }, { connectionsMax: 1, questionsWaitingMax: 2 });
});

Deno.test("close ends what runs and refuses what comes", async () => {
  await withReader(async (reader) => {
    const running = refusal(reader.ask(sql(ENDLESS), NEVER));
    const waiting = refusal(reader.ask(sql("SELECT 1"), NEVER));
    await reader.close();
    assert.equal((await running).status, 503);
    assert.equal((await waiting).status, 503);
    assert.equal((await refusal(reader.ask(sql("SELECT 1"), NEVER))).status, 503);
  }, { connectionsMax: 1 });
});
