import type { ProgressEvent } from "../../base/operation.ts";
import { masked } from "./mask.ts";
import { pack, unpack } from "./packed.ts";

/** Bytes of output that are kept of a build's beginning and of its end. */
interface LogBounds {
  readonly head: number;
  readonly tail: number;
}

/** Most messages of other kinds. */
const mostNotes = 10_000;

/** An event of an earlier build. */
export interface LoggedEvent {
  /** Milliseconds since the build began. */
  readonly at: number;
  readonly event: Exclude<ProgressEvent, { readonly kind: "step" }>;
}

/** What a write counts as beside its bytes, so that very many small ones are bounded too. */
const overhead = 64;

/** Takes down what steps write and tell, within bounds: what lies between the beginning and the end of very much is left out. */
export class BuildLogger {
  readonly #bounds: LogBounds;
  readonly #head: LoggedEvent[] = [];
  #tail: LoggedEvent[] = [];
  /** Those of the tail before this one are given up. */
  #first = 0;
  #headSize = 0;
  #tailSize = 0;
  #lost = 0;
  #notes = 0;

  constructor(bounds: LogBounds = { head: 3 << 20, tail: 1 << 20 }) {
    this.#bounds = bounds;
  }

  /** @param event no `step`: those are recorded by themselves */
  add(at: number, event: LoggedEvent["event"]): void {
    if (event.kind === "output") this.#output({ at, event: { ...event, data: new Uint8Array(event.data) } });
    else if (!isPassing(event) && this.#notes++ < mostNotes)
      (this.#tail.length > 0 ? this.#tail : this.#head).push({ at, event });
  }

  /** The log as it is kept, without secrets; undefined where nothing was told. @param secrets as {@link secretTexts} has them */
  packed(secrets: readonly string[]): Uint8Array | undefined {
    const tail = this.#tail.slice(this.#first);
    const id = tail[0]?.event.id ?? "";
    const data = Buffer.from(`[output clipped, ${this.#lost} bytes are not kept]\n`);
    const cut: LoggedEvent[] =
      this.#lost === 0 ? [] : [{ at: tail[0]?.at ?? 0, event: { kind: "output", id, stream: "stderr", data } }];
    const events = withoutSecrets([...this.#head, ...cut, ...tail], secrets);
    return events.length === 0 ? undefined : pack(events.map(({ at, event }) => [Math.round(at), rowOf(event)]));
  }

  #output(logged: LoggedEvent): void {
    const size = sizeOf(logged);
    if (this.#tail.length === 0 && this.#headSize + size <= this.#bounds.head) {
      this.#headSize += size;
      this.#head.push(logged);
      return;
    }
    this.#tailSize += size;
    this.#tail.push(logged);
    for (; this.#tailSize > this.#bounds.tail && this.#first < this.#tail.length - 1; this.#first++) {
      const dropped = this.#tail[this.#first];
      this.#tailSize -= sizeOf(dropped);
      this.#lost += bytesOf(dropped);
    }
    if (this.#first > this.#tail.length / 2) {
      this.#tail = this.#tail.slice(this.#first);
      this.#first = 0;
    }
  }
}

function sizeOf(logged: LoggedEvent | undefined): number {
  return logged?.event.kind === "output" ? logged.event.data.length + overhead : 0;
}

function bytesOf(logged: LoggedEvent | undefined): number {
  return logged?.event.kind === "output" ? logged.event.data.length : 0;
}

/** How far a transfer is says nothing any more when it has ended. */
function isPassing(event: LoggedEvent["event"]): boolean {
  return event.kind === "bytes" && event.current !== event.total;
}

/** Bytes are kept as a text with a character for each. */
function rowOf(event: LoggedEvent["event"]): object {
  return event.kind === "output" ? { ...event, data: Buffer.from(event.data).toString("latin1") } : event;
}

/** The events of a log. @throws {Error} for what is none */
export function unpackLog(bytes: Uint8Array): readonly LoggedEvent[] {
  return unpack(bytes).map((value) => {
    if (!isRow(value)) throw new Error("no log of a build");
    const [at, event] = value;
    return {
      at,
      event: event.kind === "output" ? { ...event, data: Buffer.from(String(event.data), "latin1") } : event,
    };
  });
}

function isRow(value: unknown): value is readonly [number, LoggedEvent["event"]] {
  return Array.isArray(value) && typeof value[0] === "number" && typeof value[1] === "object" && value[1] !== null;
}

/** A step may print what it was trusted with: the log doesn't keep it. */
function withoutSecrets(events: readonly LoggedEvent[], secrets: readonly string[]): readonly LoggedEvent[] {
  if (secrets.length === 0) return events;
  const outputs = Map.groupBy(events, ({ event }) => (event.kind === "output" ? `${event.id} ${event.stream}` : ""));
  return events.flatMap((logged) => {
    const { event } = logged;
    if (event.kind !== "output") return [logged];
    const all = outputs.get(`${event.id} ${event.stream}`) ?? [];
    const text = all.map(textOf).join("");
    const shown = masked(text, secrets);
    if (shown === text) return [logged];
    // Where one secret may lie across several writes, they become one.
    if (all[0] !== logged) return [];
    return [{ ...logged, event: { ...event, data: Buffer.from(shown, "latin1") } }];
  });
}

function textOf({ event }: LoggedEvent): string {
  return event.kind === "output" ? Buffer.from(event.data).toString("latin1") : "";
}
