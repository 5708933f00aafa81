import { ambiguousPrefix } from "../../base/ambiguous.ts";
import { BerthError, isKind } from "../../base/errors.ts";
import type { Container } from "../../container/container.ts";
import type { Engine } from "../../engine/engine.ts";
import { applyFilters, type Filter, hasLabel, type Question, requireKnown, switchOf } from "../flags/filter.ts";
import { parseInteger, quote } from "../flags/go-values.ts";

/** Names of the filters of `ps`. */
const known = [
  "ancestor",
  "before",
  "exited",
  "expose",
  "health",
  "id",
  "is-task",
  "isolation",
  "label",
  "name",
  "network",
  "publish",
  "since",
  "status",
  "volume",
];

const states = ["created", "dead", "exited", "paused", "removing", "restarting", "running"];
const healths = ["none", "starting", "healthy", "unhealthy"];

/** Filters that something has to be looked up for: they are prepared before the others. */
const prepared = ["before", "since", "is-task"];

/** What {@link filterContainers} goes by. */
export interface ContainerFilters {
  readonly given: readonly Filter[];
  /** Show also what doesn't run. */
  readonly all: boolean;
  /** At most so many; any number when absent. */
  readonly last?: number | undefined;
}

/**
 * The containers that `ps` lists, newest first.
 *
 * @throws {BerthError} invalid-argument or not-found, in Docker's words
 * @see moby daemon `Containers`
 */
export async function filterContainers(
  engine: Engine,
  { given, all, last }: ContainerFilters,
): Promise<readonly Container[]> {
  requireKnown(given, known);
  const containers = await engine.containers.list();
  const isWanted = given.some(({ name }) => name === "is-task") ? !switchOf(given, "is-task", false) : true;
  const any = all || last !== undefined || given.some(({ name }) => name === "status");
  const others = given.filter(({ name }) => !prepared.includes(name));
  const networks = given.some(({ name }) => name === "network") ? await engine.networks.list() : [];
  const asked = applyFilters(between(containers, given), others, questions(engine, { containers, networks }));
  const fitting = asked.filter(({ state }) => isWanted && (any || isRunning(state.status)));
  return last === undefined ? fitting : fitting.slice(0, last);
}

function isRunning(status: Container["state"]["status"]): boolean {
  return status === "running" || status === "paused";
}

/** Those that are older than `before` and newer than `since`. */
function between(containers: readonly Container[], given: readonly Filter[]): readonly Container[] {
  const named = (filter: string): number | undefined => {
    const value = given.findLast(({ name }) => name === filter)?.value;
    return value === undefined ? undefined : containers.indexOf(meant(containers, value));
  };
  const before = named("before");
  return containers.slice(before === undefined ? 0 : before + 1, named("since") ?? containers.length);
}

/** Docker knows no short ID here. @throws {BerthError} not-found; conflict, when a prefix is ambiguous */
function meant(containers: readonly Container[], nameOrID: string): Container {
  const name = nameOrID.replace(/^\//, "");
  const exact = containers.find((container) => container.id === name || container.name === name);
  const candidates = name === "" ? [] : containers.filter(({ id }) => id.startsWith(name));
  const found = exact ?? candidates[0];
  if (found === undefined) throw new BerthError("not-found", `No such container: ${nameOrID}`);
  if (exact === undefined && candidates.length > 1) {
    const message = `multiple IDs found with provided prefix: ${name}`;
    throw ambiguousPrefix({ kind: "conflict", message, candidates });
  }
  return found;
}

interface Known {
  readonly containers: readonly Container[];
  readonly networks: readonly { readonly id: string; readonly name: string }[];
}

function questions(engine: Engine, { containers, networks }: Known): Readonly<Record<string, Question<Container>>> {
  return {
    ancestor: (name) => {
      const images = descendants(engine.images, name);
      return ({ imageID }) => images.has(imageID);
    },
    exited: (text) => {
      const code = exitCode(text);
      return ({ state }) => state.status === "exited" && state.code === code;
    },
    expose: (port) => {
      const wanted = portsOf("expose", port);
      return ({ config }) => Object.keys(config.ExposedPorts ?? {}).some((each) => wanted(each));
    },
    health: (health) => {
      if (!healths.includes(health)) throw invalid(`invalid filter 'health=${health}'`);
      return () => health === "none";
    },
    id: (prefix) => {
      const [first, second] = containers.filter(({ id }) => id.startsWith(prefix));
      return ({ id }) => second === undefined && id === first?.id;
    },
    isolation: () => () => true,
    label:
      (label) =>
      ({ config }) =>
        hasLabel(config.Labels, label),
    name: (pattern) => {
      const fits = matcher(pattern);
      return ({ name }) => fits(name) || fits(`/${name}`);
    },
    network: (wanted) => {
      const ids = networks.filter(({ id }) => id.startsWith(wanted)).map(({ name }) => name);
      return ({ request }) => request.network === wanted || ids.includes(request.network);
    },
    publish: (port) => {
      portsOf("publish", port);
      return () => false;
    },
    status: (status) => {
      if (!states.includes(status)) throw invalid(`invalid filter 'status=${status}'`);
      return ({ state }) => state.status === status;
    },
    volume:
      (volume) =>
      ({ config }) =>
        config.mounts.some(({ name, source, target }) => (name ?? source) === volume || target === volume),
  };
}

/** An image and all that were made from it. */
function descendants(images: Engine["images"], name: string): ReadonlySet<string> {
  const found = new Set<string>();
  try {
    found.add(images.get(name).id);
  } catch (error) {
    if (isKind(error, "not-found") || isKind(error, "invalid-argument")) return found;
    throw error;
  }
  const children = Map.groupBy(images.list(), ({ parent }) => parent);
  for (const id of found) for (const child of children.get(id as never) ?? []) found.add(child.id);
  return found;
}

/** Whether a text has a match of a regular expression; a malformed one matches only itself. */
function matcher(pattern: string): (text: string) => boolean {
  try {
    const expression = new RegExp(pattern, "u");
    return (text) => text === pattern || expression.test(text);
  } catch (error) {
    if (error instanceof SyntaxError) return (text) => text === pattern;
    throw error;
  }
}

function exitCode(text: string): number {
  try {
    return parseInteger(text);
  } catch (error) {
    const reason = `strconv.Atoi: parsing ${quote(text)}: invalid syntax`;
    throw new BerthError("invalid-argument", `invalid filter 'exited=${text}': ${reason}`, { cause: error });
  }
}

/** Whether `80/tcp` is in a range of ports. @throws {BerthError} invalid-argument */
function portsOf(filter: string, text: string): (port: string) => boolean {
  if (text.includes(":")) throw invalid(`filter for '${filter}' should not contain ':': ${text}`);
  const [, from = "", to = from, protocol = "tcp"] = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(text) ?? [];
  if (from === "") throw invalid(`error while looking up for ${filter} ${text}: invalid port range`);
  return (port) => {
    const [number = "", kind = "tcp"] = port.split("/");
    return kind === protocol && Number(number) >= Number(from) && Number(number) <= Number(to);
  };
}

function invalid(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}
