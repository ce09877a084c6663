/** What an examination of the source or of this machine found: one line of `check`. */
export interface Finding {
  /** `fail`: `serve` would stop or lose something. `warn`: it works, with what `what` says. */
  readonly level: "ok" | "warn" | "fail";
  /** What it is about: a setting, a right, or a table. */
  readonly about: string;
  /** One sentence without its full stop. */
  readonly what: string;
  /** What to do about it, often a statement to run. */
  readonly todo?: string;
}

/** A finding that only informs. */
export function ok(about: string, what: string): Finding {
  return { level: "ok", about, what };
}

/** A finding that one should know of. */
export function warn(about: string, what: string, todo?: string): Finding {
  return { level: "warn", about, what, todo };
}

/** A finding that must be mended. */
export function fail(about: string, what: string, todo?: string): Finding {
  return { level: "fail", about, what, todo };
}
