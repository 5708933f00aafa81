import { monotonic } from "../base/clock.ts";
import type { ProgressEvent } from "../base/operation.ts";
import type { PreparedPull } from "../image/pull.ts";
import type { Digest } from "../oci/digest.ts";
import type { StepOperation } from "./solve.ts";

/** Pull a base image, and tell of it as BuildKit does: what is resolved, which blobs have come in, which layers are extracted. */
export async function pullBase(pull: PreparedPull, vertex: Digest, { signal, report }: StepOperation): Promise<void> {
  report?.({ kind: "status", id: vertex, name: `resolve ${pull.name}`, duration: 0 });
  const tell = report === undefined ? undefined : (event: ProgressEvent) => toldOf(event).forEach(report);
  const toldOf = translator(vertex);
  await pull.pull({ signal, ...(tell === undefined ? {} : { report: tell }) });
}

/** Makes of what a pull tells what BuildKit tells of the vertex that it is for. */
export function translator(vertex: Digest): (event: ProgressEvent) => readonly ProgressEvent[] {
  /** When the first bytes of each layer were unpacked, milliseconds. */
  const extracting = new Map<string, number>();
  return (event) => {
    if (event.kind === "bytes" && event.name === "Extracting") {
      if (!extracting.has(event.id)) extracting.set(event.id, monotonic());
      return [];
    }
    if (event.kind === "bytes") return event.current === 0 ? [] : [{ ...event, id: vertex, name: event.id }];
    if (event.kind !== "step" || event.name !== "Pull complete") return [];
    const duration = monotonic() - (extracting.get(event.id) ?? monotonic());
    return [{ kind: "status", id: vertex, name: `extracting ${event.id}`, duration }];
  };
}
