import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { extname, join } from "node:path";
import { BerthError, codeOf } from "../base/errors.ts";
import { nodeTls } from "./node-http.ts";
import type { Env } from "./proxies.ts";

/** What a user has put into `certs.d` for a server, as PEM. */
export interface ServerCertificates {
  /** Authorities beside those of the system. */
  readonly ca: readonly string[];
  /** To show to the server. */
  readonly client: readonly { readonly cert: string; readonly key: string }[];
}

/** The directories that may have one named after a server: Docker's, Podman's, and those of a user. */
function places(env: Env): readonly string[] {
  const config = env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config");
  return ["/etc/docker", "/etc/containers", join(config, "docker"), join(config, "containers")];
}

/**
 * Read `certs.d/HOST` wherever it is: `*.crt` are authorities, `*.cert` with the `*.key` of the same name are shown to the server.
 * Docker passes over an authority that is none.
 *
 * @param url of the server; its usual port may be in the name of the directory, or not
 * @param warn told of what is passed over
 * @throws {BerthError} invalid-argument in Docker's words, where one of a pair is missing or isn't what it is to be
 */
export function serverCertificates(
  url: URL,
  { env, warn = () => undefined }: { readonly env: Env; readonly warn?: (message: string) => void },
): ServerCertificates {
  const hosts = url.port === "" ? [url.host, `${url.host}:443`] : [url.host];
  const found = places(env).flatMap((place) => hosts.map((host) => readDirectory(join(place, "certs.d", host), warn)));
  return { ca: found.flatMap(({ ca }) => ca), client: found.flatMap(({ client }) => client) };
}

function readDirectory(directory: string, warn: (message: string) => void): ServerCertificates {
  const names = namesIn(directory);
  const read = (name: string): string => readFile(join(directory, name));
  const paired = (name: string, extension: string): string => {
    const other = `${name.slice(0, -extname(name).length)}${extension}`;
    if (names.includes(other)) return other;
    throw new BerthError(
      "invalid-argument",
      extension === ".key"
        ? `missing key ${other} for client certificate ${name}. CA certificates must use the extension .crt`
        : `missing client certificate ${other} for key ${name}`,
      { hint: `Look into ${directory}.` },
    );
  };
  const authority = (name: string): string => {
    const pem = read(name);
    if (!isCertificate(pem))
      warn(`${join(directory, name)} is passed over: it is no certificate in PEM form. Replace it, or delete it.`);
    return pem;
  };
  for (const key of names.filter((name) => extname(name) === ".key")) paired(key, ".cert");
  return {
    ca: names.filter((name) => extname(name) === ".crt").map(authority),
    client: names
      .filter((name) => extname(name) === ".cert")
      .map((name) => usable(directory, { name, keyName: paired(name, ".key"), read })),
  };
}

function readFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    // Node doesn't say of what.
    if (codeOf(error) !== "EISDIR") throw error;
    throw new BerthError("invalid-argument", `read ${path}: is a directory`, { cause: error });
  }
}

/** Whether the first certificate of a text can be read. */
function isCertificate(pem: string): boolean {
  const { X509Certificate } = process.getBuiltinModule("node:crypto");
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch (error) {
    if (codeOf(error)?.startsWith("ERR_OSSL_") === true) return false;
    throw error;
  }
}

/** @throws {BerthError} invalid-argument, for a pair that is no certificate with its key */
function usable(
  directory: string,
  { name, keyName, read }: { readonly name: string; readonly keyName: string; readonly read: (name: string) => string },
): ServerCertificates["client"][number] {
  const pair = { cert: read(name), key: read(keyName) };
  try {
    nodeTls().createSecureContext(pair);
    return pair;
  } catch (error) {
    throw new BerthError("invalid-argument", `client certificate ${name} with key ${keyName} can't be used`, {
      cause: error,
      hint: `Look into ${directory}: both are to be PEM, and the key that of the certificate.`,
    });
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR" || codeOf(error) === "EACCES") return [];
    throw error;
  }
}

/** Where distributions keep the authorities that they trust. @see Go crypto/x509 root_linux.go */
const bundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** The authorities that this system trusts, as PEM: `$SSL_CERT_FILE`, or its own; Node's where it has none. */
export function systemAuthorities(env: Env): readonly string[] {
  const named = env["SSL_CERT_FILE"];
  for (const bundle of named ? [named] : bundles) {
    try {
      return [readFileSync(bundle, "utf8")];
    } catch (error) {
      if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ENOTDIR") throw error;
    }
  }
  return nodeTls().rootCertificates;
}
