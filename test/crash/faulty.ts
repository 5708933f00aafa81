import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Berth, berthCommand, openBerth, openBerthWithBusybox } from "../support/berth.ts";
import { allFaults, type Fault, type FaultyProxy, type Mischief, openFaultyProxy } from "../support/faulty-proxy.ts";
import { writeMultiPlatform } from "../support/multi-platform.ts";
import { type Outcome, runProgram } from "../support/program.ts";
import { pick, type Random, randomOf } from "../support/random.ts";
import { openRegistry, type Registry } from "../support/registry.ts";
import { imageAt } from "../support/registry-image.ts";

/** What pulls and pushes through a faulty proxy came to. */
export interface FaultyReport {
  /** Commands by how they ended. */
  readonly ends: Readonly<Record<End, number>>;
  /** How often each fault was met. */
  readonly faults: Readonly<Partial<Record<Fault, number>>>;
  /** One sentence each. */
  readonly problems: readonly string[];
}

type End = "pulled" | "pull failed" | "pushed" | "push failed";

/** Some of the runs of a seed, which are the same each time. */
export interface Runs {
  readonly seed: string;
  readonly runs: number;
  /** The first of them; 0 when absent. */
  readonly from?: number;
  /** Called when one begins, with how many are left; none begins any more when it says false. */
  readonly goesOn?: (left: number) => boolean;
}

/** Commands at the same time. */
const atOnce = 4;
/** Seconds that a command may take, whatever it meets. */
const patience = 240;
/** Seconds that it waits for an answer to go on. */
const stallTimeout = 3;

/**
 * Pull and push through a proxy that cuts, delays, corrupts and so on: each command has to do what it says, or to fail with a sentence and
 * leave the store as it was; without faults, the next one has to go through.
 */
export async function faulty({ seed, runs, from = 0, goesOn = () => true }: Runs): Promise<FaultyReport> {
  await using registry = await openRegistry();
  const images = await putImages(registry);
  const report = {
    ends: { pulled: 0, "pull failed": 0, pushed: 0, "push failed": 0 },
    faults: {} as Partial<Record<Fault, number>>,
    problems: [] as string[],
  };
  const queue = Array.from({ length: runs }, (_, n) => from + n);
  const next = (): number | undefined => (goesOn(queue.length) ? queue.shift() : undefined);
  const work = async (): Promise<void> => {
    await using bench = await openBench(registry);
    for (let n = next(); n !== undefined; n = next()) {
      try {
        report.ends[await one(bench, images, `${seed} ${n}`)]++;
      } catch (error) {
        const told = bench.proxy.exchanges.map(({ method, path, status }) => `${method} ${path} ${status}`).join("; ");
        report.problems.push(`run ${n}: ${error instanceof Error ? error.message : String(error)}\n${told}`);
      }
      for (const fault of bench.met.splice(0)) report.faults[fault] = (report.faults[fault] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, queue.length) }, work));
  return report;
}

/** Pull or push once. */
async function one(bench: Bench, images: readonly [Offered, ...Offered[]], seed: string): Promise<End> {
  const random = randomOf(seed);
  const mischief = mischiefOf(random, seed);
  if (random() < 0.5) return await pull(bench, pick(random, images), mischief);
  return await push(bench, `push-${createHash("sha256").update(seed).digest("hex").slice(0, 12)}`, mischief);
}

/** All kinds of faults, or one of them, or those that make a client go on in the middle of a blob. */
function mischiefOf(random: Random, seed: string): Mischief {
  const share = pick(random, [0.05, 0.15, 0.4]);
  return { seed, share, kinds: pick(random, [allFaults, [pick(random, allFaults)], ["cut", "whole"]]) };
}

/** An image that is at the registry. */
interface Offered {
  /** Below the registry's host. */
  readonly name: string;
  readonly digest: string;
  readonly id: string;
  /** What its command prints. */
  readonly says: string;
}

/** Put images into the registry: one of three layers, and one for several platforms. */
async function putImages({ host }: Registry): Promise<readonly [Offered, ...Offered[]]> {
  await using berth = await openBerthWithBusybox();
  const noise = Array.from({ length: 8000 }, (_, n) => createHash("sha256").update(`${n}`).digest("hex")).join("\n");
  const Dockerfile = "FROM busybox\nCOPY noise /noise\nCOPY said /said\nCMD cat /said\n";
  await berth.out([
    "build",
    "-q",
    "-t",
    `${host}/single:1`,
    await berth.files("single", { Dockerfile, noise, said: "single" }),
  ]);
  const { digest, images } = writeMultiPlatform(join(berth.directory, "multi"), { name: `${host}/multi:1` });
  await berth.out(["load", "-q", "-i", join(berth.directory, "multi")]);
  await Promise.all(["single:1", "multi:1"].map((name) => berth.out(["push", "-q", `${host}/${name}`])));
  const of = (format: string): Promise<string> => berth.out(["image", "inspect", "-f", format, `${host}/single:1`]);
  const [single = ""] = /sha256:[0-9a-f]{64}/.exec(await of("{{json .RepoDigests}}")) ?? [];
  const here = "linux/amd64";
  return [
    { name: "single:1", digest: single, id: await of("{{.Id}}"), says: "single" },
    { name: "multi:1", digest, id: images.get(here)?.id ?? "", says: `${here}\n` },
  ];
}

/** What one command after the other is run with. */
interface Bench extends AsyncDisposable {
  readonly registry: Registry;
  readonly proxy: FaultyProxy;
  /** With nothing in it between the runs. */
  readonly puller: Berth;
  /** With busybox. */
  readonly pusher: Berth;
  /** Faults that commands met. */
  readonly met: Fault[];
}

