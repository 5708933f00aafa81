/** What every long operation takes: `signal` stops it, `report` is told what it is doing. */
export interface Operation {
  readonly signal?: AbortSignal;
  readonly report?: (event: ProgressEvent) => void;
}

type Undefinable<T> = { readonly [Key in keyof T]: T[Key] | undefined };

/** What of an operation's options is the operation's. */
export function operationOf({ signal, report }: Undefinable<Operation>): Operation {
  return { ...stoppedBy(signal), ...(report === undefined ? {} : { report }) };
}

/** The options of what a signal stops, where there is one. */
export function stoppedBy(signal: AbortSignal | undefined): Pick<Operation, "signal"> {
  return signal === undefined ? {} : { signal };
}

/** What a promise comes to, or the signal's reason as soon as it aborts: the promise goes on, and its failure is nobody's then. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** How far a step is. `cached` ends a step that did not have to run, `canceled` one that was stopped by another's failure. */
export type StepStatus = "started" | "cached" | "done" | "failed" | "canceled";

/** What an operation tells while it runs. `id` is stable for one thing: a digest, a vertex digest, a container ID. */
export type ProgressEvent =
  | {
      readonly kind: "step";
      readonly id: string;
      readonly name: string;
      readonly status: StepStatus;
      /** Milliseconds since the step started; given when it ends. */
      readonly duration?: number;
      readonly error?: string;
      /** Of a vertex: those that it reads, by their `id`. */
      readonly inputs?: readonly string[];
    }
  | {
      readonly kind: "output";
      readonly id: string;
      readonly stream: "stdout" | "stderr";
      readonly data: Uint8Array;
    }
  | {
      readonly kind: "bytes";
      readonly id: string;
      readonly name: string;
      /** Bytes. */
      readonly current: number;
      /** Bytes, where the end is known. */
      readonly total?: number;
    }
  | {
      /** Something that a step did on its way: `resolve docker.io/library/debian:12`. */
      readonly kind: "status";
      readonly id: string;
      readonly name: string;
      /** Milliseconds. */
      readonly duration: number;
    }
  | { readonly kind: "warning"; readonly id: string; readonly message: string };
