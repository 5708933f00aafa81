import { BerthError } from "../../base/errors.ts";
import { type Field, fieldsOf, message } from "./protobuf.ts";

// What BuildKit writes down of a build's progress: messages of the form `StatusResponse`, each behind its length.
// @see BuildKit, api/services/control/control.proto and solver/llbsolver/history

/** A step, as far as it had come. Times are milliseconds since the epoch. */
export interface VertexStatus {
  readonly digest: string;
  readonly inputs: readonly string[];
  readonly name: string;
  readonly cached: boolean;
  readonly started?: number;
  readonly completed?: number;
  /** Empty without one. */
  readonly error: string;
}

/** Something that a step did on its way. */
export interface WorkStatus {
  readonly id: string;
  readonly vertex: string;
  readonly current: number;
  readonly total: number;
  readonly timestamp: number;
  readonly started?: number;
  readonly completed?: number;
}

/** What a step wrote. */
export interface OutputStatus {
  readonly vertex: string;
  readonly timestamp: number;
  readonly stream: "stdout" | "stderr";
  readonly data: Buffer;
}

/** What a step warned of. */
export interface WarningStatus {
  readonly vertex: string;
  readonly message: string;
}

/** What was told at once. */
export interface SolveStatus {
  readonly vertexes: readonly VertexStatus[];
  readonly statuses: readonly WorkStatus[];
  readonly logs: readonly OutputStatus[];
  readonly warnings: readonly WarningStatus[];
}

/** Most bytes of a message, as BuildKit has it. */
const longest = 32 << 20;

/** A message behind its length. */
export function encodeStatus({ vertexes, statuses, logs, warnings }: SolveStatus): Buffer {
  const body = message(
    ...vertexes.map((each) => [1, vertexMessage(each)] as const),
    ...statuses.map((each) => [2, workMessage(each)] as const),
    ...logs.map(({ vertex, timestamp, stream, data }) => {
      const number = stream === "stdout" ? 1 : 2;
      return [3, message([1, vertex], [2, timeMessage(timestamp)], [3, number], [4, data])] as const;
    }),
    ...warnings.map(({ vertex, message: text }) => [4, message([1, vertex], [2, 1], [3, text])] as const),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return Buffer.concat([length, body]);
}

function vertexMessage({ digest, inputs, name, cached, started, completed, error }: VertexStatus): Buffer {
  return message(
    [1, digest],
    ...inputs.map((input) => [2, input] as const),
    [3, name],
    [4, cached ? 1 : 0],
    [5, timeMessage(started)],
    [6, timeMessage(completed)],
    [7, error],
  );
}

function workMessage({ id, vertex, current, total, timestamp, started, completed }: WorkStatus): Buffer {
  const times = [timestamp, started, completed].map((time, place) => [6 + place, timeMessage(time)] as const);
  return message([1, id], [2, vertex], [4, current], [5, total], ...times);
}

function timeMessage(time: number | undefined): Buffer | undefined {
  if (time === undefined) return undefined;
  const seconds = Math.floor(time / 1000);
  return message([1, seconds], [2, Math.round((time - seconds * 1000) * 1e6)]);
}

/** The messages of a log. @throws {BerthError} invalid-argument, for what is none */
export function* decodeStatuses(bytes: Buffer): Generator<SolveStatus> {
  for (let at = 0; at < bytes.length; ) {
    const length = at + 4 <= bytes.length ? bytes.readUInt32LE(at) : Infinity;
    const end = at + 4 + length;
    if (length > longest || end > bytes.length)
      throw new BerthError("invalid-argument", "the log of a build record is cut off");
    yield statusOf(bytes.subarray(at + 4, end));
    at = end;
  }
}

function statusOf(bytes: Buffer): SolveStatus {
  const lists = Map.groupBy(fieldsOf(bytes), ({ number }) => number);
  const all = <T>(number: number, read: (fields: Fields) => T): readonly T[] =>
    (lists.get(number) ?? []).flatMap((field) => (field.kind === "bytes" ? [read(new Fields(field.value))] : []));
  return {
    vertexes: all(1, vertexOf),
    statuses: all(2, workOf),
    logs: all(3, (fields) => ({
      vertex: fields.text(1),
      timestamp: fields.time(2) ?? 0,
      stream: fields.number(3) === 1 ? "stdout" : "stderr",
      data: fields.bytes(4),
    })),
    warnings: all(4, (fields) => ({ vertex: fields.text(1), message: fields.text(3) })),
  };
}

function vertexOf(fields: Fields): VertexStatus {
  const [started, completed] = [fields.time(5), fields.time(6)];
  return {
    ...{ digest: fields.text(1), inputs: fields.texts(2), name: fields.text(3), cached: fields.number(4) === 1 },
    ...(started === undefined ? {} : { started }),
    ...(completed === undefined ? {} : { completed }),
    error: fields.text(7),
  };
}

function workOf(fields: Fields): WorkStatus {
  const [started, completed] = [fields.time(7), fields.time(8)];
  return {
    ...{ id: fields.text(1), vertex: fields.text(2), current: fields.number(4), total: fields.number(5) },
    timestamp: fields.time(6) ?? 0,
    ...(started === undefined ? {} : { started }),
    ...(completed === undefined ? {} : { completed }),
  };
}

/** The fields of one message by their numbers; of several the last counts. */
class Fields {
  readonly #fields: readonly Field[];

  constructor(bytes: Buffer) {
    this.#fields = [...fieldsOf(bytes)];
  }

  bytes(number: number): Buffer {
    const found = this.#fields.findLast((field) => field.number === number);
    return found?.kind === "bytes" ? found.value : Buffer.alloc(0);
  }

  text(number: number): string {
    return this.bytes(number).toString("utf8");
  }

  texts(number: number): readonly string[] {
    return this.#fields.flatMap((field) =>
      field.number === number && field.kind === "bytes" ? [field.value.toString("utf8")] : [],
    );
  }

  number(number: number): number {
    const found = this.#fields.findLast((field) => field.number === number);
    return found?.kind === "varint" ? Number(found.value) : 0;
  }

  /** Milliseconds since the epoch. */
  time(number: number): number | undefined {
    if (!this.#fields.some((field) => field.number === number)) return undefined;
    const fields = new Fields(this.bytes(number));
    return fields.number(1) * 1000 + fields.number(2) / 1e6;
  }
}