async function openBench(registry: Registry): Promise<Bench> {
  await using stack = new AsyncDisposableStack();
  const proxy = stack.use(await openFaultyProxy(registry.host));
  const puller = stack.use(openBerth());
  const pusher = stack.use(await openBerthWithBusybox());
  for (const { env } of [puller, pusher]) {
    const path = env["BERTH_CONFIG_FILE"] ?? "";
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), "stall-timeout": stallTimeout }));
  }
  // What all of its images have is known from the first one on.
  await puller.out(["images"]);
  const owned = stack.move();
  return { registry, proxy, puller, pusher, met: [], [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function pull({ proxy, puller, met }: Bench, image: Offered, mischief: Mischief): Promise<End> {
  const name = `${proxy.host}/${image.name}`;
  const before = stateOf(puller);
  const args = ["pull", name];
  const isWhole = async ({ stdout }: Outcome): Promise<void> => {
    if (!stdout.includes(`Digest: ${image.digest}\n`)) throw new Error(`it says ${stdout}`);
    const ids = rowsOf(puller, "image").map((row) => (row as { readonly id: string }).id);
    if (ids.join() !== image.id) throw new Error(`${name} is ${ids}`);
    const said = (await puller.run(["run", "--rm", "--network", "none", name])).stdout;
    if (said !== image.says) throw new Error(`${name} says ${JSON.stringify(said)}`);
    await checkStore(puller);
  };
  const outcome = await runFaulty(proxy, puller, { args, mischief, met });
  const isDone = outcome.code === 0;
  if (isDone) await isWhole(outcome);
  else {
    expectUnchanged(puller, before);
    await isWhole(await runWithin(puller, args));
  }
  await puller.out(["rmi", name]);
  return isDone ? "pulled" : "pull failed";
}

async function push({ registry, proxy, pusher, met }: Bench, path: string, mischief: Mischief): Promise<End> {
  const name = `${proxy.host}/${path}:1`;
  const context = await pusher.files("context", { Dockerfile: "FROM busybox\nCOPY own /own\n", own: path });
  await pusher.out(["build", "-q", "-t", name, context]);
  const before = stateOf(pusher);
  const args = ["push", name];
  const isThere = async ({ stdout }: Outcome): Promise<void> => {
    const [, said] = /^1: digest: (sha256:[0-9a-f]{64}) size: \d+$/m.exec(stdout) ?? [];
    const { digest: found } = await imageAt(`${registry.url}/v2/${path}`, "1");
    if (said === undefined || said !== found) throw new Error(`the registry has ${found}; it says ${stdout}`);
    await checkStore(pusher);
  };
  const outcome = await runFaulty(proxy, pusher, { args, mischief, met });
  const isDone = outcome.code === 0;
  if (isDone) await isThere(outcome);
  else {
    expectUnchanged(pusher, before);
    await isThere(await runWithin(pusher, args));
  }
  await pusher.out(["rmi", name]);
  return isDone ? "pushed" : "push failed";
}

/** Run a command through the proxy as it misbehaves. Afterwards it doesn't any more. @throws when it hangs, or fails without a sentence */
async function runFaulty(
  proxy: FaultyProxy,
  berth: Berth,
  { args, mischief, met }: { readonly args: readonly string[]; readonly mischief: Mischief; readonly met: Fault[] },
): Promise<Outcome> {
  proxy.behave(mischief);
  const outcome = await runWithin(berth, args);
  met.push(...proxy.exchanges.flatMap(({ fault }) => fault ?? []));
  proxy.behave();
  const { code, stderr } = outcome;
  if (code === 137) throw new Error("it hangs");
  const isSentence = code === 1 && stderr.trim() !== "" && !/\n\s+at |undefined|\[object/.test(stderr);
  if (code !== 0 && !isSentence) throw new Error(`it ended with ${code}: ${stderr}`);
  return outcome;
}

async function runWithin(berth: Berth, args: readonly string[]): Promise<Outcome> {
  const { env, directory: cwd } = berth;
  return await runProgram("timeout", ["--signal=KILL", String(patience), berthCommand, ...args], { env, cwd });
}

/** What a store has, but for what pulls have downloaded: its files, and which images they are of. */
function stateOf(berth: Berth): string {
  const root = berth.env["BERTH_ROOT"] ?? "";
  const files = readdirSync(root, { recursive: true, encoding: "utf8" });
  const lasting = files.filter((path) => !/^(metadata\.db|downloads|leases\/)/.test(path)).toSorted();
  return JSON.stringify([...lasting, ...rowsOf(berth, "image", "layer", "image_reference", "repo_digest")], null, 1);
}

function rowsOf(berth: Berth, ...tables: readonly string[]): readonly unknown[] {
  using db = new DatabaseSync(join(berth.env["BERTH_ROOT"] ?? "", "metadata.db"), { readOnly: true });
  return tables.flatMap((table) => db.prepare(`SELECT * FROM ${table} ORDER BY 1`).all());
}

function expectUnchanged(berth: Berth, before: string): void {
  const after = stateOf(berth);
  if (after !== before) throw new Error(`the store was\n${before}\nand is\n${after}`);
}

async function checkStore(berth: Berth): Promise<void> {
  const { code, stdout, stderr } = await berth.run(["system", "check"]);
  if (code !== 0 || !stdout.includes("Everything is as it should be.")) {
    throw new Error(`system check ended with ${code}: ${stdout}${stderr}`);
  }
}
