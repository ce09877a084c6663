import assert from "node:assert/strict";
import { progressBar, type ProgressOutput } from "./progress.ts";

class Output implements ProgressOutput {
  text = "";
  readonly columns = 100;

  constructor(readonly isTTY: boolean) {}

  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

Deno.test("without a terminal there are few lines, and no control characters", () => {
  const output = new Output(false);
  let ms = 0;
  const bar = progressBar("Loading", 200, { unit: "rows", output, now: () => ms });
  for (let done = 1; done <= 100; done++) {
    ms += 100;
    bar.update(done);
  }
  assert.deepEqual(output.text.split("\n"), [
    "Loading: 50 of 200 rows (25%), 10 a second",
    "Loading: 100 of 200 rows (50%), 10 a second",
    "",
  ]);
  bar.stop();
  bar.stop();
  assert.equal(output.text.split("\n").length, 4);
  assert.doesNotMatch(output.text.replaceAll("\n", ""), /\p{Cc}/u);
});

Deno.test("on a terminal the bar ends full, on a line of its own", () => {
  const output = new Output(true);
  let ms = 0;
  {
    using bar = progressBar("Loading", 10, { unit: "rows", output, now: () => ms });
    ms = 2000;
    bar.update(5);
    bar.note("Something happened.");
    bar.total(8);
    bar.update(8);
  }
  assert.match(output.text, /Something happened\.\n/);
  assert.match(output.text, /Loading █{20} 8 of 8 rows \(100%\), 4 a second/);
  assert.match(output.text, /\n$/);
});

Deno.test("without a total there is no bar and no percentage", () => {
  const output = new Output(true);
  let ms = 0;
  const bar = progressBar("Writing", 0, { unit: "transactions", output, now: () => ms });
  ms = 1000;
  bar.update(1234);
  bar.stop();
  assert.match(output.text, /Writing 1,234 transactions, 1,234 a second/);
  assert.doesNotMatch(output.text, /[█░%]/);
});
