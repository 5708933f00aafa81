import { monotonic } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { digestOf } from "../oci/digest.ts";

/** Do something that isn't a vertex, and tell of it like of one: `[internal] load .dockerignore`. */
export async function internalStep<T>({ report }: Operation, name: string, body: () => Promise<T>): Promise<T> {
  const id = digestOf(name);
  const started = monotonic();
  const end = (status: "done" | "failed", error?: string): void =>
    report?.({
      kind: "step",
      id,
      name,
      status,
      duration: monotonic() - started,
      ...(error === undefined ? {} : { error }),
    });
  report?.({ kind: "step", id, name, status: "started" });
  try {
    const result = await body();
    end("done");
    return result;
  } catch (error) {
    end("failed", messageOf(error));
    throw error;
  }
}
