import { BerthError } from "../../base/errors.ts";
import { isObject, type JsonObject } from "../../base/json-object.ts";
import type { Descriptor } from "../../oci/image-index.ts";
import { buildName } from "../history/build-subject.ts";
import type { BuildStatus, PastBuild } from "../history/past-build.ts";

// A build as BuildKit's history has it, in JSON. @see BuildKit, api/services/control/control.proto, and buildx, util/desktop/bundle

/** Media types of a record and of its log. */
export const recordType = "application/vnd.buildkit.historyrecord.v0";
export const logType = "application/vnd.buildkit.status.v0";

/** Codes of gRPC: who built has canceled it; whatever else went wrong. */
const codes = { canceled: 1, error: 2 } as const;

/** The record of a build. @param log what its steps told, as a blob */
export function recordOf(build: PastBuild, log: Descriptor): object {
  const { id, status, error, started, duration, steps, tags, image, target, platform, dockerfile, context } = build;
  const args = Object.entries(build.buildArgs).map(([name, value]) => [`build-arg:${name}`, value]);
  return {
    Ref: id,
    Frontend: "dockerfile.v0",
    FrontendAttrs: {
      filename: dockerfile,
      ...(target === undefined ? {} : { target }),
      ...(build.asked?.platform === undefined ? {} : { platform }),
      ...(build.noCache ? { "no-cache": "" } : {}),
      ...Object.fromEntries(args),
    },
    Exporters: image === undefined ? [] : [{ Type: "image", Attrs: { name: tags.join(",") } }],
    ...(status === "completed" ? {} : { error: { code: codes[status], message: error ?? status } }),
    CreatedAt: timeOf(started),
    CompletedAt: timeOf(started + duration),
    logs: { media_type: log.mediaType, digest: log.digest, size: log.size },
    ExporterResponse:
      image === undefined ? {} : { "containerimage.config.digest": image, "image.name": tags.join(",") },
    numCachedSteps: steps.cached,
    numTotalSteps: steps.total,
    numCompletedSteps: steps.completed,
    DefaultPlatform: platform,
    localState: { Target: target ?? "default", LocalPath: context, DockerfilePath: dockerfile },
  };
}

function timeOf(milliseconds: number): object {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanos: Math.round((milliseconds - seconds * 1000) * 1e6) };
}

/** A build as a record has it: its steps are in a log. */
export interface ReadRecord {
  readonly build: Omit<PastBuild, "omitted" | "recorded">;
  /** Digest of the log; undefined without one. */
  readonly log: string | undefined;
}

/** Read a record. @throws {BerthError} invalid-argument, for what is none */
export function readRecord(value: unknown): ReadRecord {
  if (!isObject(value)) throw noRecord("it is no object");
  const { Ref: id, CreatedAt: created, CompletedAt: completed } = value;
  if (typeof id !== "string" || !/^[\w.-]{1,128}$/.test(id)) throw noRecord("it has no Ref");
  const started = millisecondsIn(created);
  if (started === undefined) throw noRecord("it doesn't say when it began");
  const attributes = textsIn(value["FrontendAttrs"]);
  const state = textsIn(value["localState"]);
  const target = attributes["target"];
  const buildArgs = buildArgsIn(attributes);
  const file = state["DockerfilePath"] || attributes["filename"];
  const named = buildName({
    context: state["LocalPath"] || attributes["context"] || "-",
    ...(file === undefined ? {} : { dockerfile: file }),
    ...(target === undefined ? {} : { target }),
    buildArgs,
  });
  const logs = value["logs"];
  return {
    log: isObject(logs) && typeof logs["digest"] === "string" ? logs["digest"] : undefined,
    build: {
      ...{ id, started, duration: Math.round(Math.max(0, (millisecondsIn(completed) ?? started) - started)) },
      ...endOf(value["error"]),
      ...named,
      ...(target === undefined ? {} : { target }),
      platform: attributes["platform"] || textIn(value["DefaultPlatform"]),
      tags: [],
      steps: {
        total: countIn(value["numTotalSteps"]),
        completed: countIn(value["numCompletedSteps"]),
        cached: countIn(value["numCachedSteps"]),
      },
      unneeded: [],
      buildArgs,
      noCache: attributes["no-cache"] !== undefined,
    },
  };
}

function endOf(error: unknown): { readonly status: BuildStatus; readonly error?: string } {
  if (!isObject(error)) return { status: "completed" };
  const status = error["code"] === codes.canceled ? "canceled" : "error";
  return { status, error: textIn(error["message"]) };
}

function buildArgsIn(attributes: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const prefix = "build-arg:";
  const given = Object.entries(attributes).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(given.map(([name, value]) => [name.slice(prefix.length), value]));
}

function textsIn(value: unknown): Readonly<Record<string, string>> {
  const object: JsonObject = isObject(value) ? value : {};
  return Object.fromEntries(
    Object.entries(object).flatMap(([name, each]) => (typeof each === "string" ? [[name, each] as const] : [])),
  );
}

function textIn(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function countIn(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

function millisecondsIn(value: unknown): number | undefined {
  if (!isObject(value)) return undefined;
  const { seconds, nanos = 0 } = value;
  return typeof seconds === "number" && typeof nanos === "number" ? seconds * 1000 + nanos / 1e6 : undefined;
}

function noRecord(why: string): BerthError {
  return new BerthError("invalid-argument", `invalid archive: a build record can't be read: ${why}`);
}
