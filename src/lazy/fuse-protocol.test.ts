import { expect, test } from "vitest";
import {
  answerTo,
  directoryAnswer,
  entryAnswer,
  initAnswer,
  nameIn,
  parseRequest,
  xattrAnswer,
} from "./fuse-protocol.ts";

test("a request is told from what is none", () => {
  const bytes = Buffer.alloc(44);
  bytes.writeUInt32LE(44, 0);
  bytes.writeUInt32LE(1, 4);
  bytes.writeBigUInt64LE(77n, 8);
  bytes.writeBigUInt64LE(5n, 16);
  bytes.write("abc\0", 40);
  const request = parseRequest(bytes);
  expect(request).toMatchObject({ opcode: 1, unique: 77n, node: 5 });
  expect(nameIn(request.body)).toBe("abc");
  expect(() => parseRequest(bytes.subarray(0, 43))).toThrow("no request");
  expect(() => parseRequest(bytes.subarray(0, 10))).toThrow("no request");
});

test("an answer has its length, the request's number, and an error with its sign changed", () => {
  expect(answerTo(7n, Buffer.from("ab")).toString("hex")).toBe("120000000000000007000000000000006162");
  expect(answerTo(7n, 2).toString("hex")).toBe("10000000feffffff0700000000000000");
});

test("of what the kernel offers no more is taken than it has, and no more than is known", () => {
  const offered = Buffer.alloc(64);
  offered.writeUInt32LE(7, 0);
  offered.writeUInt32LE(40, 4);
  offered.writeUInt32LE(131072, 8);
  const flags = (mask: number): number => {
    offered.writeUInt32LE(mask >>> 0, 12);
    return initAnswer(offered).readUInt32LE(12);
  };
  expect(flags(0)).toBe(0);
  expect(flags(1)).toBe(1);
  expect(flags(-1)).toBe(0x1c60001);
  expect(initAnswer(offered).readUInt32LE(8)).toBe(131072);
});

test("a name that isn't there has no number", () => {
  expect(entryAnswer(undefined).readBigUInt64LE(0)).toBe(0n);
  const file = { node: 9, size: 1000, mtimeNs: -1n, mode: 0o100644, links: 2, uid: 1, gid: 2, major: 8, minor: 257 };
  const answer = entryAnswer(file);
  expect(answer.readBigUInt64LE(0)).toBe(9n);
  // A nanosecond before the epoch.
  expect([answer.readBigInt64LE(40 + 24), answer.readUInt32LE(40 + 48)]).toEqual([-1n, 999_999_999]);
  expect(answer.readUInt32LE(40 + 76)).toBe((8 << 8) | 1 | (1 << 20));
});

test("names are told as far as they fit, and the next question goes on behind them", () => {
  const entries = ["a", "bcdefghi", "j"].map((name, index) => ({ name, node: index + 2, mode: 0o040000 }));
  const first = directoryAnswer(entries, 0, 80);
  expect(first).toHaveLength(32 + 32);
  expect(first.readBigUInt64LE(32 + 8)).toBe(2n);
  expect(first.toString("latin1", 32 + 24, 32 + 32)).toBe("bcdefghi");
  expect(directoryAnswer(entries, 2, 80)).toHaveLength(32);
  expect(directoryAnswer(entries, 3, 80)).toHaveLength(0);
});

test("an attribute's size is told first, and an error where it doesn't fit", () => {
  const asking = (size: number): Buffer => {
    const body = Buffer.alloc(8);
    body.writeUInt32LE(size);
    return body;
  };
  const value = Buffer.from("value");
  expect(xattrAnswer(asking(0), value, 34)).toEqual(Buffer.from("0500000000000000", "hex"));
  expect(xattrAnswer(asking(4), value, 34)).toBe(34);
  expect(xattrAnswer(asking(5), value, 34)).toBe(value);
});
