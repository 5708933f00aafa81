import { BerthError, codeOf, messageOf } from "../base/errors.ts";
import { connectionFailure, RegistryError } from "./registry-error.ts";

/** What a system error of a connection is, in the words that Go has for it. An error that is none of a connection stays as it is. */
export function connectionError(error: unknown, { host, hostname }: Pick<URL, "host" | "hostname">): unknown {
  if (error instanceof BerthError) return error;
  const code = codeOf(error) ?? "";
  const cause = error;
  if (again.has(code)) return connectionFailure(again.get(code) ?? "", { again: true, cause });
  if (code === "ECONNREFUSED") {
    return connectionFailure(`dial tcp ${addressOf(error)}: connect: connection refused`, { refused: true, cause });
  }
  const known = dialing.get(code);
  if (known !== undefined) return connectionFailure(`dial tcp ${addressOf(error)}: connect: ${known}`, { cause });
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return lookupError(code, hostname, cause);
  if (code === "ERR_PROXY_TUNNEL")
    return connectionFailure(`proxyconnect tcp: ${tunnelText(messageOf(error))}`, { cause });
  if (code.startsWith("HPE_")) return connectionFailure(malformed(code), { cause });
  return tlsError(code, { cause, host }) ?? error;
}

/** The same of a connection to a server that goes through a proxy of HTTP: who can't be reached is the proxy. */
export function proxiedError(error: unknown, proxy: URL, server: URL): unknown {
  const told = connectionError(error, proxy);
  if (!(told instanceof RegistryError) || !told.message.startsWith("dial tcp")) return connectionError(error, server);
  return connectionFailure(`proxyconnect tcp: ${told.message}`, { ...told.facts, cause: error });
}

/** Codes of what may well go through the next time. */
const again: ReadonlyMap<string, string> = new Map([
  ["ECONNRESET", "unexpected EOF"],
  ["EPIPE", "write: broken pipe"],
  ["ETIMEDOUT", "i/o timeout"],
  ["ECONNABORTED", "connection aborted"],
  ["ERR_STREAM_PREMATURE_CLOSE", "unexpected EOF"],
]);

const dialing: ReadonlyMap<string, string> = new Map([
  ["ENETUNREACH", "network is unreachable"],
  ["EHOSTUNREACH", "no route to host"],
  ["EACCES", "permission denied"],
  ["EPERM", "operation not permitted"],
  ["EADDRNOTAVAIL", "cannot assign requested address"],
]);

/** The first one that was tried, of an error of several. */
function addressOf(error: unknown): string {
  const one: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const { address, port } = one as { readonly address?: string; readonly port?: number };
  if (address === undefined) return "";
  return `${address.includes(":") ? `[${address}]` : address}${port === undefined ? "" : `:${port}`}`;
}

function lookupError(code: string, host: string, cause: unknown): RegistryError {
  const what = code === "ENOTFOUND" ? "no such host" : "Temporary failure in name resolution";
  return connectionFailure(`dial tcp: lookup ${host}: ${what}`, { cause });
}

/** A proxy's own words: `407 Proxy Authentication Required`. */
function tunnelText(message: string): string {
  return /: HTTP\/1\.\d (.+)$/.exec(message)?.[1] ?? message;
}

function malformed(code: string): string {
  if (code === "HPE_HEADER_OVERFLOW") return "net/http: server response headers are too large";
  return "net/http: HTTP/1.x transport connection broken: malformed HTTP response";
}

const unknownAuthority: ReadonlySet<string> = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "CERT_UNTRUSTED",
]);

function tlsError(
  code: string,
  { cause, host }: { readonly cause: unknown; readonly host: string },
): RegistryError | undefined {
  if (/wrong.version.number|packet.length.too.long/i.test(`${code} ${messageOf(cause)}`)) {
    return connectionFailure("http: server gave HTTP response to HTTPS client", { cause });
  }
  const verify = "tls: failed to verify certificate: x509:";
  if (unknownAuthority.has(code)) {
    return connectionFailure(`${verify} certificate signed by unknown authority`, {
      cause,
      hint: `Put the authority's certificate into /etc/docker/certs.d/${host}/ca.crt.`,
    });
  }
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") {
    return connectionFailure(`${verify} certificate has expired or is not yet valid`, { cause });
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return connectionFailure(`${verify} ${otherNames(cause, host)}`, { cause });
  if (code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") || code === "EPROTO") {
    return connectionFailure(tlsText(messageOf(cause)), { cause });
  }
  return undefined;
}

/** What a certificate is for, where it isn't for the host. @param cause as Node's `tls.checkServerIdentity` makes it */
function otherNames(cause: unknown, host: string): string {
  const { cert } = cause as { readonly cert?: { readonly subjectaltname?: string } };
  // `DNS:a.test, IP Address:127.0.0.1`
  const names = (cert?.subjectaltname ?? "").split(", ").flatMap((name) => /^[^:]+:(.+)$/.exec(name)?.[1] ?? []);
  const name = new URL(`https://${host}/`).hostname;
  if (names.length > 0) return `certificate is valid for ${names.join(", ")}, not ${name}`;
  return `certificate is not valid for any names, but wanted to match ${name}`;
}

/** What OpenSSL says as `4083…:error:0A000412:SSL routines:ssl3_read_bytes:ssl/tls alert bad certificate:../deps/…`. */
function tlsText(message: string): string {
  const reason = /:SSL routines:[^:]*:([^:]+)/.exec(message)?.[1] ?? message;
  const [, alert] = /^\S+ alert (.+)$/.exec(reason) ?? [];
  return alert === undefined ? `tls: ${reason}` : `remote error: tls: ${alert}`;
}
