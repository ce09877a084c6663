/** What kafkajs, Kafka, the network and TLS answer, as faults: one table. */
import { Fault, type FaultKind } from "../../errors.ts";

/** What was being done, and where: both stand in the message. */
export interface FaultContext {
  /** The brokers as they were given. */
  readonly where: string;
  /** Such as "reading the topics' offsets". */
  readonly doing: string;
}

/** Any error as a `Fault`. */
export function toFault(error: unknown, context: FaultContext): Fault {
  if (error instanceof Fault) return error;
  const kind: FaultKind = "connection";
  return new Fault(kind, {
    what: `Kafka broke off (${context.doing}, ${context.where})`,
    received: error instanceof Error ? error.message : String(error),
    todo: "Sluice goes on trying.",
  }, { cause: error });
}
