import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { faultsOf, type Kept, type Ledger } from "../ledger.ts";
import { baseMark, berth, output, report, scratch, shownImages } from "./store.ts";

/**
 * Look whether everything that was reported done is there and right, and whether the next commands work without help.
 *
 * @param whole run every image
 * @returns what is there
 */
export async function checkStore(ledger: Ledger, whole: boolean): Promise<Ledger["names"]> {
  const shown = await shownImages();
  for (const wrong of faultsOf(ledger, shown)) report({ wrong });
  await checkContainers(ledger);
  await checkDigests([...shown].map(([name, id]) => (name === "<none>" ? id : name)));
  const checked = Object.fromEntries([...shown].map(([name, id]) => [name, keptOf(ledger, { name, id })]));
  // Digests have told already that contents are right; that they run as well is asked of what was under way, and at times of all.
  for (const [name, { mark }] of Object.entries(checked)) {
    if (whole || name === ledger.begun?.name) await checkRun(name, mark);
  }
  report({ checked });
  return checked;
}

/** Remove all there is by berth's own commands: what then lies in the store was leaked. */
export async function emptyStore(root: string): Promise<void> {
  const names = [...(await shownImages()).keys()];
  if (names.length > 0) await berth("rmi", ...names);
  await berth("system", "prune", "--all", "--force");
  await berth("builder", "prune", "--force");
  const left = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
  const leaked = left.filter((path) => !path.startsWith("metadata.db") && path !== "ballast");
  const directories = ["layers", "active", "tmp", "leases"]
    .filter((name) => existsSync(join(root, name)))
    .flatMap((name) => readdirSync(join(root, name)).map((entry) => join(name, entry)));
  for (const path of new Set([...leaked, ...directories])) report({ wrong: `${path} is left in an empty store` });
  report({ emptied: true });
}

function keptOf({ names, begun }: Ledger, { name, id }: { readonly name: string; readonly id: string }): Kept {
  const before = names[name];
  if (before?.id === id) return before;
  return { id, mark: (begun?.name === name ? begun.mark : undefined) ?? before?.mark ?? "" };
}

/** Those that were made still start; none runs after a power loss; each can be removed. */
async function checkContainers({ containers, begun }: Ledger): Promise<void> {
  const lines = await berth("ps", "-a", "--format", "{{.Names}} {{.Status}}");
  const shown = new Map(lines.split("\n").map((line) => [line.split(" ")[0] ?? "", line.split(" ")[1] ?? ""]));
  shown.delete("");
  for (const name of containers) {
    if (!shown.has(name)) report({ wrong: `container ${name} was reported done, and is not there` });
  }
  for (const [name, status] of shown) {
    if (status === "Up") report({ wrong: `container ${name} is shown as running` });
    if (containers.includes(name) || (begun?.verb === "create" && begun.name === name)) await checkStart(name);
    await berth("rm", name);
  }
}

async function checkStart(name: string): Promise<void> {
  try {
    const found = await berth("start", "--attach", name);
    if (found !== baseMark) report({ wrong: `container ${name} prints ${JSON.stringify(found)}` });
  } catch (error) {
    report({ wrong: `container ${name} doesn't start: ${error}` });
  }
}

interface Manifest {
  readonly Config: string;
  readonly Layers: readonly string[];
}

/** Every image's config and layers, as `save` writes them, have the digests that they are known by. */
async function checkDigests(names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const directory = join(scratch, "saved");
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  await berth("save", "-o", `${directory}.tar`, ...names);
  await output("tar", "-xf", `${directory}.tar`, "-C", directory);
  const digest = (path: string): string => digestOf(readFileSync(join(directory, path)));
  for (const { Config, Layers } of JSON.parse(readFileSync(join(directory, "manifest.json"), "utf8")) as Manifest[]) {
    const config = JSON.parse(readFileSync(join(directory, Config), "utf8")) as { rootfs: { diff_ids: string[] } };
    const found = [digest(Config), ...Layers.map(digest)];
    const meant = [`sha256:${Config.replace(/^blobs\/sha256\/|\.json$/g, "")}`, ...config.rootfs.diff_ids];
    if (found.join() !== meant.join()) report({ wrong: `${Config} is ${found}, and should be ${meant}` });
  }
  // Here goes `berth system check`, once there is one.
}

async function checkRun(name: string, mark: string): Promise<void> {
  const found = await berth("run", "--rm", "--network", "none", name, "cat", "/mark");
  if (found !== mark)
    report({ wrong: `${name} holds ${JSON.stringify(found)}, and should hold ${JSON.stringify(mark)}` });
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
