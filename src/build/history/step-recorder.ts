import type { ProgressEvent } from "../../base/operation.ts";
import type { PastStep } from "./past-build.ts";

type Step = { -readonly [Key in keyof PastStep]: PastStep[Key] };

/** Characters of an error that are kept. */
export const longestError = 10_000;

/** Makes steps of what is told of them. */
export class StepRecorder {
  readonly #steps = new Map<string, Step>();

  /** @param now milliseconds since the build began */
  add(event: Extract<ProgressEvent, { readonly kind: "step" }>, now: number): void {
    const { id, name, status, error } = event;
    if (status === "started") {
      this.#steps.set(id, { vertex: id, name, outcome: "canceled", started: now });
      return;
    }
    const step = this.#steps.get(id) ?? { vertex: id, name, outcome: "canceled" };
    this.#steps.set(id, step);
    step.outcome = status === "done" ? "ran" : status;
    if (step.started === undefined) step.started = now;
    else step.duration = Math.round((now - step.started) * 10) / 10;
    if (error !== undefined) step.error = error.slice(0, longestError);
  }

  has(vertex: string): boolean {
    return this.#steps.has(vertex);
  }

  /** In the order in which they were told of. */
  all(): readonly PastStep[] {
    return [...this.#steps.values()];
  }
}
