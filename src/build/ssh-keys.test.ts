import { generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import { describe, expect, test } from "vitest";
import { parseSshKey } from "./ssh-keys.ts";
import { WireReader, wire } from "./ssh-wire.ts";

/** A key in OpenSSH's own form. */
function openSsh(type: string, parts: readonly Buffer[], cipher = "none"): string {
  const secret = [wire.uint32(7), wire.uint32(7), wire.string(type), ...parts, wire.string("comment")];
  const bytes = Buffer.concat([
    ...[Buffer.from("openssh-key-v1\0"), wire.string(cipher), wire.string("none"), wire.string("")],
    ...[wire.uint32(1), wire.string("public"), wire.string(Buffer.concat(secret))],
  ]);
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${bytes.toString("base64")}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

const partOf = (key: KeyObject, name: string): Buffer =>
  Buffer.from(String({ ...key.export({ format: "jwk" }) }[name as "x"]), "base64url");

const data = Buffer.from("what is signed");
const signatureOf = (bytes: Buffer): readonly [name: string, signature: Buffer] => {
  const reader = new WireReader(bytes);
  return [reader.text(), reader.string()];
};

describe("keys in OpenSSH's form sign as the key does", () => {
  test("Ed25519", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const x = partOf(privateKey, "x");
    const both = Buffer.concat([partOf(privateKey, "d"), x]);
    const key = parseSshKey(openSsh("ssh-ed25519", [wire.string(x), wire.string(both)]));
    expect(key.publicKey).toEqual(Buffer.concat([wire.string("ssh-ed25519"), wire.string(x)]));
    const [name, signature] = signatureOf(key.sign(data, 0));
    expect([name, verify(null, data, publicKey, signature)]).toEqual(["ssh-ed25519", true]);
  });

  test("RSA, with the hash that is asked for", () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const parts = ["n", "e", "d", "qi", "p", "q"].map((name) => wire.mpint(partOf(privateKey, name)));
    const key = parseSshKey(openSsh("ssh-rsa", parts));
    for (const [flags, type, hash] of [
      [0, "ssh-rsa", "sha1"],
      [2, "rsa-sha2-256", "sha256"],
      [4, "rsa-sha2-512", "sha512"],
    ] as const) {
      const [name, signature] = signatureOf(key.sign(data, flags));
      expect([name, verify(hash, data, publicKey, signature)]).toEqual([type, true]);
    }
  });

  test.each([
    ["P-256", "nistp256", "sha256"],
    ["P-384", "nistp384", "sha384"],
    ["P-521", "nistp521", "sha512"],
  ])("ECDSA over %s", (namedCurve, curve, hash) => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve });
    const [x, y, d] = ["x", "y", "d"].map((name) => partOf(privateKey, name));
    const size = x?.length ?? 0;
    const point = Buffer.concat([Buffer.from([4]), x ?? data, y ?? data]);
    const type = `ecdsa-sha2-${curve}`;
    const key = parseSshKey(openSsh(type, [wire.string(curve), wire.string(point), wire.mpint(d ?? data)]));
    const [name, numbers] = signatureOf(key.sign(data, 0));
    const reader = new WireReader(numbers);
    const both = [reader.string(), reader.string()].map((number) =>
      Buffer.concat([Buffer.alloc(size), number]).subarray(-size),
    );
    const options = { key: publicKey, dsaEncoding: "ieee-p1363" } as const;
    expect([name, verify(hash, data, options, Buffer.concat(both))]).toEqual([type, true]);
  });
});

test("keys in PEM are taken", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  for (const type of ["sec1", "pkcs8"] as const) {
    const pem = privateKey.export({ format: "pem", type }).toString();
    expect(parseSshKey(pem).publicKey.toString("latin1")).toContain("ecdsa-sha2-nistp256");
  }
});

test.each([
  ["nothing", "ssh: no key found"],
  [openSsh("ssh-ed25519", [], "aes256-ctr"), "ssh: this private key is passphrase protected"],
  [openSsh("ssh-dss", []), 'ssh: unsupported key type "ssh-dss"'],
  [openSsh("ssh-ed25519", []), "ssh: short read"],
  ["-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----", "ssh: invalid openssh private key"],
  ["-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", "ssh: this private key is passphrase protected"],
  ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "ssh: the private key can't be read"],
])("%# is refused", (text, message) => {
  expect(() => parseSshKey(text)).toThrow(message);
});
