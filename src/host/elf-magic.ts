/** How programs of an architecture are told from others: `mask` says which bits of `magic` count. @see Documentation/admin-guide/binfmt-misc.rst */
export interface ElfMagic {
  readonly magic: Buffer;
  readonly mask: Buffer;
}

interface Machine {
  /** `e_machine`. @see ELF-64 object file format, and the processors' supplements */
  readonly number: number;
  readonly bits: 32 | 64;
  readonly order: "little" | "big";
}

/** By QEMU's names of the architectures. */
const machines: Readonly<Record<string, Machine>> = {
  aarch64: { number: 183, bits: 64, order: "little" },
  arm: { number: 40, bits: 32, order: "little" },
  i386: { number: 3, bits: 32, order: "little" },
  loongarch64: { number: 258, bits: 64, order: "little" },
  mips64el: { number: 8, bits: 64, order: "little" },
  ppc64le: { number: 21, bits: 64, order: "little" },
  riscv64: { number: 243, bits: 64, order: "little" },
  s390x: { number: 22, bits: 64, order: "big" },
  x86_64: { number: 62, bits: 64, order: "little" },
};

/** QEMU's names of what Go calls otherwise. */
const qemuNames: Readonly<Record<string, string>> = {
  "386": "i386",
  amd64: "x86_64",
  arm64: "aarch64",
  loong64: "loongarch64",
  mips64le: "mips64el",
};

/** QEMU's name of an architecture in Go's words; undefined where berth knows none. */
export function qemuName(architecture: string): string | undefined {
  const name = qemuNames[architecture] ?? architecture;
  return name in machines ? name : undefined;
}

/** What the programs of an architecture begin with, whatever their ABI, be they position-independent or not. @param name QEMU's */
export function elfMagic(name: string): ElfMagic {
  const machine = machines[name];
  if (machine === undefined) throw new Error(`no architecture ${name}`);
  const { number, bits, order } = machine;
  const magic = Buffer.alloc(20);
  magic.set([0x7f, 0x45, 0x4c, 0x46, bits === 64 ? 2 : 1, order === "little" ? 1 : 2, 1]);
  const mask = Buffer.alloc(20, 0xff);
  // The ABI, and what pads the identification.
  mask.fill(0, 7, 16);
  const write = (value: number, offset: number, to: Buffer): void =>
    void (order === "little" ? to.writeUInt16LE(value, offset) : to.writeUInt16BE(value, offset));
  // ET_EXEC is 2, ET_DYN 3.
  write(2, 16, magic);
  write(0xfffe, 16, mask);
  write(number, 18, magic);
  return { magic, mask };
}

/** True for a program that needs no other file to start: an ELF file without an interpreter. @param head its first bytes, all program headers among them */
export function isStaticElf(head: Buffer): boolean {
  if (head.length < 64 || head.toString("latin1", 0, 4) !== "\x7fELF") return false;
  const is64 = head[4] === 2;
  const little = head[5] === 1;
  const half = (at: number): number => (little ? head.readUInt16LE(at) : head.readUInt16BE(at));
  const word = (at: number): number => (little ? head.readUInt32LE(at) : head.readUInt32BE(at));
  // A program's headers follow its own at once: the upper half of a 64-bit offset is 0.
  const start = word(is64 ? (little ? 32 : 36) : 28);
  const [size, count] = [half(is64 ? 54 : 42), half(is64 ? 56 : 44)];
  for (let at = start, each = 0; each < count; each++, at += size) {
    if (at + 4 > head.length) return false;
    if (word(at) === interpreterHeader) return false;
  }
  return true;
}

/** PT_INTERP */
const interpreterHeader = 3;
