/**
 * The names of an object's fields, in their order. Two objects with the same names in the same order
 * have the same shape, which is one JavaScript object: what is found out about a shape (where a
 * column is in it) is found out once. A shape is a node of a tree; the way from the root to it
 * spells its names.
 */
import { Literals } from "./literals.ts";
import { Malformed } from "./json.ts";
import { stringOf } from "./json_string.ts";

/** No table has so many columns, and no envelope so many fields. */
const FIELDS_MAX = 4096;

/** Names seen in one place of a topic's records; beyond this the tree starts anew. */
const NODES_MAX = 50_000;

/** See the top of this file. */
export class Shape {
  readonly #children: Shape[] = [];
  #index: Map<string, number> | undefined;
  #literals: Literals | undefined;

  private constructor(
    private readonly tree: { nodes: number },
    readonly parent: Shape | null,
    /** The last field's name, and its bytes as they are written between the quotes. */
    readonly name: string,
    readonly spelled: Uint8Array,
    /** How many fields. */
    readonly count: number,
  ) {}

  /** The shape of an object without fields. */
  static root(): Shape {
    return new Shape({ nodes: 1 }, null, "", new Uint8Array(0), 0);
  }

  /** Whether the tree has grown beyond what real records need: begin another one. */
  get isOvergrown(): boolean {
    return this.tree.nodes > NODES_MAX;
  }

  /** This shape and one more field, whose name is `[start, stop)` of `bytes`, a string's inside. */
  then(bytes: Uint8Array, start: number, stop: number, kind: number): Shape {
    const children = this.#children;
    for (let i = 0; i < children.length; i++) {
      if (children[i].isSpelled(bytes, start, stop)) return children[i];
    }
    const name = stringOf(bytes, start, stop, kind);
    if (this.indexOf(name) >= 0) throw new Malformed(`the key ${JSON.stringify(name)} twice`);
    if (this.count === FIELDS_MAX) throw new Malformed(`an object of over ${FIELDS_MAX} fields`);
    this.tree.nodes++;
    const child = new Shape(this.tree, this, name, bytes.slice(start, stop), this.count + 1);
    children.push(child);
    return child;
  }

  isSpelled(bytes: Uint8Array, start: number, stop: number): boolean {
    return isSpelled(bytes, start, stop, this.spelled);
  }

  /** The place of the field of this name; −1: there is none. */
  indexOf(name: string): number {
    if (this.#index === undefined) {
      this.#index = new Map(this.names().map((each, i) => [each, i]));
    }
    return this.#index.get(name) ?? -1;
  }

  /** What stands before each value where there is no white space: `{"id":`, `,"name":`, … */
  get literals(): Literals {
    return this.#literals ??= new Literals(this.pieces());
  }

  /** The same, one by one. */
  pieces(): Uint8Array[] {
    const pieces = this.parent === null ? [] : this.parent.pieces();
    const first = this.count === 1 ? 0x7b : 0x2c;
    if (this.count > 0) pieces.push(Uint8Array.of(first, 0x22, ...this.spelled, 0x22, 0x3a));
    return pieces;
  }

  /** All names, in their order. */
  names(): string[] {
    const names = this.count === 0 ? [] : [this.name];
    for (let at = this.parent; at !== null && at.count > 0; at = at.parent) names.push(at.name);
    return names.reverse();
  }
}

/** Whether `[start, stop)` of `bytes` are those of `text`. */
export function isSpelled(
  bytes: Uint8Array,
  start: number,
  stop: number,
  text: Uint8Array,
): boolean {
  if (text.length !== stop - start) return false;
  for (let i = 0; i < text.length; i++) if (text[i] !== bytes[start + i]) return false;
  return true;
}
