import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { codeOf } from "../base/errors.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import type { Host } from "../host/host.ts";
import type { ChainID, Digest } from "../oci/digest.ts";
import { type ImageConfig, parseImageConfig } from "../oci/image-config.ts";
import { type Platform, platformText } from "../oci/platform.ts";
import { fullName, type Reference } from "../oci/reference.ts";
import { joinMonitorCgroup } from "../runtime/monitor-cgroup.ts";
import { type ServedLayers, servedFile } from "../snapshot/served-layers.ts";
import { type LazyAnswer, servedConfigFile } from "./lazy-server.ts";

/** What {@link startLazyServer} takes beside the name. */
export interface StartOptions extends Operation {
  readonly platform?: Platform;
  /** The words that start berth with the places of this engine. */
  readonly argv: readonly string[];
}

/** An image whose layers are served. */
export interface ServedImage {
  readonly id: Digest;
  readonly config: ImageConfig;
  readonly coming: {
    readonly name: string;
    readonly reference: string;
    readonly platform?: Platform;
    readonly chainID: ChainID;
    readonly below: ChainID | undefined;
  };
}

/** Descriptor that the server writes its answer to. */
const answerFd = 3;

/**
 * Start a process that serves an image's layers, in a mount namespace of its own, and wait for its answer. It goes on when this process
 * ends; what it has to say then is in `<run root>/lazy.log`.
 *
 * @returns why the image can't be served, where that is so
 * @throws the signal's reason, when it was cancelled
 */
export async function startLazyServer(
  host: Host,
  name: Reference,
  { argv, platform, signal }: StartOptions,
): Promise<ServedImage | { readonly refused: string }> {
  const wanted = platform === undefined ? [] : ["--platform", platformText(platform)];
  const words = ["--mount", "--propagation", "slave", "--", ...argv, "internal-lazy", ...wanted, fullName(name)];
  const log = openLog(host);
  const child = spawn("unshare", words, {
    detached: true,
    stdio: ["ignore", log, log, "pipe"],
    ...stoppedBy(signal),
  });
  closeSync(log);
  const failed = once(child, "error").then(([error]) => Promise.reject(error));
  // Heard from the start: a server that ends at once takes with it what nobody has read.
  const answered = Promise.race([textOf(child.stdio[answerFd] as Readable), failed]);
  answered.catch(() => undefined);
  // Whoever started this process may end all that belongs to its group.
  if (child.pid !== undefined) await joinMonitorCgroup(host.cgroup, child.pid);
  const text = await answered.catch((error: unknown) => {
    signal?.throwIfAborted();
    throw error;
  });
  child.unref();
  const answer = parseAnswer(text);
  if (answer === undefined) return { refused: `the server ended without a word: ${logPath(host)} may say why` };
  return "refused" in answer ? answer : imageIn(answer.directory, platform);
}

function logPath({ runRoot }: Host): string {
  return join(runRoot, "lazy.log");
}

/** Bytes of the log above which it is begun anew. */
const longestLog = 1 << 20;

function openLog(host: Host): number {
  const size = statSync(logPath(host), { throwIfNoEntry: false })?.size ?? 0;
  return openSync(logPath(host), size > longestLog ? "w" : "a", 0o600);
}

async function textOf(pipe: Readable): Promise<string> {
  let text = "";
  pipe.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
  });
  await once(pipe, "close");
  return text;
}

/** A server writes one line of JSON; none where it died. */
function parseAnswer(text: string): LazyAnswer | undefined {
  return text.endsWith("\n") ? (JSON.parse(text) as LazyAnswer) : undefined;
}

function imageIn(directory: string, platform: Platform | undefined): ServedImage | { readonly refused: string } {
  try {
    const state = JSON.parse(readFileSync(join(directory, servedFile), "utf8")) as ServedLayers;
    const { imageID: id, name, reference, chainID, below } = state;
    const config = parseImageConfig(readFileSync(join(directory, servedConfigFile)));
    return { id, config, coming: { name, reference, chainID, below, ...(platform && { platform }) } };
  } catch (error) {
    // The image is here by now, and its server has ended.
    if (codeOf(error) === "ENOENT") return { refused: "" };
    throw error;
  }
}
