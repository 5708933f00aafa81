import type { Host } from "../host/host.ts";
import type { Database } from "../metadata/database.ts";
import type { Snapshotter } from "../snapshot/snapshotter.ts";

/** What operations work with. */
export interface OpDeps {
  readonly host: Host;
  readonly db: Database;
  readonly snapshotter: Snapshotter;
  /** Write nothing down about files that are looked at. */
  readonly forgetful?: boolean;
}
