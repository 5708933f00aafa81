import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { BerthError } from "../base/errors.ts";
import { WireReader, wire } from "./ssh-wire.ts";

/** A private key that an agent signs with. */
export interface SshKey {
  /** The public key as SSH has it. */
  readonly publicKey: Buffer;
  /** A signature as SSH has it. @param flags of the request: which hash RSA is to use */
  sign(data: Uint8Array, flags: number): Buffer;
}

/**
 * Read a private key without a passphrase: OpenSSH's own form, or PEM.
 *
 * @throws {BerthError} invalid-argument, in the words of Go's ssh
 */
export function parseSshKey(text: string): SshKey {
  const own = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END OPENSSH PRIVATE KEY-----/.exec(text)?.[1];
  return keyOf(own === undefined ? pemKey(text) : openSshKey(Buffer.from(own, "base64")));
}

const protectedKey = "ssh: this private key is passphrase protected";

function pemKey(text: string): KeyObject {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) throw wrong("ssh: no key found");
  if (/ENCRYPTED/.test(text)) throw wrong(protectedKey);
  return imported(() => createPrivateKey(text));
}

function imported(read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch (error) {
    throw new BerthError("invalid-argument", "ssh: the private key can't be read", { cause: error });
  }
}

const magic = Buffer.from("openssh-key-v1\0");

/** @see OpenSSH, PROTOCOL.key */
function openSshKey(bytes: Buffer): KeyObject {
  if (!bytes.subarray(0, magic.length).equals(magic)) throw wrong("ssh: invalid openssh private key format");
  const reader = new WireReader(bytes.subarray(magic.length));
  const cipher = reader.text();
  if (cipher !== "none") throw wrong(protectedKey);
  // The way from a passphrase to a key, which is none, and its options.
  reader.string();
  reader.string();
  if (reader.uint32() !== 1) throw wrong("ssh: multi-key files are not supported");
  reader.string();
  const secret = new WireReader(reader.string());
  const [check, again] = [secret.uint32(), secret.uint32()];
  if (check !== again) throw wrong("ssh: malformed OpenSSH key");
  const type = secret.text();
  const key = jwkOf(type, secret);
  return imported(() => createPrivateKey({ key, format: "jwk" }));
}

type Jwk = Readonly<Record<string, string>>;

function jwkOf(type: string, secret: WireReader): Jwk {
  if (type === "ssh-ed25519") {
    const x = secret.string();
    return { kty: "OKP", crv: "Ed25519", x: url(x), d: url(secret.string().subarray(0, 32)) };
  }
  if (type === "ssh-rsa") return rsaJwk(secret);
  const curve = curves.find(({ name }) => type === `ecdsa-sha2-${name}`);
  if (curve === undefined) throw wrong(`ssh: unsupported key type ${JSON.stringify(type)}`);
  secret.string();
  const point = secret.string();
  const d = secret.string();
  const { crv, size } = curve;
  if (point.length !== 2 * size + 1 || point[0] !== 4) throw wrong("ssh: malformed OpenSSH key");
  const [x, y] = [point.subarray(1, size + 1), point.subarray(size + 1)];
  return { kty: "EC", crv, x: url(x), y: url(y), d: url(sized(d, size)) };
}

function rsaJwk(secret: WireReader): Jwk {
  const [n, e, d, qi, p, q] = Array.from({ length: 6 }, () => trimmed(secret.string()));
  if (!n || !e || !d || !qi || !p || !q) throw wrong("ssh: malformed OpenSSH key");
  const part = (prime: Buffer): string => url(bytesOf(numberOf(d) % (numberOf(prime) - 1n)));
  const parts = { n: url(n), e: url(e), d: url(d), p: url(p), q: url(q), qi: url(qi) };
  return { kty: "RSA", ...parts, dp: part(p), dq: part(q) };
}

const curves = [
  { name: "nistp256", crv: "P-256", size: 32, hash: "sha256" },
  { name: "nistp384", crv: "P-384", size: 48, hash: "sha384" },
  { name: "nistp521", crv: "P-521", size: 66, hash: "sha512" },
] as const;

function keyOf(key: KeyObject): SshKey {
  const jwk: Record<string, unknown> = { ...key.export({ format: "jwk" }) };
  const part = (name: string): Buffer => Buffer.from(String(jwk[name]), "base64url");
  if (jwk["crv"] === "Ed25519") {
    return {
      publicKey: Buffer.concat([wire.string("ssh-ed25519"), wire.string(part("x"))]),
      sign: (data) => Buffer.concat([wire.string("ssh-ed25519"), wire.string(sign(null, data, key))]),
    };
  }
  if (jwk["kty"] === "RSA") {
    return {
      publicKey: Buffer.concat([wire.string("ssh-rsa"), wire.mpint(part("e")), wire.mpint(part("n"))]),
      sign: (data, flags) => {
        const [name, hash] = rsaHash(flags);
        return Buffer.concat([wire.string(name), wire.string(sign(hash, data, key))]);
      },
    };
  }
  const curve = curves.find(({ crv }) => crv === jwk["crv"]);
  if (curve === undefined) throw wrong("ssh: unsupported key type");
  const { name, hash, size } = curve;
  const point = Buffer.concat([Buffer.from([4]), part("x"), part("y")]);
  return {
    publicKey: Buffer.concat([wire.string(`ecdsa-sha2-${name}`), wire.string(name), wire.string(point)]),
    sign: (data) => {
      const both = sign(hash, data, { key, dsaEncoding: "ieee-p1363" });
      const numbers = [wire.mpint(both.subarray(0, size)), wire.mpint(both.subarray(size))];
      return Buffer.concat([wire.string(`ecdsa-sha2-${name}`), wire.string(Buffer.concat(numbers))]);
    },
  };
}

/** @see RFC 9987 (the agent's protocol), flags of a request to sign */
function rsaHash(flags: number): readonly [name: string, hash: string] {
  if ((flags & 4) !== 0) return ["rsa-sha2-512", "sha512"];
  return (flags & 2) === 0 ? ["ssh-rsa", "sha1"] : ["rsa-sha2-256", "sha256"];
}

function url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

function trimmed(bytes: Buffer): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? bytes : bytes.subarray(first);
}

function sized(bytes: Buffer, size: number): Buffer {
  const plain = trimmed(bytes);
  if (plain.length > size) throw wrong("ssh: malformed OpenSSH key");
  return Buffer.concat([Buffer.alloc(size - plain.length), plain]);
}

function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex") || "0"}`);
}

function bytesOf(number: bigint): Buffer {
  const hex = number.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

function wrong(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}
