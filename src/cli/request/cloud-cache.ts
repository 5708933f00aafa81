import type { GitHubPlace } from "../../remote-cache/github.ts";
import type { S3Place } from "../../remote-cache/s3.ts";
import { parseBool, parseDuration } from "../flags/go-values.ts";

/** The value of an attribute, which is taken once. */
export type Take = (name: string) => string | undefined;

type Env = Readonly<Record<string, string | undefined>>;

const day = 86_400_000;

/**
 * Where a cache of the type s3 is. Who asks comes from the environment where no attribute says it, as with AWS's own tools.
 *
 * @throws the reason, in BuildKit's words
 * @see BuildKit cache/remotecache/s3/s3.go
 */
export function s3Place(take: Take, env: Env): S3Place {
  const needed = (name: string, variable: string): string => {
    const value = take(name) ?? env[variable];
    if (value !== undefined && value !== "") return value;
    throw new Error(`${name} ($${variable}) not set for s3 cache`);
  };
  const endpoint = take("endpoint_url");
  if (endpoint !== undefined && !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? ""))
    throw new Error(`endpoint_url ${endpoint} is no URL of a server`);
  const sessionToken = take("session_token") ?? env["AWS_SESSION_TOKEN"];
  return {
    type: "s3",
    bucket: needed("bucket", "AWS_BUCKET"),
    region: needed("region", "AWS_REGION"),
    accessKeyID: needed("access_key_id", "AWS_ACCESS_KEY_ID"),
    secretAccessKey: needed("secret_access_key", "AWS_SECRET_ACCESS_KEY"),
    ...(sessionToken === undefined ? {} : { sessionToken }),
    prefix: take("prefix") ?? "",
    manifestsPrefix: take("manifests_prefix") ?? "manifests/",
    blobsPrefix: take("blobs_prefix") ?? "blobs/",
    names: (take("name") ?? "buildkit").split(";"),
    touchRefresh: durationOf("touch_refresh", take("touch_refresh")) ?? day,
    ...(endpoint === undefined ? {} : { endpoint }),
    usePathStyle: parseBool(take("use_path_style") ?? "false"),
    parallelism: parallelismOf(take("upload_parallelism") ?? "4"),
  };
}

function durationOf(name: string, given: string | undefined): number | undefined {
  const duration = given === undefined ? undefined : parseDuration(given);
  if (given !== undefined && duration === undefined) throw new Error(`${name} ${given} is no duration`);
  return duration;
}

function parallelismOf(given: string): number {
  if (/^[1-9]\d{0,2}$/.test(given)) return Number(given);
  throw new Error("upload_parallelism must be a positive integer");
}

/**
 * Where a cache of the type gha is: the environment of a job says it.
 *
 * @throws the reason, in BuildKit's words
 * @see BuildKit cache/remotecache/gha/gha.go
 */
export function githubPlace(take: Take, env: Env): GitHubPlace {
  const token = take("token") ?? env["ACTIONS_RUNTIME_TOKEN"];
  if (token === undefined || token === "") throw new Error("token not set for github actions cache");
  const version = take("version");
  if (version !== undefined && version !== "2")
    throw new Error(`berth speaks version 2 of the GitHub Actions cache, and not ${version}`);
  const url = take("url_v2") ?? take("url") ?? env["ACTIONS_RESULTS_URL"];
  if (url === undefined || url === "") throw new Error("url not set for github actions cache");
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? "")) throw new Error(`${url} is no URL of a server`);
  return { type: "gha", scope: take("scope") ?? "buildkit", url, token };
}
