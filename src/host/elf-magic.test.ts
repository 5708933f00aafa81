import { expect, test } from "vitest";
import { elfMagic, isStaticElf, qemuName } from "./elf-magic.ts";

test("programs of an architecture are told by their ELF header, whatever their ABI and type", () => {
  const { magic, mask } = elfMagic("aarch64");
  // As Debian's qemu-user-binfmt has it.
  expect(magic.toString("hex")).toBe("7f454c460201010000000000000000000200b700");
  expect(mask.toString("hex")).toBe("ffffffffffffff000000000000000000feffffff");
  expect(elfMagic("s390x").magic.toString("hex")).toBe("7f454c4602020100000000000000000000020016");
  expect(elfMagic("s390x").mask.toString("hex")).toBe("ffffffffffffff000000000000000000fffeffff");
});

test("QEMU has names of its own for architectures", () => {
  expect(["arm64", "386", "riscv64", "arm", "none"].map(qemuName)).toEqual([
    "aarch64",
    "i386",
    "riscv64",
    "arm",
    undefined,
  ]);
});

/** A program with one program header of a type. */
function program(type: number, { bits = 64, big = false } = {}): Buffer {
  const head = Buffer.alloc(256);
  head.set([0x7f, 0x45, 0x4c, 0x46, bits === 64 ? 2 : 1, big ? 2 : 1, 1]);
  const [half, word] = big
    ? ([head.writeUInt16BE, head.writeUInt32BE] as const)
    : ([head.writeUInt16LE, head.writeUInt32LE] as const);
  word.call(head, 64, bits === 64 ? (big ? 36 : 32) : 28);
  half.call(head, bits === 64 ? 56 : 32, bits === 64 ? 54 : 42);
  half.call(head, 1, bits === 64 ? 56 : 44);
  word.call(head, type, 64);
  return head;
}

test.each([{}, { bits: 32 }, { big: true }, { bits: 32, big: true }])(
  "%j: a static program has no interpreter",
  (form) => {
    expect(isStaticElf(program(1, form))).toBe(true);
    expect(isStaticElf(program(3, form))).toBe(false);
  },
);

test("what is cut off or no program isn't a static one", () => {
  expect(isStaticElf(program(1).subarray(0, 60))).toBe(false);
  expect(isStaticElf(Buffer.from(`#!/bin/sh\n${" ".repeat(100)}`))).toBe(false);
});
