import { existsSync, lstatSync } from "node:fs";
import { chmod, chown, mkdir, rename, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path/posix";
import { BerthError, codeOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { lock, tryLock } from "../host/lock.ts";
import type { SpecMount } from "../oci/runtime-spec.ts";
import type { ActiveSnapshot } from "../snapshot/snapshotter.ts";
import { scriptDirectory } from "./apply-run.ts";
import type { CacheImports } from "./cache-imports.ts";
import { cacheMountName } from "./cache-mounts.ts";
import { useLockPath } from "./cache-usage.ts";
import { contentKey } from "./content-key.ts";
import { copySelection } from "./copy-files.ts";
import { type CopySource, unfound } from "./copy-op.ts";
import type { ExecOp, StepMount } from "./graph.ts";
import { FileLister } from "./history/file-list.ts";
import { layerDirectories } from "./layer-directories.ts";
import { layersOf } from "./layers.ts";
import type { OpDeps } from "./op-deps.ts";
import { type Owner, RootWriter } from "./root-writer.ts";
import { selectSource } from "./select.ts";
import type { KeyedContent } from "./solve.ts";
import type { SshAgents } from "./ssh-agent.ts";

/** What the mounts of a step come to. Disposing it frees what they hold. */
export interface PreparedMounts extends AsyncDisposable {
  readonly mounts: readonly SpecMount[];
  /** Secrets that the step gets as variables, `NAME=value`. */
  readonly env: readonly string[];
}

/** What mounts are made of. */
export interface MountSources {
  /** By index of the vertex's inputs. */
  readonly sources: readonly CopySource[];
  readonly secrets: ReadonlyMap<string, Uint8Array>;
  readonly agents: SshAgents;
  /** Makes the directory of a cache mount with what an imported cache has of it, if any has. */
  readonly fill?: CacheImports["fill"];
  /** Where secrets lie while the step runs: not in the store. */
  readonly directory: string;
  /** What is written below mounts. What an earlier run of the same step has left there is taken up. */
  scratch(): Promise<ActiveSnapshot>;
  /** Told of a required secret or agent that isn't given; it is thrown when absent. */
  readonly onMissing: ((error: BerthError) => void) | undefined;
}

type Of<Type extends StepMount["type"]> = Extract<StepMount, { readonly type: Type }>;

/** What names the files that a step's mounts show it, for its key. Caches and secrets don't count. @param onContent told of a context's */
export async function mountKeys(
  deps: OpDeps,
  { op, sources }: { readonly op: ExecOp; readonly sources: readonly CopySource[] },
  onContent: (content: KeyedContent) => void,
): Promise<readonly string[]> {
  const keys: string[] = [];
  for (const mount of op.mounts) {
    if (mount.type !== "bind") continue;
    const source = sourceAt(sources, mount.input);
    if (source.key !== undefined) {
      keys.push(source.key);
      continue;
    }
    const files = new FileLister();
    const selections = selectedBy(source.tree, mount.source, deps.host);
    const key = await contentKey(deps, selections, { ...ownerOption(source), lister: files });
    onContent({ key, mount: mount.target, files });
    keys.push(key);
  }
  return keys;
}

function selectedBy(...asked: Parameters<typeof selectSource>): ReturnType<typeof selectSource> {
  try {
    return selectSource(...asked);
  } catch (error) {
    throw unfound(error, true);
  }
}

/**
 * Get everything that a step mounts ready.
 *
 * @throws {BerthError} not-found, when a source or a required secret is missing
 */
export async function prepareMounts(
  deps: OpDeps,
  op: ExecOp,
  options: MountSources & Operation & { readonly signal: AbortSignal },
): Promise<PreparedMounts> {
  await using stack = new AsyncDisposableStack();
  const preparer = new MountPreparer(deps, options, stack);
  for (const [index, mount] of op.mounts.entries()) await preparer.add(mount, index);
  if (op.scripts.length > 0) await preparer.addScripts(op.scripts);
  const owned = stack.move();
  return { mounts: preparer.mounts, env: preparer.env, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

class MountPreparer {
  readonly mounts: SpecMount[] = [];
  readonly env: string[] = [];
  readonly #deps: OpDeps;
  readonly #options: MountSources & { readonly signal: AbortSignal };
  readonly #stack: AsyncDisposableStack;
  #scratch: ActiveSnapshot | undefined;

  constructor(deps: OpDeps, options: MountSources & { readonly signal: AbortSignal }, stack: AsyncDisposableStack) {
    this.#deps = deps;
    this.#options = options;
    this.#stack = stack;
  }

  /** @param index of the mount in its step: what is kept for it bears that number */
  async add(mount: StepMount, index: number): Promise<void> {
    switch (mount.type) {
      case "bind":
        return this.#bind(mount, index);
      case "cache":
        return this.#cache(mount, index);
      case "tmpfs": {
        const size = mount.size === undefined ? [] : [`size=${mount.size}`];
        const options = ["nosuid", "nodev", ...size];
        this.mounts.push({ destination: mount.target, type: "tmpfs", source: "tmpfs", options });
        return;
      }
      case "secret":
        return this.#secret(mount, index);
      case "ssh":
        return this.#agent(mount);
      default:
        return mount satisfies never;
    }
  }

  async addScripts(scripts: ExecOp["scripts"]): Promise<void> {
    const directory = await this.#directory("scripts");
    for (const { name, data } of scripts) {
      await writeFile(join(directory, name), data);
      await chmod(join(directory, name), 0o755);
    }
    this.#push(directory, scriptDirectory, true);
  }

  async #bind({ input, source: path, target, readonly }: Of<"bind">, index: number): Promise<void> {
    const source = sourceAt(this.#options.sources, input);
    const copy = (): Promise<string> => this.#copy(`${index}-copy`, source, path);
    if (source.key === undefined) return this.#push(await copy(), target, readonly);
    const resolved = source.tree.resolve(path);
    const entry = source.tree.lstat(resolved);
    // The file system of a stage without a layer is a directory, too.
    if (entry === undefined && resolved === "/")
      return this.#push(await this.#directory(`${index}-empty`), target, readonly);
    if (entry === undefined) throw unfound(new BerthError("not-found", `${JSON.stringify(path)}: not found`), false);
    if (entry.kind !== "dir") return this.#push(readonly ? entry.source : await copy(), target, readonly);
    const layers = layersOf(this.#deps.snapshotter, source.chainID);
    const lower = layerDirectories(this.#deps.host.syscalls, layers, resolved);
    const [only, ...more] = lower;
    if (readonly && only !== undefined && more.length === 0) return this.#push(only, target, true);
    const [upperdir, workdir] = readonly
      ? []
      : [await this.#directory(`${index}-upper`), await this.#directory(`${index}-work`)];
    const noted = this.#deps.host.unprivileged ? ["userxattr"] : [];
    const writable = upperdir === undefined ? [] : [`upperdir=${upperdir}`, `workdir=${workdir}`];
    const options = [`lowerdir=${lower.join(":")}`, ...writable, ...(readonly ? ["ro"] : []), ...noted];
    this.mounts.push({ destination: target, type: "overlay", source: "overlay", options });
  }

  async #cache(mount: Of<"cache">, index: number): Promise<void> {
    const parent = join(this.#deps.host.root, "build-cache");
    await mkdir(parent, { recursive: true, mode: 0o700 });
    const origin = mount.from === undefined ? "" : sourceAt(this.#options.sources, mount.from.input).key;
    const name = cacheMountName(mount, origin);
    const directory = await this.#claim(join(parent, name), mount);
    const use = useLockPath(directory);
    if (this.#options.fill !== undefined && !existsSync(directory)) {
      using _alone = await lock(this.#deps.host.syscalls, use, this.#options);
      if (!existsSync(directory)) await this.#options.fill(name, directory, this.#options);
    }
    this.#stack.use(await lock(this.#deps.host.syscalls, use, { ...this.#options, kind: "shared" }));
    await utimes(use, new Date(), new Date());
    if (!(await this.#beginCache(mount, directory, index))) {
      await unlessMade(mkdir(directory, { mode: mount.mode }));
      await chmod(directory, mount.mode);
      await chown(directory, mount.uid, mount.gid);
    }
    this.#push(directory, mount.target, mount.readonly);
  }

  /** Have a cache begin as a part of a tree is. @returns false where it begins with nothing */
  async #beginCache({ from, isOwned }: Of<"cache">, directory: string, index: number): Promise<boolean> {
    if (from === undefined) return false;
    const source = sourceAt(this.#options.sources, from.input);
    const entry = source.tree.lstat(source.tree.resolve(from.source));
    if (entry === undefined && isOwned === true) return false;
    if (existsSync(directory)) return true;
    const copy = await this.#copy(`${index}-copy`, source, from.source);
    if (entry?.kind === "dir") {
      const { uid, gid } = source.owner ?? entry.stats;
      await chown(copy, Number(uid), Number(gid));
      await chmod(copy, Number(entry.stats.mode) & 0o7777);
    }
    await unlessMade(rename(copy, directory));
    return true;
  }

  /** The directory of a cache: shared by all, by one step at a time, or the first that no other step has. */
  async #claim(base: string, { sharing }: Of<"cache">): Promise<string> {
    const { syscalls } = this.#deps.host;
    if (sharing === "shared") return base;
    if (sharing === "locked") {
      this.#stack.use(await lock(syscalls, `${base}.lock`, { signal: this.#options.signal }));
      return base;
    }
    for (let index = 0; ; index++) {
      const directory = index === 0 ? base : `${base}-${index}`;
      const taken = tryLock(syscalls, `${directory}.lock`);
      if (taken === undefined) continue;
      this.#stack.use(taken);
      return directory;
    }
  }

  async #secret(mount: Of<"secret">, index: number): Promise<void> {
    const { directory, secrets } = this.#options;
    const secret = secrets.get(mount.id);
    if (secret === undefined) {
      if (!mount.required) return;
      const hint = `Give it with --secret id=${mount.id},src=FILE.`;
      return this.#missing(new BerthError("not-found", `secret ${mount.id}: not found`, { hint }));
    }
    if (mount.env !== undefined) this.env.push(`${mount.env}=${Buffer.from(secret).toString("utf8")}`);
    if (mount.target === undefined) return;
    const file = join(directory, `secret-${index}`);
    await writeFile(file, secret, { mode: 0o600 });
    await chown(file, mount.uid, mount.gid);
    await chmod(file, mount.mode);
    this.#push(file, mount.target, true);
  }

  /** The first agent is the one that ssh finds by itself; without any it looks for one in vain, as in BuildKit. */
  async #agent(mount: Of<"ssh">): Promise<void> {
    const name = "SSH_AUTH_SOCK=";
    if (!this.env.some((pair) => pair.startsWith(name))) this.env.push(`${name}${mount.target}`);
    const agent = this.#options.agents.get(mount.id);
    if (agent === undefined) {
      if (!mount.required) return;
      const hint = `Give it with --ssh ${mount.id}, for the agent of SSH_AUTH_SOCK, or --ssh ${mount.id}=KEY.`;
      return this.#missing(new BerthError("not-found", `unset ssh forward key ${mount.id}`, { hint }));
    }
    const { listenAgent } = await import("./ssh-agent.ts");
    const socket = this.#stack.use(await listenAgent(this.#deps.host, agent, mount));
    this.#push(socket.path, mount.target, false);
  }

  #missing(error: BerthError): void {
    const { onMissing } = this.#options;
    if (onMissing === undefined) throw error;
    onMissing(error);
  }

  /** A copy of part of a tree. */
  async #copy(name: string, source: CopySource, path: string): Promise<string> {
    const snapshot = await this.#snapshot();
    const place = join(snapshot.upper, name);
    if (lstatSync(place, { throwIfNoEntry: false }) !== undefined) return place;
    const [selection] = selectSource(source.tree, path, this.#deps.host);
    const writer = new RootWriter(this.#deps, snapshot);
    if (selection === undefined) throw new BerthError("not-found", `${JSON.stringify(path)}: not found`);
    await copySelection(writer, selection, {
      syscalls: this.#deps.host.syscalls,
      destination: `/${name}`,
      signal: this.#options.signal,
      ...(source.owner === undefined ? {} : { defaultOwner: source.owner }),
    });
    return place;
  }

  /** A directory for the time of the step, in the store; empty at first. */
  async #directory(name: string): Promise<string> {
    const directory = join((await this.#snapshot()).upper, name);
    await mkdir(directory, { mode: 0o755, recursive: true });
    return directory;
  }

  async #snapshot(): Promise<ActiveSnapshot> {
    this.#scratch ??= await this.#options.scratch();
    return this.#scratch;
  }

  #push(source: string, destination: string, readonly: boolean): void {
    this.mounts.push({ destination, type: "bind", source, options: ["rbind", ...(readonly ? ["ro"] : [])] });
  }
}

function sourceAt(sources: readonly CopySource[], input: number): CopySource {
  const source = sources[input];
  if (source === undefined) throw new Error(`the step has no input ${input}`);
  return source;
}

function ownerOption({ owner }: CopySource): { readonly owner?: Owner } {
  return owner === undefined ? {} : { owner };
}

/** Steps that begin at once with one cache make it at once: who is second finds it made. */
async function unlessMade(making: Promise<void>): Promise<void> {
  try {
    await making;
  } catch (error) {
    if (codeOf(error) !== "EEXIST" && codeOf(error) !== "ENOTEMPTY") throw error;
  }
}
