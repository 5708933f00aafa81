import { readFileSync } from "node:fs";
import { codeOf } from "../../base/errors.ts";
import { humanSize } from "../../base/human-size.ts";
import { CliError } from "../cli-error.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import type { LogEntry, ServeCacheOptions } from "../engine-types.ts";
import { parseBytes, parseDuration } from "../flags/go-values.ts";
import { bool, list, text, value } from "../flags/kinds.ts";
import { printable } from "../format/printable.ts";

interface ServeValues {
  readonly allow: readonly string[];
  readonly insecure: boolean;
  readonly listen: ServeCacheOptions["listen"] | undefined;
  readonly "max-downloads": number | undefined;
  readonly "max-size": number | undefined;
  readonly "tag-ttl": number | undefined;
  readonly "tls-cert": string | undefined;
  readonly "tls-key": string | undefined;
  readonly upstream: string | undefined;
}

/** `berth cache serve` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: {
    allow: list("Registry that may be asked beside the upstream; `*` is any, as on loopback where none is given"),
    insecure: bool("Serve other machines without TLS"),
    listen: value("Address and port to listen on", parseAddress, { shownDefault: "127.0.0.1:5000" }),
    "max-downloads": value("Most blobs that are fetched from one registry at once", count, {
      valueName: "number",
      shownDefault: "16",
    }),
    "max-size": value("Bytes to keep, as 20g; what was asked for least recently goes first", parseBytes, {
      valueName: "bytes",
    }),
    "tag-ttl": value("How long a tag is served without asking its registry", duration, {
      valueName: "duration",
      shownDefault: "1m0s",
    }),
    "tls-cert": text("Certificate with its chain, PEM", { valueName: "file" }),
    "tls-key": text("Private key of the certificate, PEM", { valueName: "file" }),
    upstream: text("Registry of names without one", { shownDefault: "docker.io" }),
  },
  examples: [
    "cache serve",
    "cache serve --max-size 20g",
    "cache serve --listen 0.0.0.0:443 --tls-cert cache.crt --tls-key cache.key --allow quay.io",
  ],
  run: async ({ values, io, engine }: Call<ServeValues>) => {
    const options = optionsOf(values);
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    using _signals = io.onSignals(["SIGINT", "SIGTERM"], () => end());
    const { cache } = await engine();
    await using running = await cache.serve({ ...options, log: (entry) => io.stdout.write(`${lineOf(entry)}\n`) });
    io.stdout.write(`listening on ${running.url}, in front of ${options.upstream}\n`);
    await ended;
    return 0;
  },
});

function optionsOf(values: ServeValues): ServeCacheOptions {
  const { allow, insecure, upstream = "docker.io", "max-size": maxSize, "tag-ttl": tagTTL = 60_000 } = values;
  const { "max-downloads": maxDownloads = 16 } = values;
  const { listen = { host: "127.0.0.1", port: 5000 } } = values;
  const { "tls-cert": certificate, "tls-key": key } = values;
  if ((certificate === undefined) !== (key === undefined)) {
    throw new CliError("--tls-cert and --tls-key go together", { code: 125 });
  }
  return {
    ...{ listen, insecure, upstream, allow, tagTTL, maxDownloads },
    ...(maxSize === undefined ? {} : { maxSize }),
    ...(certificate === undefined || key === undefined
      ? {}
      : { tls: { certificate: readFile(certificate), key: readFile(key) } }),
  };
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = codeOf(error) === "ENOENT" ? "no such file or directory" : codeOf(error);
    throw new CliError(`open ${path}: ${reason}`, { cause: error });
  }
}

/** `127.0.0.1:5000`, `[::1]:5000`, `:5000` for every address. @throws {Error} */
function parseAddress(given: string): ServeCacheOptions["listen"] {
  const [, bracketed, plain = "", port = ""] = /^(?:\[([\da-f:]+)\]|([\w.-]*)):(\d{1,5})$/i.exec(given) ?? [];
  if (port === "" || Number(port) > 65_535)
    throw new Error(`invalid address ${JSON.stringify(given)}: HOST:PORT is meant`);
  return { host: bracketed ?? plain, port: Number(port) };
}

function count(given: string): number {
  const found = /^\d{1,6}$/.test(given) ? Number(given) : 0;
  if (found < 1) throw new Error(`invalid number ${JSON.stringify(given)}: at least 1 is meant`);
  return found;
}

function duration(given: string): number {
  const found = parseDuration(given);
  if (found === undefined) throw new Error(`invalid duration ${JSON.stringify(given)}`);
  return found;
}

/** One line a request: time, client, what was asked for, what came of it. */
function lineOf({ client, method, url, status, bytes, duration: took, outcome, error }: LogEntry): string {
  const what = shown(`${method} ${shownURL(url)}`);
  const facts = [status, outcome ?? "-", humanSize(bytes), `${Math.round(took)}ms`];
  return [new Date().toISOString(), client, what, ...facts, ...(error === undefined ? [] : [shown(error)])].join(" ");
}

/** Of a query what says whose repository it is: anything else may be a secret. */
function shownURL(url: string): string {
  const [path = "", ...query] = url.split("?");
  const namespace = new URLSearchParams(query.join("?")).get("ns");
  return namespace === null ? path : `${path}?ns=${namespace}`;
}

/** Text from outside, not endless and without control characters. */
function shown(text: string): string {
  return printable(text).slice(0, 500);
}
