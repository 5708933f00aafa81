import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type Random, randomOf } from "../support/random.ts";
import type { PowerLossJob } from "./guest/power-loss-job.ts";
import { type MachineImage, makeDisk } from "./image.ts";
import { empty, type Ledger, type Report, written } from "./ledger.ts";
import { type Machine, startMachine } from "./machine.ts";

const execute = promisify(execFile);

/** What {@link powerLoss} takes. */
export interface PowerLossOptions {
  readonly scratch: string;
  readonly seed: string;
  /** How often the power is cut. */
  readonly cycles: number;
}

/** When the power is cut: some time after the `count`-th report of a kind. */
interface Moment {
  readonly after: "begin" | "done";
  readonly count: number;
  readonly milliseconds: number;
}

/** What one boot left. */
interface Boot {
  readonly ledger: Ledger;
  readonly wrong: readonly string[];
}

/** A boot that takes longer hangs. */
const seconds = 300;

/**
 * Cut the power of a machine that works on a store, boot it again and look, again and again.
 * The last line printed is `N passed, N failed`: a boot that found everything right has passed.
 *
 * @returns the exit code
 */
export async function powerLoss(image: MachineImage, { scratch, seed, cycles }: PowerLossOptions): Promise<number> {
  const random = randomOf(seed);
  const disk = await openDisk(scratch);
  say(`seed ${seed}`);
  let ledger = empty;
  let failed = 0;
  for (let cycle = 0; cycle <= cycles; cycle++) {
    const last = cycle === cycles;
    const data = await disk.layer();
    const job = { ledger, seed: `${seed} ${cycle}`, stamp: String(cycle), root: "/data/root", last };
    await using machine = startMachine(image, { scratch, job: script(job), init: "plain", data, seconds });
    const boot = await follow(machine, { ledger, moment: last ? undefined : momentOf(random) });
    await machine.kill();
    await disk.merge();
    ledger = boot.ledger;
    const begun = ledger.begun === undefined ? "" : `, in ${ledger.begun.verb} of ${ledger.begun.name}`;
    say(
      `boot ${cycle + 1} of ${cycles + 1}: ${boot.wrong.length === 0 ? "all right" : "WRONG"}; then ${last ? "all removed" : `power cut${begun}`}`,
    );
    for (const wrong of boot.wrong) say(`  ${wrong}`);
    if (boot.wrong.length === 0) continue;
    failed++;
    // What was lost would be found missing again and again.
    ledger = empty;
    await disk.wipe();
  }
  say(`${cycles + 1 - failed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

/** Most that a step takes under emulation, milliseconds. */
const stepTime = 3500;

/** Half of them while a step is under way, half right after one was reported done, which is when it has to be on the disk. */
function momentOf(random: Random): Moment {
  const after = random() < 0.5 ? "begin" : "done";
  const most = after === "begin" ? stepTime : 100;
  return { after, count: 1 + Math.floor(random() * 5), milliseconds: Math.floor(random() * most) };
}

async function follow(
  machine: Machine,
  { ledger, moment }: { readonly ledger: Ledger; readonly moment: Moment | undefined },
): Promise<Boot> {
  const boot: { ledger: Ledger; wrong: string[] } = { ledger, wrong: [] };
  let count = 0;
  let cut: Promise<void> | undefined;
  for await (const line of machine.lines) {
    const report = reportOf(line);
    if (report === undefined) continue;
    if ("wrong" in report) boot.wrong.push(report.wrong);
    boot.ledger = written(boot.ledger, report);
    if ("emptied" in report) cut ??= machine.kill();
    if (moment === undefined || !(moment.after in report)) continue;
    if (++count === moment.count) cut = sleep(moment.milliseconds).then(machine.kill);
  }
  await cut;
  if (cut === undefined) boot.wrong.push("the machine ended early or hung; its console:", machine.console());
  return boot;
}

/** Whatever else is printed inside is an error that nobody expected; a line that is cut off was never reported. */
function reportOf(line: string): Report | undefined {
  if (!line.startsWith("{")) return { wrong: line };
  try {
    return JSON.parse(line) as Report;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Long times between write-backs, and no flush that the file system makes of its own accord: what berth doesn't sync is lost. */
function script(job: PowerLossJob): string {
  return `set -e
echo 60000 > /proc/sys/vm/dirty_expire_centisecs
echo 60000 > /proc/sys/vm/dirty_writeback_centisecs
mount -t ext4 -o noauto_da_alloc,commit=600 /dev/vde /data
cp /var/cache/berth/busybox-*.tar /run/base.tar
cat > /run/job.json <<'JSON'
${JSON.stringify(job)}
JSON
export BERTH_ROOT=${job.root} BERTH_RUN_ROOT=/run/berth
node test/vm/guest/power-loss-job.ts /run/job.json`;
}

/** A disk of which each boot writes a layer: what goes there is new to it, and is lost unless it was flushed. */
interface Disk {
  /** Begin a layer, and give its file. */
  readonly layer: () => Promise<string>;
  /** Put the layer down on the others, as it is now. */
  readonly merge: () => Promise<void>;
  /** Make it empty. */
  readonly wipe: () => Promise<void>;
}

async function openDisk(scratch: string): Promise<Disk> {
  const base = join(scratch, "data.ext4");
  const top = join(scratch, "data.qcow2");
  const make = async (): Promise<void> => {
    rmSync(base, { force: true });
    await makeDisk(base, { size: "1G" });
  };
  await make();
  return {
    layer: async () => {
      await execute("qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", top]);
      return top;
    },
    merge: async () => {
      await execute("qemu-img", ["commit", "-q", top]);
      rmSync(top);
    },
    wipe: make,
  };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
