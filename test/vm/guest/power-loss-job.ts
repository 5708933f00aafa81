import { mkdirSync, readFileSync } from "node:fs";
import { randomOf } from "../../support/random.ts";
import type { Ledger } from "../ledger.ts";
import { checkStore, emptyStore } from "./check.ts";
import { scratch } from "./store.ts";
import { workOnStore } from "./work.ts";

/** What the host asks of one boot. */
export interface PowerLossJob {
  readonly ledger: Ledger;
  readonly seed: string;
  readonly stamp: string;
  /** Where the store lies. */
  readonly root: string;
  /** The last boot: everything is looked at and removed, and the power stays. */
  readonly last: boolean;
}

const job = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as PowerLossJob;
mkdirSync(scratch, { recursive: true });
const names = await checkStore(job.ledger, job.last);
if (job.last) await emptyStore(job.root);
else await workOnStore(names, { random: randomOf(job.seed), stamp: job.stamp });
