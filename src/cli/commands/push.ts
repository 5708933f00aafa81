import { BerthError } from "../../base/errors.ts";
import { type Platform, parsePlatform } from "../../oci/platform.ts";
import { familiar, fullName, type Reference, withDefaultTag } from "../../oci/reference.ts";
import { CliError } from "../cli-error.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import type { Images, PushPlan } from "../engine-types.ts";
import { contentTrust } from "../flags/content-trust.ts";
import { bool, text } from "../flags/kinds.ts";
import { allPlansText, pushPlanText } from "../list/push-plan.ts";
import { noteText } from "../progress/note.ts";
import { pullProgress } from "../progress/pull.ts";
import { parsedName } from "../request/name.ts";
import { interruptible } from "../terminal/interrupt.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { asStreamed } from "./pull-image.ts";

interface PushValues {
  readonly "all-tags": boolean;
  readonly "disable-content-trust": boolean | undefined;
  readonly guard: boolean;
  readonly plan: boolean;
  readonly platform: string | undefined;
  readonly quiet: boolean;
}

/** `berth push` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] NAME[:TAG]",
  arity: { min: 1, max: 1 },
  flags: {
    "all-tags": bool("Push all tags of an image to the repository", { short: "a" }),
    "disable-content-trust": contentTrust("Skip image signing"),
    guard: bool("Send nothing when the image has secrets in it, or bytes that a layer has again"),
    plan: bool("Show what would be sent, and send nothing"),
    platform: text(
      "Push a platform-specific manifest as a single-platform image to the registry.\n" +
        "Image index won't be pushed, meaning that other manifests, including attestations won't be preserved.\n" +
        "'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
    ),
    quiet: bool("Suppress verbose output", { short: "q" }),
  },
  examples: [
    "push 127.0.0.1:5000/team/app",
    "push -a registry.example/team/app",
    "push --plan registry.example/app:1.0",
    "push --guard registry.example/app:1.0",
  ],
  run: push,
});

async function writePlans(
  { stdout }: Pick<Terminal, "stdout">,
  plans: AsyncIterable<PushPlan>,
  quiet: boolean,
): Promise<void> {
  const sizes: number[] = [];
  for await (const planned of plans) {
    sizes.push(planned.bytes);
    stdout.write(quiet ? `${planned.bytes}\n` : pushPlanText(planned));
  }
  if (sizes.length > 1 && !quiet) stdout.write(allPlansText(sizes));
}

async function push({ values, args: [name = ""], io, engine }: Call<PushValues>): Promise<number> {
  const { "all-tags": all, quiet, plan } = values;
  const platform = platformOf(values.platform, io);
  if (platform !== undefined) io.stdout.write(noteText(io.stdout, platformNote));
  const reference = referenceOf(name, all);
  if (!all && reference.tag === undefined && !quiet) io.stdout.write("Using default tag: latest\n");
  using interrupt = interruptible(io);
  const { images } = await engine();
  const request = { all, signal: interrupt.signal, ...(platform && { platform }) };
  try {
    if (plan) {
      await writePlans(io, images.planPush(name, request), quiet);
      return 0;
    }
    if (values.guard) await guardPushed(images, { reference, all }, interrupt);
    await pushAll({ io, images, reference, quiet }, request);
  } catch (error) {
    throw asStreamed(error);
  }
  if (quiet) io.stdout.write(`${fullName(all ? reference : withDefaultTag(reference))}\n`);
  return 0;
}

/** Look through what is to be pushed. @throws {CliError} with what is found */
async function guardPushed(
  images: Images,
  { reference, all }: { readonly reference: Reference; readonly all: boolean },
  operation: { readonly signal: AbortSignal },
): Promise<void> {
  const { guard } = await import("./guard.ts");
  const names = images.list().flatMap(({ references }) => references);
  const tagged = names.filter((name) => name.startsWith(`${familiar(reference)}:`));
  for (const image of all ? tagged : [familiar(withDefaultTag(reference))]) await guard(images, image, operation);
}

interface Pushing {
  readonly io: Pick<Terminal, "stdout">;
  readonly images: Images;
  readonly reference: Reference;
  readonly quiet: boolean;
}

async function pushAll(
  { io: { stdout }, images, reference, quiet }: Pushing,
  request: Parameters<Images["push"]>[1],
): Promise<void> {
  const notes: string[] = [];
  const say = (text: string): void => void (quiet || stdout.write(`${text}\n`));
  using progress = pullProgress(stdout, { quiet });
  const { domain, path } = reference;
  say(`The push refers to repository [${fullName({ domain, path })}]`);
  for await (const pushed of images.push(familiar(reference), { ...request, report: progress.report })) {
    const { digest, size, insteadOf } = pushed;
    progress.end();
    say(`${pushed.reference.tag}: digest: ${digest} size: ${size}`);
    if (insteadOf !== undefined) notes.push(noteText(stdout, insteadNote(stdout, { digest, insteadOf })));
  }
  for (const note of notes) stdout.write(note);
}

function platformOf(given: string | undefined, { stderr }: Pick<Terminal, "stderr">): Platform | undefined {
  if (given === undefined || given === "") return undefined;
  try {
    return parsePlatform(given);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    stderr.write(`Invalid platform ${given}`);
    throw new CliError(error.message, { cause: error });
  }
}

function referenceOf(name: string, all: boolean): Reference {
  const reference = parsedName(name);
  const isBare = reference.tag === undefined && reference.digest === undefined;
  if (all && !isBare) throw new CliError("tag can't be used with --all-tags/-a");
  if (reference.digest !== undefined) throw new CliError("cannot push a digest reference");
  return reference;
}

const platformNote = `Using --platform pushes only the specified platform manifest of a multi-platform image index.
Other components, like attestations, will not be included.
To push the complete multi-platform image, remove the --platform flag.
`;

/** Docker's words for an index of which one image was pushed alone. */
function insteadNote(
  { isTTY }: Pick<Terminal["stdout"], "isTTY">,
  { digest, insteadOf }: { readonly digest: string; readonly insteadOf: string },
): string {
  const coloured = (colour: number, text: string): string => (isTTY ? `\x1b[${colour}m${text}\x1b[0m` : text);
  return `Not all multiplatform-content is present and only the available single-platform image was pushed
${coloured(31, insteadOf)} -> ${coloured(32, digest)}`;
}
