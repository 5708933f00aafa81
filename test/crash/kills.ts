import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { type Berth, openBerth, openBerthWithBusybox } from "../support/berth.ts";
import { eventually } from "../support/eventually.ts";
import { type FaultyProxy, openFaultyProxy } from "../support/faulty-proxy.ts";
import { pick, type Random, randomOf } from "../support/random.ts";
import { openRegistry, type Registry } from "../support/registry.ts";
import { imageAt, type RegistryImage } from "../support/registry-image.ts";
import type { Runs } from "./faulty.ts";

/** What came of killing pulls and pushes. */
export interface KillReport {
  /** Pulls and pushes that were killed, once or several times, and those that had ended by then. */
  readonly killed: number;
  readonly ended: number;
  /** Bytes of blobs that the commands after them found where they needed them, and those that they had to move. */
  readonly found: number;
  readonly moved: number;
  /** One sentence each. */
  readonly problems: readonly string[];
}

/** Milliseconds between two pieces of a body, so that there is something to interrupt. */
const pace = 4;
/** Milliseconds that a command goes on after that at most: what is left is unpacking and recording. */
const longestEnd = 300;
/** Times that a command is killed before it may end. */
const often = [1, 1, 3] as const;

/** Pulls and pushes at the same time. */
const atOnce = 2;

