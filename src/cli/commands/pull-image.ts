import { BerthError, isKind } from "../../base/errors.ts";
import type { Engine } from "../../engine/engine.ts";
import type { PulledImage } from "../../image/pull.ts";
import type { Platform } from "../../oci/platform.ts";
import type { RateLimit } from "../../registry/repository.ts";
import { CliError } from "../cli-error.ts";
import { humanDuration } from "../format/human-duration.ts";
import { pullProgress } from "../progress/pull.ts";
import type { Output } from "../terminal/terminal.ts";

/** What {@link pullShown} takes beside a name. */
export interface PullShownOptions {
  readonly platform: Platform | undefined;
  readonly quiet: boolean;
  readonly signal: AbortSignal;
}

/** Pull an image, and say on `output` how it goes and what it came to, as Docker does. @throws {CliError} in Docker's words */
export async function pullShown(
  { engine, output }: { readonly engine: Engine; readonly output: Output },
  name: string,
  { platform, quiet, signal }: PullShownOptions,
): Promise<PulledImage> {
  using progress = pullProgress(output, { quiet });
  const wanted = platform === undefined ? {} : { platform };
  try {
    const pulled = await engine.images.pull(name, { signal, report: progress.report, ...wanted });
    progress.end();
    if (!quiet) output.write(`Digest: ${pulled.digest}\n${statusLine(pulled.isNew, pulled.reference)}`);
    if (!quiet && platform !== undefined) warnOfPlatform(engine, output, { pulled, platform });
    return pulled;
  } catch (error) {
    progress.end();
    throw progress.hasBegun() ? asStreamed(error) : error;
  }
}

/** Docker's last word on what a pull did. */
export function statusLine(isNew: boolean, name: string): string {
  return `Status: ${isNew ? "Downloaded newer image" : "Image is up to date"} for ${name}\n`;
}

/** What may still be asked of a registry; empty where it doesn't say. */
export function quotaLine(rateLimit: RateLimit | undefined): string {
  if (rateLimit === undefined) return "";
  const { remaining, limit, window } = rateLimit;
  const most = limit === undefined ? "" : ` of ${limit}`;
  const time = window === undefined ? "" : ` in ${humanDuration(window * 1000).toLowerCase()}`;
  return `Quota: ${remaining}${most} requests${time} are left\n`;
}

/** Docker's daemon tells in the stream of progress what goes wrong once that has begun, without the words before its other errors. */
export function asStreamed(error: unknown): unknown {
  if (!(error instanceof BerthError) || isKind(error, "canceled")) return error;
  return new CliError(error.message, { cause: error, ...(error.hint === undefined ? {} : { hint: error.hint }) });
}

/** An image that is for one platform alone comes whatever is asked for. */
function warnOfPlatform(
  { images }: Engine,
  output: Output,
  { pulled, platform }: { readonly pulled: PulledImage; readonly platform: Platform },
): void {
  try {
    images.get(pulled.reference, platform);
  } catch (error) {
    if (!(error instanceof BerthError) || error.kind !== "not-found") throw error;
    output.write(`WARNING: ${error.message}\n`);
  }
}
