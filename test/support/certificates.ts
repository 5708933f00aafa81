import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** A private key and its certificate: paths of PEM files. */
export interface Certificate {
  readonly key: string;
  readonly certificate: string;
}

/** A certificate authority that nobody knows, and what it has signed. */
export interface Certificates {
  readonly ca: Certificate;
  /** For `127.0.0.1`, `localhost` and `registry.test`. */
  readonly server: Certificate;
  readonly client: Certificate;
}

const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

/** Make an authority, a server's and a client's certificate below `directory`. */
export function makeCertificates(directory: string): Certificates {
  const ca = selfSigned(directory, "ca", curve);
  const names = "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:registry.test";
  return { ca, server: signed(directory, "server", ca, [names]), client: signed(directory, "client", ca, []) };
}

/** Make a certificate that is its own authority, with an RSA key: what RS256 signs with. */
export function makeSigningCertificate(directory: string): Certificate {
  return selfSigned(directory, "signing", ["-newkey", "rsa:2048"]);
}

function selfSigned(directory: string, name: string, key: readonly string[]): Certificate {
  return request(directory, name, [...key, "-subj", `/CN=berth test ${name}`]);
}

function signed(directory: string, name: string, ca: Certificate, extensions: readonly string[]): Certificate {
  const all = ["basicConstraints=critical,CA:FALSE", ...extensions].flatMap((each) => ["-addext", each]);
  const issuer = ["-CA", ca.certificate, "-CAkey", ca.key];
  return request(directory, name, [...curve, ...issuer, "-subj", `/CN=${name}`, ...all]);
}

function request(directory: string, name: string, options: readonly string[]): Certificate {
  const made = { key: join(directory, `${name}.key`), certificate: join(directory, `${name}.crt`) };
  const files = ["-nodes", "-keyout", made.key, "-out", made.certificate, "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...files, ...options], { stdio: "pipe" });
  return made;
}
