import type { BuildOptions } from "../../build/build.ts";
import type { RecordedRequest } from "../../build/history/recorded-request.ts";
import { CliError } from "../cli-error.ts";

/** A command line of `verify` that names an image alone. */
export interface GivenAgain {
  readonly image: string;
  readonly options: Omit<BuildOptions, "context" | "tags">;
  /** `--security-opt` is among the flags. */
  readonly confines: boolean;
}

/** What an earlier build was asked, with what a command line has in its place. @throws {CliError} where something isn't recorded and isn't given */
export function askedAgain(
  { options: recorded, withheld }: RecordedRequest,
  { image, options: given, confines }: GivenAgain,
): Omit<BuildOptions, "tags"> {
  const { context, security, ...rest } = recorded;
  const merged = {
    ...rest,
    ...given,
    allow: [...(rest.allow ?? []), ...(given.allow ?? [])],
    buildArgs: { ...rest.buildArgs, ...given.buildArgs },
    contexts: { ...rest.contexts, ...given.contexts },
    labels: { ...rest.labels, ...given.labels },
    resources: { ...rest.resources, ...given.resources },
    settings: { ...rest.settings, ...given.settings },
    security: { ...(confines ? given.security : security) },
  };
  const missing = withheld.filter((each) => !isGiven(each, merged));
  if (context === undefined || missing.some(({ flag }) => flag === "context"))
    throw new CliError(
      `ERROR: the context that ${image} was built of isn't kept: it came as a stream, or its address has credentials in it`,
      { hint: `\`berth verify CONTEXT ${image}\`, with the options of that build, builds again what CONTEXT has.` },
    );
  if (missing.length === 0) return { ...merged, context };
  const flags = missing.map((each) => flagFor[each.flag](each.name));
  throw new CliError(
    `ERROR: not all that ${image} was built with is kept: ${flags.join(", ")} ${flags.length === 1 ? "is" : "are"} missing`,
    {
      hint: `Give it again: \`berth verify ${flags.join(" ")} ${image}\`.`,
    },
  );
}

type Missing = RecordedRequest["withheld"][number];

function isGiven({ flag, name }: Missing, options: Omit<BuildOptions, "context">): boolean {
  const { dockerfile, secrets, ssh = [], buildArgs = {}, contexts = {} } = options;
  if (flag === "context") return false;
  if (flag === "file") return dockerfile !== undefined;
  if (flag === "secret") return secrets?.has(name) === true;
  if (flag === "ssh") return ssh.some(({ id }) => id === name);
  return Object.hasOwn(flag === "build-arg" ? buildArgs : contexts, name);
}

const flagFor: { readonly [Flag in Missing["flag"]]: (name: string) => string } = {
  context: () => "CONTEXT",
  file: () => "-f FILE",
  secret: (name) => `--secret id=${name},src=FILE`,
  ssh: (name) => `--ssh ${name}`,
  "build-arg": (name) => `--build-arg ${name}=VALUE`,
  "build-context": (name) => `--build-context ${name}=PLACE`,
};
