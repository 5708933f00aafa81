import { existsSync } from "node:fs";
import { chmod, chown, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path/posix";
import { BerthError } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import type { Operation } from "../base/operation.ts";
import { lock, tryLock } from "../host/lock.ts";
import { digestOf, hexOf } from "../oci/digest.ts";
import type { SpecMount } from "../oci/runtime-spec.ts";
import type { ActiveSnapshot } from "../snapshot/snapshotter.ts";
import { scriptDirectory } from "./apply-run.ts";
import { contentKey } from "./content-key.ts";
import { copySelection } from "./copy-files.ts";
import type { CopySource } from "./copy-op.ts";
import type { ExecOp, StepMount } from "./graph.ts";
import { layerDirectories } from "./layer-directories.ts";
import { layersOf } from "./layers.ts";
import type { OpDeps } from "./op-deps.ts";
import { useLockPath } from "./prune.ts";
import { type Owner, RootWriter } from "./root-writer.ts";
import { selectSource } from "./select.ts";

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
}

type Of<Type extends StepMount["type"]> = Extract<StepMount, { readonly type: Type }>;

/** What names the files that a step's mounts show it, for its key. Caches and secrets don't count. */
export async function mountKeys(deps: OpDeps, op: ExecOp, sources: readonly CopySource[]): Promise<readonly string[]> {
  const keys: string[] = [];
  for (const mount of op.mounts) {
    if (mount.type !== "bind") continue;
    const source = sourceAt(sources, mount.input);
    keys.push(
      source.key ?? (await contentKey(deps, selectSource(source.tree, mount.source, deps.host), ownerOption(source))),
    );
  }
  return keys;
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
  for (const mount of op.mounts) await preparer.add(mount);
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

  async add(mount: StepMount): Promise<void> {
    switch (mount.type) {
      case "bind":
        return this.#bind(mount);
      case "cache":
        return this.#cache(mount);
      case "tmpfs": {
        const size = mount.size === undefined ? [] : [`size=${mount.size}`];
        const options = ["nosuid", "nodev", ...size];
        this.mounts.push({ destination: mount.target, type: "tmpfs", source: "tmpfs", options });
        return;
      }
      case "secret":
        return this.#secret(mount);
      default:
        return mount satisfies never;
    }
  }

  async addScripts(scripts: ExecOp["scripts"]): Promise<void> {
    const directory = await this.#directory();
    for (const { name, data } of scripts) {
      await writeFile(join(directory, name), data);
      await chmod(join(directory, name), 0o755);
    }
    this.#push(directory, scriptDirectory, true);
  }

  async #bind({ input, source: path, target, readonly }: Of<"bind">): Promise<void> {
    const source = sourceAt(this.#options.sources, input);
    if (source.key === undefined) return this.#push(await this.#copy(source, path), target, readonly);
    const resolved = source.tree.resolve(path);
    const entry = source.tree.lstat(resolved);
    if (entry === undefined) throw new BerthError("not-found", `${JSON.stringify(path)}: not found`);
    if (entry.kind !== "dir")
      return this.#push(readonly ? entry.source : await this.#copy(source, path), target, readonly);
    const layers = layersOf(this.#deps.snapshotter, source.chainID);
    const lower = layerDirectories(this.#deps.host.syscalls, layers, resolved);
    const [only, ...more] = lower;
    if (readonly && only !== undefined && more.length === 0) return this.#push(only, target, true);
    const [upperdir, workdir] = readonly ? [] : [await this.#directory(), await this.#directory()];
    const writable = upperdir === undefined ? [] : [`upperdir=${upperdir}`, `workdir=${workdir}`];
    const options = [`lowerdir=${lower.join(":")}`, ...writable, ...(readonly ? ["ro"] : [])];
    this.mounts.push({ destination: target, type: "overlay", source: "overlay", options });
  }

  async #cache(mount: Of<"cache">): Promise<void> {
    const parent = join(this.#deps.host.root, "build-cache");
    await mkdir(parent, { recursive: true, mode: 0o700 });
    const origin = mount.from === undefined ? "" : sourceAt(this.#options.sources, mount.from.input).key;
    // As in BuildKit, a cache that begins otherwise is another cache.
    const { id, from, mode, uid, gid } = mount;
    const name = hexOf(digestOf(JSON.stringify([id, origin, from?.source, mode, uid, gid])));
    const directory = await this.#claim(join(parent, name), mount);
    this.#stack.use(await lock(this.#deps.host.syscalls, useLockPath(directory), { ...this.#options, kind: "shared" }));
    if (mount.from !== undefined && !existsSync(directory)) {
      const from = await this.#copy(sourceAt(this.#options.sources, mount.from.input), mount.from.source);
      await rename(from, directory);
    } else if (!existsSync(directory)) await mkdir(directory, { mode: mount.mode });
    await chmod(directory, mount.mode);
    await chown(directory, mount.uid, mount.gid);
    this.#push(directory, mount.target, mount.readonly);
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

  async #secret(mount: Of<"secret">): Promise<void> {
    const secret = this.#options.secrets.get(mount.id);
    if (secret === undefined) {
      if (!mount.required) return;
      throw new BerthError("not-found", `secret ${mount.id}: not found`, {
        hint: `Give it with --secret id=${mount.id},src=FILE.`,
      });
    }
    if (mount.env !== undefined) this.env.push(`${mount.env}=${Buffer.from(secret).toString("utf8")}`);
    if (mount.target === undefined) return;
    const file = join(await this.#directory(), "secret");
    await writeFile(file, secret, { mode: 0o600 });
    await chown(file, mount.uid, mount.gid);
    await chmod(file, mount.mode);
    this.#push(file, mount.target, true);
  }

  /** A copy of part of a tree. */
  async #copy(source: CopySource, path: string): Promise<string> {
    const [selection] = selectSource(source.tree, path, this.#deps.host);
    const writer = new RootWriter(this.#deps, await this.#snapshot());
    const name = randomID();
    if (selection === undefined) throw new BerthError("not-found", `${JSON.stringify(path)}: not found`);
    await copySelection(writer, selection, {
      syscalls: this.#deps.host.syscalls,
      destination: `/${name}`,
      signal: this.#options.signal,
      ...(source.owner === undefined ? {} : { defaultOwner: source.owner }),
    });
    return join((await this.#snapshot()).upper, name);
  }

  /** An empty directory for the time of the step, in the store. */
  async #directory(): Promise<string> {
    const directory = join((await this.#snapshot()).upper, randomID());
    await mkdir(directory, { mode: 0o755 });
    return directory;
  }

  async #snapshot(): Promise<ActiveSnapshot> {
    this.#scratch ??= this.#stack.use(await this.#deps.snapshotter.prepare(`build-${randomID()}`, undefined));
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
