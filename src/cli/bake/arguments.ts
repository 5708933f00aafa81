import { join } from "node:path";
import { entryText, quotedField } from "../../bake/definition/entries.ts";
import { isRemote } from "../../bake/definition/paths.ts";
import type { OptionalTexts, Resources } from "../../bake/definition/target.ts";
import type { ReadyTarget } from "../../bake/definition/targets.ts";

/** The command line of `build` that a target stands for, its context at the end. */
export function buildArguments(target: ReadyTarget): readonly string[] {
  const { context, contexts, dockerfile, tags, annotations, platforms, entitlements, ulimits } = target;
  const words = [
    ...members("build-arg", target.args),
    ...members("label", target.labels),
    ...members("build-context", localContexts(contexts)),
    ...members("add-host", target["extra-hosts"]),
    ...list("tag", tags),
    ...list("annotation", annotations),
    ...list("platform", platforms === undefined ? undefined : [platforms.join()]),
    ...list("allow", entitlements),
    ...list("ulimit", ulimits),
    ...list("no-cache-filter", target["no-cache-filter"]),
    ...list("cache-from", target["cache-from"]?.map(entryText)),
    ...list("cache-to", target["cache-to"]?.map(entryText)),
    ...list("output", target.output?.map(entryText)),
    ...list("attest", target.attest?.map(entryText)),
    ...list(
      "secret",
      target.secret?.map((secret) => fieldsText(Object.entries(secret))),
    ),
    ...list(
      "ssh",
      target.ssh?.map(({ id = "", paths }) => (paths === undefined ? id : `${id}=${paths.join()}`)),
    ),
    ...one("target", target.target),
    ...one("network", target.network),
    ...one("shm-size", target["shm-size"]),
    ...resources(target.resources ?? {}),
    ...(target.pull === true ? ["--pull"] : []),
    ...(target["no-cache"] === true ? ["--no-cache"] : []),
    ...(dockerfile === "Dockerfile" || target["dockerfile-inline"] !== undefined ? [] : one("file", placeOf(target))),
  ];
  return [...words, "--", context];
}

/** A Dockerfile lies in its context; but for one of the working directory. */
function placeOf({ context, dockerfile }: ReadyTarget): string {
  const local = /^cwd:\/\/(.*)$/s.exec(dockerfile)?.[1];
  if (local !== undefined) return local;
  return isRemote(context) || dockerfile.startsWith("/") ? dockerfile : join(context, dockerfile);
}

function localContexts(contexts: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(contexts).map(([name, value]) => [name, value.replace(/^cwd:\/\//, "")]));
}

function one(flag: string, value: string | undefined): readonly string[] {
  return value === undefined || value === "" ? [] : [`--${flag}=${value}`];
}

function list(flag: string, values: readonly string[] = []): readonly string[] {
  return values.map((value) => `--${flag}=${value}`);
}

function members(flag: string, values: OptionalTexts = {}): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) => (value === null ? [] : [`--${flag}=${name}=${value}`]));
}

function fieldsText(fields: readonly (readonly [string, string])[]): string {
  return fields.map(([name, value]) => quotedField(`${name}=${value}`)).join();
}

function resources(limits: Resources): readonly string[] {
  return Object.entries(limits).map(([name, value]) => `--${name}=${value}`);
}
