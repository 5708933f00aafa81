import { shortID } from "../../base/ids.ts";
import type { BuildOptions } from "../../build/build.ts";
import type { Verdict } from "../../build/verify.ts";
import { CliError } from "../cli-error.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import { displayOf } from "../progress/choose.ts";
import { askedAgain } from "../request/again.ts";
import { type BuildValues, buildFlags, buildOptions } from "../request/build-flags.ts";
import { sshOption } from "../request/ssh-flag.ts";
import { stepFlags } from "../request/step-flags.ts";
import { interruptible } from "../terminal/interrupt.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { namedFile } from "./build.ts";
import { failureOf } from "./build-failure.ts";

const { allow, file, label, network, platform, progress, pull, quiet, secret, ssh, target } = buildFlags;

const flags = {
  ...stepFlags,
  ...{ allow, file, label, network, platform, progress, pull, quiet, secret, ssh, target },
  "build-arg": buildFlags["build-arg"],
  "build-context": buildFlags["build-context"],
};

/** What the flags of `build` are that make no sense here. */
const unset = Object.fromEntries(
  Object.entries(buildFlags).map(([name, flag]) => [name, flag.initial]),
) as unknown as BuildValues;

type VerifyValues = Pick<BuildValues, keyof typeof flags>;

/** `berth verify` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] [CONTEXT] IMAGE",
  arity: { min: 1, max: 2 },
  flags,
  examples: [
    "verify app",
    "verify --secret id=token,src=token.txt app",
    "verify . app",
    "verify --build-arg SOURCE_DATE_EPOCH=1700000000 -f Dockerfile.prod . app:1",
  ],
  run: verify,
});

async function verify({ values, args, io, engine }: Call<VerifyValues>): Promise<number> {
  using interrupt = interruptible(io);
  const [context, name] = args.length === 1 ? [undefined, args[0] ?? ""] : [args[0] ?? "", args[1] ?? ""];
  if (context === "-") throw new CliError("ERROR: verify needs a context that can be read: a directory, or a URL");
  const isQuiet = values.quiet || values.progress === "quiet";
  const kind = isQuiet ? "none" : (values.progress ?? "auto");
  const asked = context === undefined ? undefined : { ...(await givenOptions(values, context, io.env)), context };
  const opened = await engine();
  const options = asked ?? (await recordedOptions(opened, name, { values, io, isQuiet }));
  const verdict = await verdictOf(
    opened,
    { name, options: { ...options, signal: interrupt.signal } },
    displayOf(io, kind),
  );
  io.stdout.write(shown(verdict, name));
  return verdict.difference === undefined ? 0 : 1;
}

async function givenOptions(
  values: VerifyValues,
  context: string,
  user: Terminal["env"],
): Promise<Omit<BuildOptions, "context" | "tags">> {
  return {
    ...buildOptions({ ...unset, ...values }, user),
    ...sshOption(values.ssh, { context, user }),
    ...(values.file === undefined ? {} : await namedFile(values.file)),
  };
}

interface Recorded {
  readonly values: VerifyValues;
  readonly io: Terminal;
  readonly isQuiet: boolean;
}

/** What the image was built with, by the record of its build, and what is given beside. @throws {CliError} */
async function recordedOptions(
  { builds }: Engine,
  image: string,
  { values, io, isQuiet }: Recorded,
): Promise<ReturnType<typeof askedAgain>> {
  const recorded = await builds.request(image);
  const options = await givenOptions(values, recorded.options.context ?? "", withoutDefaults(io.env, values));
  const again = askedAgain(recorded, { image, options, confines: values["security-opt"].length > 0 });
  if (!isQuiet) io.stderr.write(`Build ${shortID(recorded.buildID)} is done again, of ${recorded.options.context}\n`);
  return again;
}

/** What the environment has in the place of flags that aren't given, the record says. */
function withoutDefaults(user: Terminal["env"], values: VerifyValues): Terminal["env"] {
  const { DOCKER_DEFAULT_PLATFORM: _platform, SOURCE_DATE_EPOCH: epoch, ...rest } = user;
  return values["build-arg"].includes("SOURCE_DATE_EPOCH") ? { ...rest, SOURCE_DATE_EPOCH: epoch } : rest;
}

type Engine = Awaited<ReturnType<Call<VerifyValues>["engine"]>>;

async function verdictOf(
  engine: Engine,
  { name, options }: { readonly name: string; readonly options: Parameters<Engine["verify"]>[1] },
  display: ReturnType<typeof displayOf>,
): Promise<Verdict> {
  using shownProgress = display;
  try {
    return await engine.verify(name, {
      ...options,
      ...(shownProgress === undefined ? {} : { report: shownProgress.report }),
    });
  } catch (error) {
    throw failureOf(error);
  }
}

const noTimes = "Times were left out: without SOURCE_DATE_EPOCH no two builds have the same.\n";

function shown({ image, again, difference, times }: Verdict, name: string): string {
  const but = times ? "" : noTimes;
  if (difference === undefined)
    return times
      ? `${name} is the same when it is built again: ${again}\n`
      : `${name} is the same when it is built again, but for times.\n${but}`;
  const { layer, instruction, path, field, before, after } = difference;
  return [
    `${name} is another image when it is built again: ${shortID(image.id)}, now ${shortID(again)}\n`,
    ...(layer === undefined ? ["In its configuration:\n"] : [`In layer ${layer}, ${instruction ?? ""}:\n`]),
    ...(path === undefined ? [] : [`  path    ${path}\n`]),
    `  field   ${field}\n  before  ${before}\n  now     ${after}\n`,
    but,
  ].join("");
}
