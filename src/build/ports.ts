import { isIP } from "node:net";
import { BerthError } from "../base/errors.ts";

const protocols: ReadonlySet<string> = new Set(["tcp", "udp", "sctp"]);

/**
 * The ports that a word of `EXPOSE` stands for: `80` is `80/tcp`, `8000-8002/udp` is three.
 * A host part (`127.0.0.1:8080:80`) is checked and dropped, as BuildKit does.
 *
 * @throws {BerthError} invalid-argument, with go-connections' texts
 */
export function exposedPorts(word: string): readonly string[] {
  const { ip, hostPort, containerPort } = splitParts(word);
  const [port = "", protocol = "tcp"] = splitProtocol(containerPort);
  if (port === "") throw invalid(`no port specified: ${word}<empty>`);
  if (!protocols.has(protocol.toLowerCase())) throw invalid(`invalid proto: ${protocol}`);
  const address = ip.replace(/^\[(.*)\]$/, "$1");
  if (address !== "" && isIP(address) === 0) throw invalid(`invalid IP address: ${ip}`);
  const range = portRange(port);
  if (range === undefined) throw invalid(`invalid containerPort: ${port}`);
  if (hostPort !== "" && portRange(hostPort) === undefined) throw invalid(`invalid hostPort: ${hostPort}`);
  const [start, end] = range;
  return Array.from({ length: end - start + 1 }, (_, index) => `${start + index}/${protocol.toLowerCase()}`);
}

/** A word of `EXPOSE` taken apart: the address or port of the host that it names, if any, the port, and the protocol as written. */
export function portParts(word: string): { readonly host: string; readonly port: string; readonly protocol: string } {
  const { ip, hostPort, containerPort } = splitParts(word);
  const [port, protocol = ""] = splitProtocol(containerPort);
  return { host: ip === "" ? hostPort : `${ip}:${hostPort}`, port, protocol };
}

function splitParts(word: string): { readonly ip: string; readonly hostPort: string; readonly containerPort: string } {
  const parts = word.split(":");
  const containerPort = parts.pop() ?? "";
  const hostPort = parts.pop() ?? "";
  return { ip: parts.join(":"), hostPort, containerPort };
}

function splitProtocol(port: string): readonly [string, string?] {
  const slash = port.indexOf("/");
  if (slash < 0) return [port];
  const protocol = port.slice(slash + 1);
  return protocol === "" ? [port.slice(0, slash)] : [port.slice(0, slash), protocol];
}

function portRange(text: string): readonly [number, number] | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const start = Number(match[1]);
  const end = Number(match[2] ?? match[1]);
  return start <= end && end <= 65535 ? [start, end] : undefined;
}

function invalid(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}
