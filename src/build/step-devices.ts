import { BerthError } from "../base/errors.ts";
import type { DeviceRequest } from "../dockerfile/device.ts";
import { type CdiDevice, type CdiEdits, type CdiRegistry, cdiDirectories, readCdi } from "../host/cdi.ts";
import { readSettings } from "../host/settings.ts";
import type { Entitlements } from "./entitlements.ts";
import type { CountedDevice } from "./graph.ts";

/** Annotations that BuildKit reads. */
const classAnnotation = "org.mobyproject.buildkit.device.class";
const allowAnnotation = "org.mobyproject.buildkit.device.autoallow";

/** The devices of this machine, looked at when somebody asks. */
export function deviceRegistry(): () => CdiRegistry {
  let registry: CdiRegistry | undefined;
  return () => {
    registry ??= readCdi(readSettings().cdiSpecDirs ?? cdiDirectories);
    return registry;
  };
}

/** The devices of a step. */
export interface GrantedDevices {
  /** Those that it gets, by their whole names. */
  readonly names: readonly string[];
  /** What counts of them in BuildKit's name of the step. */
  readonly counted: readonly CountedDevice[];
}

/**
 * The devices that a step gets.
 *
 * @throws {BerthError} not-found, for a required one that isn't there; permission-denied, for one that isn't allowed; with BuildKit's text
 */
export function grantDevices(
  registry: CdiRegistry,
  allowed: Entitlements,
  requests: readonly DeviceRequest[],
): GrantedDevices {
  const meant = requests.map(({ name, required }) => ({ name: allowed.devices.get(name) ?? name, required }));
  const found = new Set(meant.flatMap((request) => find(registry, request)));
  const granting = { names: [...found], counted: countedDevices(registry, allowed, requests) };
  if (allowed.everyDevice) return granting;
  const names = [...allowed.devices.values()];
  const granted = new Set(names.flatMap((name) => find(registry, { name, required: false })));
  const forbidden = [...found].filter((name) => !granted.has(name) && !allowsItself(registry.devices.get(name)));
  const [first, second] = forbidden;
  if (first === undefined) return granting;
  const message =
    second === undefined
      ? `device ${first} is requested by the build but not allowed`
      : `devices ${forbidden.join(", ")} are requested by the build but not allowed`;
  throw new BerthError("permission-denied", `failed to load LLB: ${message}`, {
    hint: `\`--allow device=${first}\` lets steps have it.`,
  });
}

/** Where every device is allowed, what is written; those that have another name there first otherwise, and then those that the others come to. */
function countedDevices(
  registry: CdiRegistry,
  { everyDevice, devices }: Entitlements,
  requests: readonly DeviceRequest[],
): readonly CountedDevice[] {
  const written = requests.map(({ name, required }) => ({ name, optional: !required }));
  if (everyDevice) return written;
  const known = (name: string): string => devices.get(name) ?? name;
  const [renamed, others] = [true, false].map((is) => requests.filter(({ name }) => (known(name) !== name) === is));
  const found = new Set((others ?? []).flatMap((request) => find(registry, request)));
  return [
    ...(renamed ?? []).map(({ name, required }) => ({ name: known(name), optional: !required })),
    ...[...found].map((name) => ({ name, optional: false })),
  ];
}

/** A device by its whole name; of a kind alone the first, with `*` all; or those of a class. */
function find({ devices, unread }: CdiRegistry, { name, required }: DeviceRequest): readonly string[] {
  const [kind = "", device = ""] = split(name);
  const all = [...devices.keys()];
  const ofKind = all.filter((each) => each.startsWith(`${kind}=`));
  const byName = device === "" ? ofKind.slice(0, 1) : device === "*" ? ofKind : all.filter((each) => each === name);
  const byKind = kind.includes("/") ? byName : [];
  if (byKind.length > 0) return byKind;
  const byClass = all.filter((each) => devices.get(each)?.annotations[classAnnotation] === name);
  if (byClass.length > 0 || !required) return byClass;
  const where =
    "Specifications are files in the directories `cdi-spec-dirs` of the settings, /etc/cdi and /var/run/cdi.";
  const hint = unread.length === 0 ? where : `${where} Not read: ${unread.join("; ")}.`;
  throw new BerthError("not-found", `failed to load LLB: required device ${JSON.stringify(name)} is not registered`, {
    hint,
  });
}

function split(name: string): readonly string[] {
  const equals = name.indexOf("=");
  return equals < 0 ? [name] : [name.slice(0, equals), name.slice(equals + 1)];
}

function allowsItself(device: CdiDevice | undefined): boolean {
  return /^(1|t|T|TRUE|true|True)$/.test(device?.annotations[allowAnnotation] ?? "");
}

/** What devices change in a step: what each specification says for all of its devices once, and each device's own. */
export function deviceEdits({ devices }: CdiRegistry, names: readonly string[]): readonly CdiEdits[] {
  const common = new Set<CdiEdits>();
  const own: CdiEdits[] = [];
  for (const name of names) {
    const device = devices.get(name);
    if (device === undefined)
      throw new BerthError("not-found", `required device ${JSON.stringify(name)} is not registered`);
    common.add(device.common);
    own.push(device.edits);
  }
  return [...common, ...own];
}
