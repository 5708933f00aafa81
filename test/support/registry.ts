import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Certificate, type Certificates, makeCertificates, makeSigningCertificate } from "./certificates.ts";
import { eventually } from "./eventually.ts";
import { type Handler, type Listening, listen } from "./listen.ts";
import { runProgram } from "./program.ts";
import { openTokenServer, type TokenRequest, type TokenServerOptions, tokenNames } from "./token-server.ts";

/** How a registry is set up; plain HTTP, open to anybody, when all is absent. */
export interface RegistryOptions {
  /** With a certificate of an authority that nobody knows: {@link Registry.certificates}. */
  readonly tls?: boolean;
  /** Only for clients with a certificate of that authority. */
  readonly clientCertificates?: boolean;
  /** Basic authentication: passwords by user name. */
  readonly htpasswd?: Readonly<Record<string, string>>;
  /** Bearer authentication, behind a token server that is started with it. */
  readonly tokenServer?: TokenServerOptions;
  /** Whether manifests and blobs may be deleted; false when absent. */
  readonly delete?: boolean;
}

/** Debian's docker-registry (CNCF distribution 2.8) on loopback, with a port and a directory of its own. */
export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Without a slash at the end. */
  readonly url: string;
  /** Where it keeps blobs and manifests: `docker/registry/v2/…` below it. */
  readonly data: string;
  /** With TLS alone. */
  readonly certificates: Certificates | undefined;
  /** What its token server was asked so far. */
  readonly tokenRequests: readonly TokenRequest[];
  /** What it has been asked, a line each: method, path and status, as `GET /v2/ 200`. The last may come a moment after its answer. */
  readonly requests: () => readonly string[];
}

/** Start a registry. It is gone with all that it holds when it is disposed, and ends with this process at the latest. */
export async function openRegistry(options: RegistryOptions = {}): Promise<Registry> {
  await using stack = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), "berth-registry-"));
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const certificates = options.tls === true ? makeCertificates(directory) : undefined;
  const signing = options.tokenServer && makeSigningCertificate(directory);
  const tokens = signing && stack.use(await openTokenServer(signing, options.tokenServer ?? {}));
  const passwords = options.htpasswd === undefined ? undefined : await passwordFile(directory, options.htpasswd);
  const auth = {
    ...(passwords === undefined ? {} : { htpasswd: { realm: "berth tests", path: passwords } }),
    ...(tokens && { token: { ...tokenNames, realm: tokens.url, rootcertbundle: signing?.certificate } }),
  };
  const config = join(directory, "config.yml");
  // JSON is YAML.
  writeFileSync(config, JSON.stringify({ ...configOf(directory, options, certificates), auth }));
  const { port, log } = await startServer(stack, directory, config);
  const host = `127.0.0.1:${port}`;
  const owned = stack.move();
  return {
    host,
    url: `${certificates === undefined ? "http" : "https"}://${host}`,
    data: join(directory, "data"),
    certificates,
    tokenRequests: tokens?.requests ?? [],
    requests: () =>
      [...log().matchAll(/"(?<method>[A-Z]+) (?<path>\S+) HTTP\/[\d.]+" (?<status>\d+)/g)].map(
        ({ groups = {} }) => `${groups["method"]} ${groups["path"]} ${groups["status"]}`,
      ),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function configOf(directory: string, options: RegistryOptions, certificates: Certificates | undefined): object {
  const tls = certificates && {
    certificate: certificates.server.certificate,
    key: certificates.server.key,
    ...(options.clientCertificates === true ? { clientcas: [certificates.ca.certificate] } : {}),
  };
  return {
    version: "0.1",
    log: { level: "info", formatter: "json" },
    storage: {
      filesystem: { rootdirectory: join(directory, "data") },
      delete: { enabled: options.delete === true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    // The log tells which port it got.
    http: { addr: "127.0.0.1:0", secret: "of the tests", ...(tls === undefined ? {} : { tls }) },
  };
}

async function startServer(
  stack: AsyncDisposableStack,
  directory: string,
  config: string,
): Promise<{ readonly port: string; readonly log: () => string }> {
  const path = join(directory, "log");
  const output = openSync(path, "w");
  // The kernel ends it with the process that started it, however that ends.
  const argv = ["--pdeathsig", "KILL", "docker-registry", "serve", config];
  const server = spawn("setpriv", argv, { stdio: ["ignore", output, output] });
  closeSync(output);
  const exited = once(server, "exit");
  stack.defer(async () => {
    server.kill("SIGKILL");
    await exited;
  });
  const log = (): string => readFileSync(path, "utf8");
  const port = await eventually(async () => {
    if (server.exitCode !== null) throw new Error(`docker-registry ended with ${server.exitCode}: ${log()}`);
    return /"listening on 127\.0\.0\.1:(\d+)/.exec(log())?.[1];
  });
  return { port, log };
}

/** Write a password file with bcrypt, the one form that the registry takes. */
async function passwordFile(directory: string, users: Readonly<Record<string, string>>): Promise<string> {
  const lines: string[] = [];
  for (const [name, password] of Object.entries(users)) {
    const { code, stdout, stderr } = await runProgram("htpasswd", ["-niBC", "4", name], { input: password });
    if (code !== 0) throw new Error(`htpasswd: ${stderr}`);
    lines.push(stdout.trim());
  }
  const path = join(directory, "htpasswd");
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

/** One request that a scripted registry got. */
export interface ScriptedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** A registry that does what a test says, in this process. */
export interface ScriptedRegistry extends Listening {
  /** What it got so far, first to last. */
  readonly requests: readonly ScriptedRequest[];
}

/** Start a server that answers as `handler` does, for hostile and odd registries: with TLS where it has a certificate. */
export async function openScriptedRegistry(
  handler: Handler,
  options: { readonly tls?: Certificate } = {},
): Promise<ScriptedRegistry> {
  const requests: ScriptedRequest[] = [];
  const server = await listen((request, response) => {
    const { method = "", url: path = "", headers } = request;
    requests.push({ method, path, headers });
    return handler(request, response);
  }, options);
  return { ...server, requests };
}
