import type { Operation, ProgressEvent } from "../../base/operation.ts";

/** Progress of one of several targets, which its name in front tells apart. */
export function prefixed(report: NonNullable<Operation["report"]>, target: string): (event: ProgressEvent) => void {
  return (event) => {
    const id = `${target} ${event.id}`;
    report(event.kind === "step" ? { ...event, id, name: withPrefix(target, event.name) } : { ...event, id });
  };
}

/** A step's name with its target's: `[app 2/4] RUN make`. */
export function withPrefix(target: string, name: string): string {
  return name.startsWith("[") ? `[${target} ${name.slice(1)}` : `[${target}] ${name}`;
}
