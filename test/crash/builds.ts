import { createHash } from "node:crypto";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "../../src/base/errors.ts";
import { type Berth, openBerth } from "../support/berth.ts";
import { baseArchives } from "../support/images.ts";
import { leftBehind } from "../support/left-behind.ts";
import { runProgram } from "../support/program.ts";
import { pick, type Random, randomOf } from "../support/random.ts";
import type { Runs } from "./faulty.ts";

/** What interrupting builds came to. */
export interface BuildsReport {
  /** Builds by how they ended: `kill`, `cancel` and `full` for those that were met, `ended` for those that were over by then. */
  readonly ends: Readonly<Record<string, number>>;
  /** The longest that a build took to end when it was cancelled, milliseconds. */
  readonly slowest: number;
  /** One sentence each. */
  readonly problems: readonly string[];
}

/** Bytes of the store's disk: a tmpfs, so that it can be filled. */
const diskSize = 160 << 20;

/**
 * Four stages at once, with each kind of mount and a network, joined by a fifth. That of SOURCE_DATE_EPOCH is one and the same image
 * however often it was interrupted before.
 */
const Dockerfile = `FROM busybox AS a
RUN --mount=type=cache,target=/c for i in 1 2 3; do echo $i > /a$i; sleep 0.05; done; echo x > /c/.t; mv /c/.t /c/x
FROM busybox AS b
RUN --network=none --mount=type=cache,target=/c,id=l,sharing=locked --mount=type=tmpfs,target=/t head -c 4000000 /dev/zero > /b; cp /b /t; cp /b /c
FROM busybox AS c
ARG FAIL
RUN --network=none --mount=type=bind,target=/ctx,rw cp /ctx/noise /c; echo > /ctx/w; sleep 0.1; test -z "$FAIL"
FROM busybox AS d
COPY noise /d
RUN --network=none sha256sum /d > /e
FROM busybox
COPY --from=a /a1 /a2 /a3 /
COPY --from=b /b /
COPY --from=c /c /
COPY --from=d /d /e /
RUN --network=none cat /a1 /a2 /a3 > /all; sha256sum /b /c /d > /sums
`;

const env = { SOURCE_DATE_EPOCH: "1700000000" };
const args = ["build", "-q", "-t", "made", "context"];

/** Kill, cancel, or take all of the disk from builds at random moments: each time the store has to be whole, and the next build right. */
export async function interruptedBuilds({ seed, runs, from = 0, goesOn = () => true }: Runs): Promise<BuildsReport> {
  const report = { ends: {} as Record<string, number>, slowest: 0, problems: [] as string[] };
  await using bench = await openBench();
  for (let n = from; n < from + runs && goesOn(from + runs - n); n++) {
    const random = randomOf(`${seed} ${n}`);
    const what = (["kill", "cancel", "full"] as const)[n % 3] ?? "kill";
    try {
      const { met, took } = await interrupt(bench, what, random);
      const end = met ? what : "ended";
      report.ends[end] = (report.ends[end] ?? 0) + 1;
      report.slowest = Math.max(report.slowest, took);
    } catch (error) {
      report.problems.push(`${n}, ${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return report;
}

type Kind = "kill" | "cancel" | "full";

interface Bench extends AsyncDisposable {
  readonly berth: Berth;
  readonly root: string;
  /** Of the image that each build has to make. */
  readonly id: string;
  /** Milliseconds that a build takes that finds nothing. */
  readonly duration: number;
}

async function openBench(): Promise<Bench> {
  await using stack = new AsyncDisposableStack();
  const berth = stack.use(openBerth());
  const root = join(berth.directory, "root");
  mkdirSync(root);
  await done("mount", ["-t", "tmpfs", "-o", `size=${diskSize}`, "tmpfs", root]);
  stack.defer(() => done("umount", [root]));
  await berth.out(["import", baseArchives().busybox, "busybox"], { env });
  const noise = Array.from({ length: 30_000 }, (_, n) => createHash("sha256").update(String(n)).digest("hex"));
  await berth.files("context", { Dockerfile, noise: noise.join("\n") });
  const begun = performance.now();
  const id = await berth.out(args, { env });
  const duration = performance.now() - begun;
  const owned = stack.move();
  return { berth, root, id, duration, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

interface Interrupted {
  /** False when the build had ended by then. */
  readonly met: boolean;
  /** Milliseconds that it took to end. */
  readonly took: number;
}

async function interrupt(bench: Bench, what: Kind, random: Random): Promise<Interrupted> {
  const { berth, id } = bench;
  if (random() < 0.85) await berth.out(["builder", "prune", "-af"]);
  await berth.run(["rmi", "-f", "made"]);
  const interrupted = await interruptOnce(bench, what, random);
  // What goes on without its build is ended by whatever collects.
  if (what === "kill") await berth.out(["image", "prune", "-f"]);
  const left = leftBehind(berth);
  if (left.length > 0) throw new Error(`it has left ${left.join(", ")}`);
  await checkStore(berth);
  const next = await berth.out(args, { env });
  if (next !== id) throw new Error(`the next build made ${next} instead of ${id}`);
  const script = "cat /all; sha256sum -c /sums /e";
  const said = await berth.out(["run", "--rm", "--network", "none", "made", "sh", "-c", script]);
  if (!said.startsWith("1\n2\n3\n") || said.includes("FAILED")) throw new Error(`the image has ${said}`);
  await checkStore(berth);
  return interrupted;
}

/** Start a build, one of five with a step that fails, and do to it what is to be done at some moment. */
async function interruptOnce({ berth, root, duration }: Bench, what: Kind, random: Random): Promise<Interrupted> {
  const failing = random() < 0.2 ? ["--build-arg", "FAIL=1"] : [];
  const child = berth.start([...args, ...failing], { env });
  let stderr = "";
  child.stderr?.on("data", (data: Buffer) => {
    stderr += data.toString();
  });
  child.stdout?.resume();
  // What goes on without a killed build holds its pipes.
  const ended = once(child, what === "kill" ? "exit" : "close");
  await Promise.race([sleep(random() * 0.9 * duration), ended]);
  const met = child.exitCode === null && child.signalCode === null;
  const begun = performance.now();
  {
    using _full = what === "full" ? fill(root) : undefined;
    if (what === "cancel") child.kill(pick(random, ["SIGINT", "SIGTERM", "SIGHUP"]));
    if (what === "kill") child.kill("SIGKILL");
    await ended;
  }
  if (/\n\s+at |SQLITE|suppressed/.test(stderr)) throw new Error(`a bug: ${stderr}`);
  return { met, took: what === "cancel" && met ? performance.now() - begun : 0 };
}

async function checkStore(berth: Berth): Promise<void> {
  const { code, stdout, stderr } = await berth.run(["system", "check"]);
  if (code !== 0) throw new Error(`system check: ${stdout}${stderr}`);
}

/** Take every free byte until disposed, also what is freed meanwhile. */
function fill(root: string): Disposable {
  const path = join(root, "wild");
  const file = openSync(path, "a");
  const chunk = Buffer.alloc(1 << 16, "x");
  const take = (): void => {
    try {
      for (;;) writeSync(file, chunk);
    } catch (error) {
      if (codeOf(error) !== "ENOSPC") throw error;
    }
  };
  take();
  const again = setInterval(take, 20);
  return {
    [Symbol.dispose]: () => {
      clearInterval(again);
      closeSync(file);
      rmSync(path);
    },
  };
}

async function done(program: string, words: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram(program, words);
  if (code !== 0) throw new Error(`${program} ${words.join(" ")} ended with ${code}: ${stderr}`);
}
