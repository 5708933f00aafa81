import { BerthError } from "../base/errors.ts";
import { isObject, type JsonObject } from "../base/json-object.ts";
import { architecturesOf, type Seccomp, type SeccompSyscalls } from "./seccomp.ts";

/** What a profile's rules are chosen by. */
export interface ProfileHost {
  /** The process's bounding set, as `CAP_SYS_ADMIN`. */
  readonly capabilities: readonly string[];
  /** Of the machine, in Go's words. */
  readonly architecture: string;
  /** The kernel's release: `6.1.0-18-amd64`. */
  readonly kernel: string;
}

/** When a rule counts, or doesn't. */
interface Condition {
  readonly arches: readonly string[];
  readonly caps: readonly string[];
  readonly minKernel: string | undefined;
}

const actions: ReadonlySet<string> = new Set(
  ["KILL", "KILL_PROCESS", "KILL_THREAD", "TRAP", "ERRNO", "TRACE", "ALLOW", "LOG"].map((name) => `SCMP_ACT_${name}`),
);

/**
 * A user's own profile for a process, from Docker's form of it. Undefined where it has neither a default action nor rules, as in Docker.
 *
 * @param text JSON
 * @throws {BerthError} invalid-argument, for one that is malformed
 * @see moby profiles/seccomp `LoadProfile`
 */
export function seccompProfile(text: string, host: ProfileHost): Seccomp | undefined {
  const profile = objectIn(JSON.parse(text), "it");
  const syscalls = listIn(profile, "syscalls");
  if (profile["defaultAction"] === undefined && syscalls.length === 0) return undefined;
  if (profile["listenerPath"] !== undefined)
    throw undecodable("listenerPath: berth has no agent that decides on calls");
  const errnoRet = numberIn(profile, "defaultErrnoRet");
  const flags = textsIn(profile, "flags");
  return {
    defaultAction: actionIn(profile, "defaultAction"),
    ...(errnoRet === undefined ? {} : { defaultErrnoRet: errnoRet }),
    architectures: architecturesIn(profile, host),
    ...(flags.length === 0 ? {} : { flags }),
    syscalls: syscalls.flatMap((rule) => ruleIn(objectIn(rule, "a rule"), host) ?? []),
  };
}

function architecturesIn(profile: JsonObject, { architecture }: ProfileHost): readonly string[] {
  const named = textsIn(profile, "architectures");
  const mapped = listIn(profile, "archMap").map((entry) => objectIn(entry, "archMap"));
  if (named.length > 0 && mapped.length > 0) throw bothGiven("architectures", "archMap");
  const [native] = architecturesOf(architecture);
  const own = mapped.find((entry) => entry["architecture"] === native);
  return own === undefined || native === undefined ? named : [native, ...textsIn(own, "subArchitectures")];
}

function ruleIn(rule: JsonObject, host: ProfileHost): SeccompSyscalls | undefined {
  const names = textsIn(rule, "names");
  const { name } = rule;
  if (typeof name === "string" && name !== "" && names.length > 0) throw bothGiven("name", "names");
  if (isExcluded(conditionIn(rule, "excludes"), host) || !isIncluded(conditionIn(rule, "includes"), host))
    return undefined;
  const errnoRet = numberIn(rule, "errnoRet");
  const args = listIn(rule, "args").map((each) => argumentIn(objectIn(each, "args")));
  return {
    names: typeof name === "string" && name !== "" ? [name] : names,
    action: actionIn(rule, "action"),
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...(args.length === 0 ? {} : { args }),
  };
}

function argumentIn(argument: JsonObject): NonNullable<SeccompSyscalls["args"]>[number] {
  const { op } = argument;
  if (typeof op !== "string" || !/^SCMP_CMP_(?:NE|LT|LE|EQ|GE|GT|MASKED_EQ)$/.test(op)) {
    throw undecodable(`no comparison: ${JSON.stringify(op)}`);
  }
  const [index = 0, value = 0] = [numberIn(argument, "index"), numberIn(argument, "value")];
  const valueTwo = numberIn(argument, "valueTwo");
  return { index, value, op, ...(valueTwo === undefined ? {} : { valueTwo }) };
}

function conditionIn(rule: JsonObject, name: string): Condition {
  const condition = objectIn(rule[name] ?? {}, name);
  const { minKernel } = condition;
  if (minKernel !== undefined && (typeof minKernel !== "string" || !/^\d+\.\d+$/.test(minKernel))) {
    throw undecodable(`no version of a kernel: ${JSON.stringify(minKernel)}`);
  }
  return { arches: textsIn(condition, "arches"), caps: textsIn(condition, "caps"), minKernel };
}

function isExcluded(
  { arches, caps, minKernel }: Condition,
  { architecture, capabilities, kernel }: ProfileHost,
): boolean {
  const isNew = minKernel !== undefined && isAtLeast(kernel, minKernel);
  return arches.includes(architecture) || caps.some((name) => capabilities.includes(name)) || isNew;
}

function isIncluded(
  { arches, caps, minKernel }: Condition,
  { architecture, capabilities, kernel }: ProfileHost,
): boolean {
  if (arches.length > 0 && !arches.includes(architecture)) return false;
  if (minKernel !== undefined && !isAtLeast(kernel, minKernel)) return false;
  return caps.every((name) => capabilities.includes(name));
}

function isAtLeast(kernel: string, least: string): boolean {
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
  const [leastMajor = 0, leastMinor = 0] = least.split(".").map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

function actionIn(object: JsonObject, name: string): string {
  const action = object[name];
  if (typeof action === "string" && actions.has(action)) return action;
  throw undecodable(`no action that berth knows: ${JSON.stringify(action)}`);
}

function objectIn(value: unknown, what: string): JsonObject {
  if (isObject(value)) return value;
  throw undecodable(`${what} is no object`);
}

/** Go takes null for an empty list. */
function listIn(object: JsonObject, name: string): readonly unknown[] {
  const value = object[name] ?? [];
  if (Array.isArray(value)) return value;
  throw undecodable(`${name} is no list`);
}

function textsIn(object: JsonObject, name: string): readonly string[] {
  const list = listIn(object, name);
  if (list.every((each) => typeof each === "string")) return list;
  throw undecodable(`${name} is no list of texts`);
}

function numberIn(object: JsonObject, name: string): number | undefined {
  const value = object[name] ?? undefined;
  if (value === undefined || (typeof value === "number" && Number.isSafeInteger(value) && value >= 0)) return value;
  throw undecodable(`${name} is no number`);
}

function undecodable(why: string): BerthError {
  return new BerthError("invalid-argument", `Decoding seccomp profile failed: ${why}`);
}

function bothGiven(one: string, other: string): BerthError {
  const message = `both '${one}' and '${other}' are specified in the seccomp profile, use either '${one}' or '${other}'`;
  return new BerthError("invalid-argument", message);
}
