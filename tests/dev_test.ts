/** `deno task dev` as a newcomer uses it: start, ask, Ctrl-C, start again, and worse. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { commandOf, signal } from "../src/dev/process.ts";
import { lineStream } from "../src/dev/lines.ts";

const DEV = fileURLToPath(new URL("../src/dev/dev.ts", import.meta.url));
const READY_MS = 90_000;
const STOP_MS = 30_000;

/** A running `deno task dev`, and what it has printed. */
class Run {
  readonly process: Deno.ChildProcess;
  readonly lines: string[] = [];
  readonly #read: Promise<unknown>;

  constructor(readonly folder: string, env: Record<string, string> = {}) {
    this.process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", DEV],
      cwd: folder,
      env: { NO_COLOR: "1", SLUICE_HTTP_ADDR: "127.0.0.1:0", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const read = async (stream: ReadableStream<Uint8Array>) => {
      for await (const line of lineStream(stream)) this.lines.push(line);
    };
    this.#read = Promise.all([read(this.process.stdout), read(this.process.stderr)]);
  }

  get text(): string {
    return this.lines.join("\n");
  }

  /** Waits for a line that matches. */
  async until(pattern: RegExp, ms = READY_MS): Promise<RegExpExecArray> {
    let ended = false;
    void this.process.status.then(() => ended = true);
    for (let waited = 0; waited < ms; waited += 50) {
      const match = pattern.exec(this.text);
      if (match !== null) return match;
      assert(!ended, `dev ended before it printed ${pattern}:\n${this.text}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new assert.AssertionError({ message: `dev never printed ${pattern}:\n${this.text}` });
  }

  async end(signal: Deno.Signal): Promise<number> {
    this.process.kill(signal);
    return await this.exit();
  }

  /** Its exit code, within a limit. */
  async exit(): Promise<number> {
    const limit = setTimeout(() => this.process.kill("SIGKILL"), STOP_MS);
    const { code } = await this.process.status;
    clearTimeout(limit);
    await this.#read;
    return code;
  }

  /** Ids of the processes that it started. */
  async children(): Promise<number[]> {
    return JSON.parse(await Deno.readTextFile(`${this.folder}/.sluice/dev.json`)).children;
  }
}

/** Gives `work` an empty folder to run `dev` in, and ends what is left running in it. */
async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "sluice-dev-" }));
  await Deno.chmod(folder, 0o755); // so that PostgreSQL's data lies in it, also when we are root
  try {
    await work(folder);
  } finally {
    for (const pid of (await processesIn(folder)).keys()) signal(pid, "SIGKILL");
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * The processes whose working directory lies in `folder`, and their command lines. Never by name:
 * other tests, and other people, run the same programs on this machine.
 */
async function processesIn(folder: string): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  if (Deno.build.os !== "linux") return found;
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const at = await Deno.readLink(`/proc/${name}/cwd`).catch(() => "");
    if (at !== folder && !at.startsWith(`${folder}/`)) continue;
    found.set(Number(name), await commandOf(Number(name)) ?? "");
  }
  return found;
}

async function assertNoneLeft(folder: string): Promise<void> {
  const left = [...await processesIn(folder)].map(([pid, command]) => `${pid} ${command}`);
  assert.deepEqual(left, []);
}

/** Runs a printed curl line in a shell. */
async function shell(line: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("sh", { args: ["-c", line] }).output();
  assert(success, `${line}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

async function sql(base: string, statement: string): Promise<string> {
  const response = await fetch(`${base}/v1/sql`, {
    method: "POST",
    headers: { "content-type": "text/plain" },
    body: statement,
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return text;
}

const ADDRESS = /Sluice answers on (http:\S+)\. Try/;
const END = /Ctrl-C stops everything/;

/** How many rows of users came by a snapshot: a second one would change it. */
async function copiedRows(base: string): Promise<unknown> {
  const answer = await sql(base, "SELECT count(*) FROM public__changes.users WHERE _op = 'r'");
  const { rows } = JSON.parse(answer);
  assert.match(rows[0][0], /^[1-9]\d*$/);
  return rows;
}

Deno.test("dev serves changes, its curl lines work, Ctrl-C leaves nothing, and it resumes", async () => {
  await inFolder(async (folder) => {
    const first = new Run(folder);
    await first.until(END);
    const base = (await first.until(ADDRESS))[1];
    assert.match(first.text, /the first [\d,]+ changes have arrived/);

    const curls = first.lines.filter((line) => line.startsWith("  curl "));
    assert.equal(curls.length, 3, first.text);
    const answers = await Promise.all(curls.map(shell));
    assert.match(answers[0], /public\.transactions/);
    assert.match(answers[1], /transfer|deposit|card_payment|reversal/);
    assert.match(answers[2], /"0\.00"/);

    const user = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(
      await sql(base, "SELECT id FROM public.users LIMIT 1"),
    );
    const row = await shell(`curl -s ${base}/v1/tables/public.users/rows/${user![0]}`);
    assert.match(row, /full_name/);
    const copied = await copiedRows(base);

    assert.equal(await first.end("SIGINT"), 0, first.text);
    await assertNoneLeft(folder);
    assert.match(first.text, /stopping `generate`[^]*stopping `serve`[^]*stopping PostgreSQL/);
    await assert.rejects(Deno.stat(`${folder}/.sluice/dev.json`), Deno.errors.NotFound);

    const second = new Run(folder);
    await second.until(END);
    assert.doesNotMatch(second.text, /creating the database cluster|copying a snapshot/);
    assert.deepEqual(await copiedRows((await second.until(ADDRESS))[1]), copied);
    assert.equal(await second.end("SIGTERM"), 0, second.text);
    await assertNoneLeft(folder);
  });
});

Deno.test("a dev that is killed takes its children along, and the next one resumes", async () => {
  await inFolder(async (folder) => {
    const first = new Run(folder);
    await first.until(END);
    const copied = await copiedRows((await first.until(ADDRESS))[1]);
    const children = await first.children();
    assert.equal(await first.end("SIGKILL"), 137);

    const second = new Run(folder);
    await second.until(/stopping the PostgreSQL of an earlier run/);
    await second.until(END);
    for (const pid of children) {
      assert(!(await processesIn(folder)).get(pid)?.includes("main.ts"), `${pid} is still there`);
    }
    assert.deepEqual(await copiedRows((await second.until(ADDRESS))[1]), copied);

    const third = new Run(folder);
    assert.equal(await third.exit(), 2);
    assert.match(
      third.text,
      /another `deno task dev` runs on \.sluice: process \d+\. Stop it first/,
    );
    assert.equal(await second.end("SIGINT"), 0, second.text);
    await assertNoneLeft(folder);
  });
});

Deno.test("Ctrl-C at any moment of the start leaves nothing behind", async () => {
  await inFolder(async (folder) => {
    const moments = [
      /creating the database cluster/,
      /starting PostgreSQL/,
      /applying/,
      /starting `serve`/,
    ];
    for (const moment of moments) {
      const run = new Run(folder);
      await run.until(moment);
      assert.equal(await run.end("SIGINT"), 0, run.text);
      await assertNoneLeft(folder);
    }
  });
});

Deno.test("a serve that dies is reported in a sentence, and the rest is stopped", async () => {
  await inFolder(async (folder) => {
    const run = new Run(folder);
    await run.until(END);
    const found = [...await processesIn(folder)];
    const serve = found.find(([, command]) => command.includes("main.ts serve"));
    assert(serve !== undefined, "no serve among the processes of the folder");
    Deno.kill(serve[0], "SIGKILL");
    assert.equal(await run.exit(), 137, run.text);
    assert.match(run.text, /error: `serve` was ended by SIGKILL/);
    await assertNoneLeft(folder);
  });
});

Deno.test("a taken port and a wrong setting end before anything is started", async () => {
  await inFolder(async (folder) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    const busy = new Run(folder, { SLUICE_HTTP_ADDR: `127.0.0.1:${port}` });
    assert.equal(await busy.exit(), 11);
    assert.match(busy.text, /error: another program already listens on SLUICE_HTTP_ADDR/);
    assert.doesNotMatch(busy.text, /starting|at .*\.ts/);

    const wrong = new Run(folder, { SLUICE_TABLE: "public.users" });
    assert.equal(await wrong.exit(), 2);
    assert.match(wrong.text, /did you mean SLUICE_TABLES\?/);
    assert.doesNotMatch(wrong.text, /starting|at .*\.ts/);
  });
});

Deno.test("with SLUICE_DATABASE_URL nothing is started but serve", async () => {
  await inFolder(async (folder) => {
    const url = "postgres://nobody:secret@127.0.0.1:1/none";
    const run = new Run(folder, { SLUICE_DATABASE_URL: url });
    await run.until(/using the database of SLUICE_DATABASE_URL/);
    await run.until(/starting `serve`/);
    await run.until(/serve waits: /, 30_000);
    const commands = [...(await processesIn(folder)).values()];
    const started = commands.filter((command) => !command.includes("src/dev/dev.ts"));
    assert.equal(started.length, 1, started.join("; "));
    assert.match(started[0], /main\.ts serve/);
    assert.equal(await run.end("SIGINT"), 0, run.text);
    assert.doesNotMatch(run.text, /secret/);
    await assertNoneLeft(folder);
  });
});
