import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pick, type Random } from "../../support/random.ts";
import type { Kept, Step } from "../ledger.ts";
import { baseMark, berth, output, report, scratch } from "./store.ts";

/** What the others are made of; always there. */
const base = "busybox";
const baseArchive = "/run/base.tar";

/** Most images beside the base. */
const mostImages = 4;

interface Work {
  readonly random: Random;
  /** Makes names and marks that no other boot made. */
  readonly stamp: string;
  readonly images: Map<string, Kept>;
  count: number;
}

/** Change the store until the power is cut, or a step fails. */
export async function workOnStore(
  names: Readonly<Record<string, Kept>>,
  { random, stamp }: Pick<Work, "random" | "stamp">,
): Promise<never> {
  const work: Work = { random, stamp, images: new Map(Object.entries(names)), count: 0 };
  if (!work.images.has(base))
    await step(work, { verb: "import", name: base, leaves: "image", mark: baseMark }, importBase);
  for (;;) {
    const others = [...work.images.keys()].filter((name) => name !== base);
    const [some, ...more] = others;
    if (some === undefined) await pick(random, makers)(work);
    else if (others.length >= mostImages) await pick(random, enders)(work, pick(random, [some, ...more]));
    else if (random() < 0.5) await pick(random, makers)(work);
    else await pick(random, enders)(work, pick(random, [some, ...more]));
  }
}

const makers: readonly [Maker, ...Maker[]] = [importTree, buildImage, commitContainer];
const enders: readonly [Ender, ...Ender[]] = [removeImage, reloadImage, prune, tagImage, createContainer];
type Maker = (work: Work) => Promise<void>;
type Ender = (work: Work, name: string) => Promise<void>;

/** @param action gives the ID of the image that it left */
async function step(work: Work, what: Step, action: () => Promise<string>): Promise<void> {
  report({ begin: what });
  const id = await action();
  report(what.leaves === "image" ? { done: what, id } : { done: what });
  if (what.leaves === "image") work.images.set(what.name, { id, mark: what.mark ?? "" });
  if (what.leaves === "nothing") work.images.delete(what.name);
}

function nextImage(work: Work, verb: Step["verb"]): Step & { readonly mark: string } {
  const name = `${verb}-${work.stamp}-${work.count++}`;
  return { verb, name, leaves: "image", mark: `mark of ${name}` };
}

/** A directory with `/mark`, many small files, a large one and a hard link. */
function makeTree(work: Work, mark: string): string {
  const directory = join(scratch, "tree");
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(join(directory, "files"), { recursive: true });
  writeFileSync(join(directory, "mark"), mark);
  for (let i = 0; i < 40; i++)
    writeFileSync(join(directory, "files", String(i)), `${mark} ${i} ${work.random()}\n`.repeat(i));
  writeFileSync(join(directory, "large"), Buffer.alloc(1 << 20, `${mark} ${work.random()}`));
  return directory;
}

async function importBase(): Promise<string> {
  const tree = join(scratch, "base");
  mkdirSync(tree, { recursive: true });
  await output("tar", "-xf", baseArchive, "-C", tree);
  writeFileSync(join(tree, "mark"), baseMark);
  await output("tar", "-cf", `${tree}.tar`, "-C", tree, ".");
  return await berth("import", "--change", 'CMD ["sh"]', `${tree}.tar`, base);
}

/** Only what runs can be asked for its mark: the tree goes on top of the base's. */
async function importTree(work: Work): Promise<void> {
  const what = nextImage(work, "import");
  const tree = makeTree(work, what.mark);
  await output("tar", "-xf", baseArchive, "-C", tree);
  await output("ln", join(tree, "large"), join(tree, "link"));
  await output("tar", "-cf", `${tree}.tar`, "-C", tree, ".");
  await step(work, what, () => berth("import", `${tree}.tar`, what.name));
}

async function buildImage(work: Work): Promise<void> {
  const what = nextImage(work, "build");
  const tree = makeTree(work, what.mark);
  writeFileSync(join(tree, "Dockerfile"), `FROM ${base}\nCOPY . /\nRUN rm /large && echo ${work.random()} > /made\n`);
  await step(work, what, () => berth("build", "--quiet", "--tag", what.name, tree));
}

async function commitContainer(work: Work): Promise<void> {
  const what = nextImage(work, "commit");
  const script = `echo '${what.mark}' > /mark; rm -r /etc; i=0; while [ $i -lt 40 ]; do echo $i ${what.name} > /file-$i; i=$((i + 1)); done`;
  await berth("run", "--name", what.name, "--network", "none", base, "sh", "-c", script);
  await step(work, what, () => berth("commit", what.name, what.name));
  await berth("rm", what.name);
}

async function removeImage(work: Work, name: string): Promise<void> {
  await step(work, { verb: "rmi", name, leaves: "nothing" }, () => berth("rmi", name));
}

async function reloadImage(work: Work, name: string): Promise<void> {
  const kept = work.images.get(name);
  if (kept === undefined) return;
  const archive = join(scratch, "reload.tar");
  await berth("save", "-o", archive, name);
  await removeImage(work, name);
  await step(work, { verb: "load", name, leaves: "image", mark: kept.mark, id: kept.id }, async () => {
    await berth("load", "-i", archive);
    return kept.id;
  });
}

async function tagImage(work: Work, name: string): Promise<void> {
  const kept = work.images.get(name);
  if (kept === undefined) return;
  const what = { ...nextImage(work, "tag"), ...kept };
  await step(work, what, async () => {
    await berth("tag", name, what.name);
    return kept.id;
  });
}

/** Not started here: the next boot does. */
async function createContainer(work: Work): Promise<void> {
  const name = `create-${work.stamp}-${work.count++}`;
  const what: Step = { verb: "create", name, leaves: "container" };
  await step(work, what, () => berth("create", "--name", name, "--network", "none", base, "cat", "/mark"));
}

async function prune(work: Work, name: string): Promise<void> {
  const command = pick(work.random, [
    ["image", "prune", "-f"],
    ["builder", "prune", "-f"],
  ]);
  await step(work, { verb: "prune", name, leaves: "same" }, () => berth(...command));
}