/** Kill pulls and pushes at random moments: each time the store has to be whole, and the next command has to move only what is missing. */
export async function kills({ seed, runs, from = 0, goesOn = () => true }: Runs): Promise<KillReport> {
  await using registry = await openRegistry();
  const report = { killed: 0, ended: 0, found: 0, moved: 0, problems: [] as string[] };
  const queue = Array.from({ length: runs }, (_, n) => from + n);
  const next = (): number | undefined => (goesOn(queue.length) ? queue.shift() : undefined);
  const work = async (_: unknown, index: number): Promise<void> => {
    await using bench = await openBench(registry, `killed-${index}`);
    for (let n = next(); n !== undefined; n = next()) {
      const random = randomOf(`${seed} ${n}`);
      try {
        const kill = n % 2 === 0 ? killPull(bench, random) : killPush(bench, random, `push-${n}`);
        const { wasKilled, found, moved } = await kill;
        report[wasKilled ? "killed" : "ended"]++;
        report.found += found;
        report.moved += moved;
      } catch (error) {
        report.problems.push(`${n}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return report;
}

/** What one command after the other is run with. */
interface Bench extends AsyncDisposable {
  readonly registry: Registry;
  readonly proxy: FaultyProxy;
  /** With nothing in it between the rounds. */
  readonly puller: Berth;
  /** With busybox. */
  readonly pusher: Berth;
  /** Repository at the registry that has an image with the tag `1`. */
  readonly path: string;
  readonly image: RegistryImage;
}

async function openBench(registry: Registry, path: string): Promise<Bench> {
  await using stack = new AsyncDisposableStack();
  const proxy = stack.use(await openFaultyProxy(registry.host));
  const puller = stack.use(openBerth());
  const pusher = stack.use(await openBerthWithBusybox());
  const name = `${proxy.host}/${path}:1`;
  await build(pusher, name, path);
  await pusher.out(["push", "-q", name]);
  // Nothing is to be mounted from it.
  await pusher.out(["rmi", name]);
  const image = await imageAt(`${registry.url}/v2/${path}`, "1");
  const owned = stack.move();
  return { registry, proxy, puller, pusher, path, image, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Build an image of busybox and three layers, one of which takes some time to move. */
async function build(berth: Berth, name: string, mark: string): Promise<void> {
  const noise = Array.from({ length: 12_000 }, (_, n) => createHash("sha256").update(`${mark} ${n}`).digest("hex"));
  const Dockerfile = "FROM busybox\nCOPY small /small\nCOPY noise /noise\nCOPY mark /mark\nCMD cat /mark\n";
  const files = { Dockerfile, mark, small: `small ${mark}`, noise: noise.join("\n") };
  await berth.out(["build", "-q", "-t", name, await berth.files("context", files)]);
}

/** What one round came to. */
interface Killed {
  readonly wasKilled: boolean;
  readonly found: number;
  readonly moved: number;
}

async function killPull(bench: Bench, random: Random): Promise<Killed> {
  const { proxy, puller: berth, path, image } = bench;
  const { blobs, digest } = image;
  const name = `${proxy.host}/${path}:1`;
  const args = ["pull", name];
  let [wasKilled, hasEnded] = [false, false];
  for (let times = pick(random, often); times > 0; times--) {
    if (await killAtSomeTime(bench, random, { berth, args })) wasKilled = true;
    else hasEnded = true;
    await checkStore(berth);
  }
  const here = new Map(blobs.map((blob) => [blob.digest, hasEnded ? blob.size : bytesHere(berth, blob)]));
  proxy.behave();
  const said = await berth.out(args);
  if (!said.includes(`Digest: ${digest}`)) throw new Error(`it says ${said}`);
  if ((await berth.out(["run", "--rm", "--network", "none", name])) !== path) throw new Error("it is another image");
  await checkStore(berth);
  let moved = 0;
  for (const blob of blobs) {
    const came = proxy.exchanges.filter(({ path }) => path.endsWith(`/blobs/${blob.digest}`));
    const bytes = came.reduce((sum, { received }) => sum + received, 0);
    const missing = blob.size - (here.get(blob.digest) ?? 0);
    if (bytes !== missing) throw new Error(`of ${blob.digest}, ${missing} bytes were missing and ${bytes} came`);
    moved += bytes;
  }
  await berth.out(["rmi", name]);
  return { wasKilled, moved, found: sizeOf(blobs) - moved };
}

/** How much of a blob a store has. */
function bytesHere({ env }: Berth, { digest, size }: RegistryImage["blobs"][number]): number {
  const hex = digest.replace("sha256:", "");
  const root = env["BERTH_ROOT"] ?? "";
  if (existsSync(join(root, "blobs/sha256", hex))) return size;
  return statSync(join(root, "downloads/sha256", hex), { throwIfNoEntry: false })?.size ?? 0;
}

async function killPush(bench: Bench, random: Random, path: string): Promise<Killed> {
  const { registry, proxy, pusher: berth } = bench;
  const name = `${proxy.host}/${path}:1`;
  await build(berth, name, path);
  const args = ["push", name];
  const had = new Set<string>();
  let wasKilled = false;
  for (let times = pick(random, often); times > 0; times--) {
    wasKilled = (await killAtSomeTime(bench, random, { berth, args })) || wasKilled;
    await checkStore(berth);
    for (const digest of await blobsAt(registry, proxy, path)) had.add(digest);
  }
  const known = new Set(packedLayers(berth));
  proxy.behave();
  const said = await berth.out(args);
  const { digest, blobs } = await imageAt(`${registry.url}/v2/${path}`, "1");
  if (!said.includes(`1: digest: ${digest} size: `)) throw new Error(`it says ${said}, the registry has ${digest}`);
  await checkStore(berth);
  // A layer whose digest nobody wrote down has to be compressed again, and is sent meanwhile.
  const config = blobs[0]?.digest;
  const isThere = (blob: string): boolean => had.has(blob) && (blob === config || known.has(blob));
  const missing = sizeOf(blobs.filter((blob) => !isThere(blob.digest)));
  const uploads = proxy.exchanges.filter((each) => each.path.includes("/blobs/uploads/"));
  const moved = uploads.reduce((sum, { sent }) => sum + sent, 0);
  if (moved !== missing) throw new Error(`${missing} bytes were missing and ${moved} were sent`);
  await berth.out(["rmi", name]);
  return { wasKilled, moved, found: sizeOf(blobs) - moved };
}

function sizeOf(blobs: RegistryImage["blobs"]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}

/** Digests of the compressed layers that a store knows. */
function packedLayers({ env }: Berth): readonly string[] {
  using db = new DatabaseSync(join(env["BERTH_ROOT"] ?? "", "metadata.db"), { readOnly: true });
  return db
    .prepare("SELECT digest FROM packed_layer")
    .all()
    .map((row) => String(row["digest"]));
}

/** The blobs that uploads which came through have left in a repository. */
async function blobsAt(registry: Registry, proxy: FaultyProxy, path: string): Promise<readonly string[]> {
  const asked = proxy.exchanges.flatMap((each) => /sha256(?::|%3A)[0-9a-f]{64}/.exec(each.path)?.[0] ?? []);
  const digests = [...new Set(asked.map((text) => text.replace("%3A", ":")))];
  const there = digests.map(async (digest) => {
    const { ok } = await fetch(`${registry.url}/v2/${path}/blobs/${digest}`, { method: "HEAD" });
    return ok ? [digest] : [];
  });
  return (await Promise.all(there)).flat();
}

/** Start a command, and kill it at some moment. @returns false, when it had ended by then */
async function killAtSomeTime(
  { proxy, image }: Bench,
  random: Random,
  { berth, args }: { readonly berth: Berth; readonly args: readonly string[] },
): Promise<boolean> {
  proxy.behave(undefined, { pace });
  // Most of them while something moves, some when all is there.
  const most = random() * sizeOf(image.blobs);
  const after = pick(random, [0, 0, random() * longestEnd]);
  const child = berth.start(args);
  for (const stream of [child.stdout, child.stderr]) stream?.resume();
  const closed = once(child, "close");
  const isOver = (): boolean => child.exitCode !== null;
  const moved = (): number => proxy.exchanges.reduce((sum, { sent, received }) => sum + sent + received, 0);
  while (!isOver() && moved() < most) await sleep(1);
  await sleep(after);
  child.kill("SIGKILL");
  await closed;
  // The registry may still be at what it was asked last.
  await eventually(async () => (proxy.exchanges.every((each) => each.isOver) ? true : undefined));
  return child.signalCode === "SIGKILL";
}

async function checkStore(berth: Berth): Promise<void> {
  const { code, stdout, stderr } = await berth.run(["system", "check"]);
  if (code !== 0) throw new Error(`system check ended with ${code}: ${stdout}${stderr}`);
}
