/**
 * Everything that can go wrong outside our own code, as one closed list, with one table that says
 * what Sluice does about it. A `Fault` is data about the world; a broken assumption of ours is an
 * assertion (`node:assert`), never a `Fault`.
 */

/** What is done about a fault. `retry`: with backoff, for ever, while the API goes on answering. */
export type Reaction = "retry" | "stop";

interface Policy {
  readonly reaction: Reaction;
  /** Exit code of the process when it stops because of this kind. Listed in docs/ERRORS.md. */
  readonly exit: number;
  /** What this kind means to the operator, in one sentence. */
  readonly meaning: string;
}

/** Kinds of faults, what is done about each, and the exit code. docs/ERRORS.md is made from it. */
export const FAULTS = {
  "bug": { reaction: "stop", exit: 1, meaning: "Sluice itself is wrong: please report it." },
  "usage": { reaction: "stop", exit: 2, meaning: "The command line or a setting is not valid." },
  "connection": {
    reaction: "retry",
    exit: 3,
    meaning: "The source cannot be reached, or the connection was lost.",
  },
  "setup": {
    reaction: "stop",
    exit: 4,
    meaning: "The source refuses us, or is not configured for replication.",
  },
  "slot-busy": {
    reaction: "retry",
    exit: 4,
    meaning: "Another process still holds the replication slot.",
  },
  "position-lost": {
    reaction: "stop",
    exit: 5,
    meaning: "The source no longer has the changes after our position: take a new snapshot.",
  },
  "schema-changed": {
    reaction: "stop",
    exit: 6,
    meaning: "A table of the source is no longer what the warehouse was made for.",
  },
  "bad-value": {
    reaction: "stop",
    exit: 7,
    meaning: "A value of the source has no counterpart in the warehouse.",
  },
  "bad-record": {
    reaction: "stop",
    exit: 12,
    meaning: "A record of a topic is not what Debezium writes, or is not for its table.",
  },
  "incomplete": {
    reaction: "stop",
    exit: 13,
    meaning: "The topics lack changes of a transaction that has ended at the source.",
  },
  "protocol": {
    reaction: "stop",
    exit: 8,
    meaning: "The source sent bytes that its protocol does not allow, or that we do not know.",
  },
  "warehouse": {
    reaction: "stop",
    exit: 9,
    meaning: "The warehouse file is locked, damaged, or of another source.",
  },
  "disk-full": {
    reaction: "retry",
    exit: 10,
    meaning: "There is no room left on the disk of the data folder.",
  },
  "port": { reaction: "stop", exit: 11, meaning: "The HTTP address cannot be listened on." },
  "hang": {
    reaction: "stop",
    exit: 70,
    meaning: "The ingest isolate gave no sign of life: the process ends so that it can restart.",
  },
  "heap": {
    reaction: "stop",
    exit: 71,
    meaning: "What the main isolate holds in its heap passed its share of the memory budget.",
  },
} as const satisfies Record<string, Policy>;

/** One of the kinds in {@linkcode FAULTS}. */
export type FaultKind = keyof typeof FAULTS;

/** The parts of a fault's message. Only `what` is required; the others are shown when present. */
export interface FaultDetails {
  /** What is wrong, as a sentence without its full stop. Never holds a secret. */
  what: string;
  /** The value received, as text, already cut to a sensible length. */
  received?: string;
  /** What is allowed instead. */
  allowed?: string;
  /** What the operator should do, as an imperative sentence. */
  todo?: string;
}

/** Something wrong in the world, with all that an operator needs to mend it. */
export class Fault extends Error {
  override readonly name = "Fault";

  constructor(readonly kind: FaultKind, readonly details: FaultDetails, options?: ErrorOptions) {
    super(faultText(details), options);
  }

  /** What is done about it. */
  get reaction(): Reaction {
    return FAULTS[this.kind].reaction;
  }

  /** The process's exit code when this fault ends it. */
  get exit(): number {
    return FAULTS[this.kind].exit;
  }
}

/** `what: received …; allowed: …. todo` as one text, the order of every message of Sluice. */
export function faultText(details: FaultDetails): string {
  let text = details.what;
  if (details.received !== undefined) text += `: received ${details.received}`;
  if (details.allowed !== undefined) text += `; allowed: ${details.allowed}`;
  if (!/[.!?]$/.test(text)) text += ".";
  if (details.todo !== undefined) text += ` ${details.todo}`;
  return text;
}

/** A fault as plain data, to cross from one isolate to the other. */
export interface FaultData {
  kind: FaultKind;
  details: FaultDetails;
  /** Only for `bug`: the stack, for the log. */
  stack?: string;
}

/** Any thrown value as data: a `Fault` as it is, everything else as a `bug` with its stack. */
export function toFaultData(error: unknown): FaultData {
  if (error instanceof Fault) return { kind: error.kind, details: error.details };
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    kind: "bug",
    details: { what, todo: "This is a bug in Sluice; the log holds the stack." },
    stack: error instanceof Error ? error.stack : undefined,
  };
}

/** The reverse of {@linkcode toFaultData}. */
export function fromFaultData(data: FaultData): Fault {
  const fault = new Fault(data.kind, data.details);
  fault.stack = data.stack; // ours says only where the data arrived
  return fault;
}

/** At most `max` characters of `text`, quoted, for a message; control characters are escaped. */
export function quoted(text: string, max = 120): string {
  const cut = text.length > max ? `${text.slice(0, max)}… (${text.length} characters)` : text;
  return JSON.stringify(cut);
}
