import type { Sql } from "./database.ts";

/** Something that happened, as `events` tells it. */
export interface EventRecord {
  readonly type: "image" | "container" | "network" | "volume" | "builder";
  /** Docker's word: `tag`, `untag`, `delete`, `create`, `start`, `die`, … */
  readonly action: string;
  readonly id: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Record an event in the transaction that makes the change. */
export function recordEvent(sql: Sql, event: EventRecord): void {
  sql.run(
    "INSERT INTO event (time, type, action, id, attributes) VALUES (?, ?, ?, ?, ?)",
    new Date().toISOString(),
    event.type,
    event.action,
    event.id,
    JSON.stringify(event.attributes ?? {}),
  );
}
