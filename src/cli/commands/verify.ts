import { shortID } from "../../base/ids.ts";
import type { Verdict } from "../../build/verify.ts";
import { CliError } from "../cli-error.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import { displayOf } from "../progress/choose.ts";
import { type BuildValues, buildFlags, buildOptions } from "../request/build-flags.ts";
import { sshOption } from "../request/ssh-flag.ts";
import { stepFlags } from "../request/step-flags.ts";
import { interruptible } from "../terminal/interrupt.ts";
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
  synopsis: "[OPTIONS] CONTEXT IMAGE",
  arity: { min: 2, max: 2 },
  flags,
  examples: ["verify . app", "verify --build-arg SOURCE_DATE_EPOCH=1700000000 -f Dockerfile.prod . app:1"],
  run: verify,
});

async function verify({ values, args: [context = "", name = ""], io, engine }: Call<VerifyValues>): Promise<number> {
  using interrupt = interruptible(io);
  if (context === "-") throw new CliError("ERROR: verify needs a context that can be read: a directory, or a URL");
  const options = {
    ...buildOptions({ ...unset, ...values }, io.env),
    ...sshOption(values.ssh, { context, user: io.env }),
    context,
    signal: interrupt.signal,
    ...(values.file === undefined ? {} : { dockerfile: values.file }),
  };
  const kind = values.quiet || values.progress === "quiet" ? "none" : (values.progress ?? "auto");
  const opened = await engine();
  const verdict = await verdictOf(opened, { name, options }, displayOf(io, kind));
  io.stdout.write(shown(verdict, name));
  return verdict.difference === undefined ? 0 : 1;
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
