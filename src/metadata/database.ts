/** Statements inside one transaction. Parameters are bound by position. */
export interface Sql {
  /** Every row of a query. */
  all<Row>(text: string, ...parameters: readonly SqlValue[]): Row[];
  /** The first row of a query, or undefined. */
  get<Row>(text: string, ...parameters: readonly SqlValue[]): Row | undefined;
  /** A statement that changes rows. @returns how many, and the row ID of the last insert */
  run(text: string, ...parameters: readonly SqlValue[]): { readonly changes: number; readonly lastInsertRowid: number };
}

/** What SQLite stores. */
export type SqlValue = string | number | bigint | null | Uint8Array;

/** A SQLite file that many processes share. */
export interface Database extends Disposable {
  /**
   * `BEGIN IMMEDIATE` … `COMMIT` around `body`, which can't await. Waits asynchronously while another process writes.
   * What `body` throws rolls back and is thrown on.
   *
   * @param options durable: false for what a loss of power may take back, as it isn't waited for; what is written later isn't kept without it
   */
  write<T>(body: (sql: Sql) => T, options?: { readonly durable?: boolean }): Promise<T>;
  /** One consistent read. */
  read<T>(body: (sql: Sql) => T): T;
  /** The first row of one query, which is consistent by itself: half as long as {@link read}. */
  get<Row>(text: string, ...parameters: readonly SqlValue[]): Row | undefined;
}
