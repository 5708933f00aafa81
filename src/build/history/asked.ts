import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { BuildOptions } from "../build.ts";
import { layoutPrefix, parseLayout } from "../layout-reference.ts";
import { hasCredentials } from "../redact.ts";
import { isRemote } from "../remote-context.ts";
import type { AskedBuild, Withheld } from "./past-build.ts";
import { keptValue } from "./shown-value.ts";

/** What a build was asked, as its record keeps it: no secret, and nothing that came as a stream. */
export function askedOf(options: BuildOptions): AskedBuild {
  const { context, platform, network, resources, settings, security, links } = options;
  const contexts = Object.entries(options.contexts ?? {}).map(([name, value]) => ({
    name,
    place: links?.has(value) === true ? undefined : namedContext(value),
  }));
  const address = typeof context === "string" ? placeOf(context) : undefined;
  return {
    ...given("context", address),
    ...given("dockerfile", dockerfileOf(options)),
    ...given("platform", platform),
    ...given("network", network),
    ...given("allow", options.allow),
    ...given("resources", resources),
    ...given("settings", settings),
    ...given("security", security),
    ...given(
      "contexts",
      Object.fromEntries(contexts.flatMap(({ name, place }) => (place === undefined ? [] : [[name, place]]))),
    ),
    ...given("labels", Object.keys(options.labels ?? {})),
    ...given("withheld", [
      ...(address === undefined ? [{ flag: "context", name: "" } as const] : []),
      ...withheldOf(options),
      ...contexts.flatMap(({ name, place }) => (place === undefined ? [{ flag: "build-context", name } as const] : [])),
    ]),
  };
}

/** A field, unless it says nothing. */
function given<Name extends keyof AskedBuild>(name: Name, value: AskedBuild[Name]): Pick<AskedBuild, Name> {
  const isEmpty = value === undefined || (typeof value === "object" && Object.keys(value).length === 0);
  return (isEmpty ? {} : { [name]: value }) as Pick<AskedBuild, Name>;
}

function withheldOf(options: BuildOptions): readonly Withheld[] {
  const { dockerfile = "", dockerfileText, graph, secrets, ssh = [], buildArgs = {} } = options;
  const isKept = dockerfileText === undefined && graph === undefined && !hasCredentials(dockerfile);
  const args = Object.entries(buildArgs).filter(([name, value]) => keptValue(name, value) !== value);
  return [
    ...(isKept ? [] : [{ flag: "file", name: "" } as const]),
    ...[...(secrets?.keys() ?? [])].map((name) => ({ flag: "secret", name }) as const),
    ...ssh.map(({ id }) => ({ flag: "ssh", name: id }) as const),
    ...args.map(([name]) => ({ flag: "build-arg", name }) as const),
  ];
}

/** None of a program: that is run when somebody names it, and by no record. */
function dockerfileOf({ context, dockerfile, graph }: BuildOptions): string | undefined {
  if (graph !== undefined || hasCredentials(dockerfile ?? "")) return undefined;
  if (dockerfile === undefined || typeof context !== "string") return dockerfile;
  return isDirectory(context) && !isRemote(dockerfile) ? resolve(dockerfile) : dockerfile;
}

function namedContext(value: string): string | undefined {
  if (value.startsWith("docker-image://")) return value;
  if (!value.startsWith(layoutPrefix)) return placeOf(value);
  const { directory, tag, digest } = parseLayout(value);
  return `${layoutPrefix}${directory}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** A directory, absolute, or an address; undefined for one with credentials in it. */
function placeOf(text: string): string | undefined {
  if (isDirectory(text)) return resolve(text);
  return hasCredentials(text) ? undefined : text;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
