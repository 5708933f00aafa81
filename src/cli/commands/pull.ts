import { BerthError } from "../../base/errors.ts";
import { humanSize } from "../../base/human-size.ts";
import type { PulledImage, PullOptions, PullPlan } from "../../image/pull.ts";
import { parsePlatform } from "../../oci/platform.ts";
import { familiar, fullName, parseReference, type Reference, withDefaultTag } from "../../oci/reference.ts";
import { CliError } from "../cli-error.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import { contentTrust } from "../flags/content-trust.ts";
import { bool, text } from "../flags/kinds.ts";
import { pullProgress } from "../progress/pull.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { asStreamed, pullShown, quotaLine, statusLine } from "./pull-image.ts";

interface PullValues {
  readonly "all-tags": boolean;
  readonly "disable-content-trust": boolean | undefined;
  readonly plan: boolean;
  readonly platform: string | undefined;
  readonly quiet: boolean;
}

/** `berth pull` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] NAME[:TAG|@DIGEST]",
  arity: { min: 1, max: 1 },
  flags: {
    "all-tags": bool("Download all tagged images in the repository", { short: "a" }),
    "disable-content-trust": contentTrust("Skip image verification"),
    plan: bool("Say what would be downloaded, and change nothing"),
    platform: text("Set platform if server is multi-platform capable"),
    quiet: bool("Suppress verbose output", { short: "q" }),
  },
  examples: ["pull debian", "pull --platform linux/arm64 busybox:1.36", "pull --plan registry.example:5000/team/app"],
  run: pull,
});

async function pull(call: Call<PullValues>): Promise<number> {
  const { values, args, io } = call;
  const [given = ""] = args;
  const reference = referenceOf(given);
  const isTagged = reference.tag !== undefined || reference.digest !== undefined;
  if (values["all-tags"] && isTagged) throw new CliError("tag can't be used with --all-tags/-a");
  using interrupt = interruptible(io);
  const { signal } = interrupt;
  const asked = values.platform ?? io.env["DOCKER_DEFAULT_PLATFORM"] ?? "";
  const platform = asked === "" ? undefined : parsePlatform(asked);
  const wanted = { signal, ...(platform === undefined ? {} : { platform }) };
  if (values["all-tags"]) return await (values.plan ? planAll : pullAll)(call, reference, wanted);
  if (!isTagged && !values.quiet) io.stdout.write("Using default tag: latest\n");
  const engine = await call.engine();
  if (values.plan) {
    const plan = await engine.images.planPull(given, wanted);
    io.stdout.write(values.quiet ? `${plan.bytes}\n` : `${planText(plan)}${quotaLine(plan.rateLimit)}`);
    return 0;
  }
  const { quiet } = values;
  const { rateLimit } = await pullShown({ engine, output: io.stdout }, given, { platform, quiet, signal });
  io.stdout.write(`${fullName(withDefaultTag(reference))}\n`);
  if (!quiet) io.stderr.write(quotaLine(rateLimit));
  return 0;
}

/** @throws {CliError} in the words of Docker's client, which reads names itself */
function referenceOf(name: string): Reference {
  try {
    return parseReference(name);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw new CliError(error.message, { cause: error });
  }
}

async function pullAll(
  { values: { quiet }, io, engine }: Call<PullValues>,
  repository: Reference,
  options: PullOptions,
): Promise<number> {
  const { images } = await engine();
  const name = familiar(repository);
  using progress = pullProgress(io.stdout, { quiet });
  let isNew = false;
  let last: PulledImage | undefined;
  try {
    for await (const pulled of images.pullAll(name, { ...options, report: progress.report })) {
      progress.end();
      isNew ||= pulled.isNew;
      last = pulled;
      if (!quiet) io.stdout.write(`Digest: ${pulled.digest}\n`);
    }
  } catch (error) {
    progress.end();
    throw progress.hasBegun() ? asStreamed(error) : error;
  }
  if (!quiet) io.stdout.write(statusLine(isNew, name));
  io.stdout.write(`${fullName(repository)}\n`);
  if (!quiet) io.stderr.write(quotaLine(last?.rateLimit));
  return 0;
}

/** A layer that several tags have comes once. */
async function planAll(
  { values: { quiet }, io, engine }: Call<PullValues>,
  repository: Reference,
  options: PullOptions,
): Promise<number> {
  const { images } = await engine();
  const coming = new Map<string, number>();
  let count = 0;
  let last: PullPlan | undefined;
  for await (const plan of images.planPullAll(familiar(repository), options)) {
    count++;
    last = plan;
    const missing = plan.layers.filter(({ isHere }) => !isHere);
    for (const { digest, size, begun } of missing) coming.set(digest, size - begun);
    if (!quiet) io.stdout.write(planText(plan));
  }
  const bytes = [...coming.values()].reduce((sum, size) => sum + size, 0);
  const tags = `${count} tag${count === 1 ? "" : "s"} of ${familiar(repository)}`;
  const whole = `Plan: ${humanSize(bytes)} to download for ${tags}\n${quotaLine(last?.rateLimit)}`;
  io.stdout.write(quiet ? `${bytes}\n` : whole);
  return 0;
}

function planText({ reference, digest, layers, bytes }: PullPlan): string {
  const lines = layers.map((layer) => {
    const left = humanSize(layer.size - layer.begun);
    const what = layer.begun === 0 ? `${left} to download` : `${left} of ${humanSize(layer.size)} to download`;
    return `${layer.digest.slice("sha256:".length).slice(0, 12)}: ${layer.isHere ? "Already exists" : what}\n`;
  });
  const missing = layers.filter(({ isHere }) => !isHere).length;
  const whole = missing === 0 ? "Nothing to download" : `${humanSize(bytes)} to download`;
  const count = `${missing} of ${layers.length} layer${layers.length === 1 ? "" : "s"}`;
  return `${lines.join("")}Digest: ${digest}\nPlan: ${whole} for ${reference} (${count})\n`;
}
