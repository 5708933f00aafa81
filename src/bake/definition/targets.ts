import { isPattern, matches } from "./match.ts";
import { type Overrides, parseOverrides, withOverrides } from "./overrides.ts";
import { cleanContext } from "./paths.ts";
import {
  type Config,
  compact,
  type Group,
  mergeTargets,
  normalized,
  type Target,
  type TargetFields,
} from "./target.ts";

/** A target as it is built. */
export type ReadyTarget = Omit<TargetFields, "inherits"> & {
  readonly context: string;
  readonly dockerfile: string;
};

/** What is asked for of a definition. */
export interface Selection {
  /** Names and patterns of targets and groups; `default` when empty. */
  readonly names: readonly string[];
  /** As `--set` takes them. */
  readonly overrides: readonly string[];
  readonly lookup: (name: string) => string | undefined;
}

/** What is to be built. */
export interface Plan {
  readonly groups: ReadonlyMap<string, Group>;
  readonly targets: ReadonlyMap<string, ReadyTarget>;
  /** Targets that are only there because others are based on them. */
  readonly linked: ReadonlySet<string>;
}

/** Choose targets, and give each its inheritance and overrides. @throws in buildx's words */
export function planTargets(config: Config, { names, overrides, lookup }: Selection): Plan {
  const wanted = [...new Set((names.length === 0 ? ["default"] : names).flatMap((name) => namesFor(config, name)))];
  const reader = new TargetReader(config, parseOverrides(overrides, config.targets, lookup));
  const groups = new Map<string, Group>();
  const targets = new Map<string, ReadyTarget>();
  for (const name of wanted) {
    const found = membersOf(config, name, new Map());
    for (const target of new Set(found.targets)) targets.set(target, reader.ready(target));
    for (const group of found.groups) groups.set(group.name, group);
  }
  const others = wanted.filter((name) => name !== "default" || !groups.has("default"));
  const standard = groups.get("default");
  if (others.length > 0 || standard !== undefined) {
    const all = [...(standard?.targets ?? []), ...others];
    groups.set("default", { name: "default", ...standard, targets: [...new Set(all)].sort() });
  }
  return { groups, ...linkedTargets(reader, targets) };
}

/** Names that a word on the command line means: a service of compose may have dots. */
function namesFor({ groups, targets }: Config, word: string): readonly string[] {
  const name = word.replaceAll(".", "_");
  if (!isPattern(name)) return [name];
  const found = [...groups, ...targets].flatMap((item) => (matches(name, item.name) ? [item.name] : []));
  if (found.length === 0) throw new Error(`could not find any target matching ${JSON.stringify(name)}`);
  return found;
}

interface Members {
  readonly targets: readonly string[];
  readonly groups: readonly Group[];
}

function membersOf(config: Config, name: string, visited: Map<string, Members>): Members {
  const known = visited.get(name);
  if (known !== undefined) return known;
  const group = config.groups.find((candidate) => candidate.name === name);
  if (group === undefined) return { targets: [name], groups: [] };
  visited.set(name, { targets: [], groups: [] });
  const members = group.targets.map((member) => ({ member, ...membersOf(config, member, visited) }));
  const found = {
    targets: members.flatMap(({ member, targets }) => (targets.length > 0 ? targets : [member])),
    groups: [group, ...members.flatMap(({ groups }) => groups)],
  };
  visited.set(name, found);
  return found;
}

class TargetReader {
  readonly #targets: ReadonlyMap<string, Target>;
  readonly #overrides: Overrides;
  readonly #made = new Map<string, Target | undefined>();

  constructor({ targets }: Config, overrides: Overrides) {
    this.#targets = new Map(targets.map((target) => [target.name, target]));
    this.#overrides = overrides;
  }

  ready(name: string): ReadyTarget {
    const made = this.#read(name);
    if (made === undefined) throw new Error(`failed to find target ${name}`);
    const { name: _, inherits: __, dockerfile = "", context = ".", ...fields } = made;
    return {
      ...compact(fields),
      context: cleanContext(context),
      dockerfile: dockerfile === "" ? "Dockerfile" : dockerfile,
    };
  }

  /** @returns undefined for one that inherits from itself, which adds nothing */
  #read(name: string): Target | undefined {
    if (this.#made.has(name)) return this.#made.get(name);
    const target = this.#targets.get(name);
    if (target === undefined) throw new Error(`failed to find target ${name}`);
    this.#made.set(name, undefined);
    let made: Target = { name };
    for (const parent of target.inherits ?? []) {
      const inherited = this.#read(parent);
      if (inherited !== undefined) made = mergeTargets(made, inherited);
    }
    made = withOverrides(mergeTargets(made, target), this.#overrides.get(name) ?? new Map());
    made = normalized(made);
    this.#made.set(name, made);
    return made;
  }
}

/** Names of the targets that a target's contexts are. */
export function linksOf({ contexts = {} }: TargetFields): readonly string[] {
  return Object.values(contexts).flatMap((context) => /^target:(.*)$/s.exec(context)?.[1] ?? []);
}

function linkedTargets(
  reader: TargetReader,
  chosen: ReadonlyMap<string, ReadyTarget>,
): Pick<Plan, "targets" | "linked"> {
  const targets = new Map(chosen);
  const linked = new Set<string>();
  const done = new Set<string>();
  const link = (name: string): void => {
    if (targets.has(name)) return;
    targets.set(name, { ...reader.ready(name), output: [{ type: "cacheonly" }] });
    linked.add(name);
  };
  const visit = (name: string, path: readonly string[]): void => {
    if (done.has(name)) return;
    const target = targets.get(name);
    for (const next of target === undefined ? [] : linksOf(target)) {
      if (next === name) throw new Error(`target ${next} cannot link to itself`);
      if (path.includes(next)) throw new Error(`infinite loop from ${name} to ${next}`);
      link(next);
      visit(next, [...path, next]);
      inheritFrom(targets, name, next);
    }
    done.add(name);
  };
  for (const name of chosen.keys()) visit(name, [name]);
  return { targets, linked };
}

/** What a link needs is needed by whom is based on it; and it has to come for the same platforms. */
function inheritFrom(targets: Map<string, ReadyTarget>, name: string, link: string): void {
  const [target, base] = [targets.get(name), targets.get(link)];
  if (target === undefined || base === undefined) return;
  const { platforms = [] } = target;
  const { platforms: others = [], entitlements = [] } = base;
  if (platforms.length > 1 && others.length > 1 && !platforms.every((platform) => others.includes(platform)))
    throw new Error(
      `target ${link} can't be used by ${name} because its platforms [${platforms.join(" ")}] are not a subset of [${others.join(" ")}]`,
    );
  if (entitlements.length === 0) return;
  targets.set(name, { ...target, entitlements: [...new Set([...(target.entitlements ?? []), ...entitlements])] });
}
