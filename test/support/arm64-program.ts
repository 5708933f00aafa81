/** Where the program's code begins, behind its two headers. */
const codeStart = 0x78;
const loadedAt = 0x400000n;

/** Each instruction of arm64 has four bytes. */
const instructionSize = 4;

/**
 * A program for arm64 Linux, statically linked and of some 200 bytes: it writes a text to a file and to its standard output.
 *
 * @param path of the file, absolute
 */
export function arm64Program(path: string, text: string): Buffer {
  const data = Buffer.from(`${path}\0${text}`);
  const [pathOffset, textOffset] = [0, path.length + 1];
  const assemble = (dataStart: number): readonly number[] => {
    const code: number[] = [];
    /** movz: a register gets a number of 16 bits. */
    const set = (register: number, value: number): void => void code.push((0xd2800000 | (value << 5) | register) >>> 0);
    /** adr: a register gets the address of some data. */
    const point = (register: number, offset: number): void => {
      const delta = dataStart + offset - (codeStart + code.length * instructionSize);
      code.push((0x10000000 | ((delta & 3) << 29) | (((delta >> 2) & 0x7ffff) << 5) | register) >>> 0);
    };
    /** svc 0, with the call's number in x8. */
    const call = (number: number): void => {
      set(8, number);
      code.push(0xd4000001);
    };
    // openat(AT_FDCWD, path, O_CREAT | O_WRONLY, 0644): AT_FDCWD is -100, which movn makes.
    code.push((0x92800000 | (99 << 5)) >>> 0);
    point(1, pathOffset);
    set(2, 0o101);
    set(3, 0o644);
    call(56);
    // write(that, text) and write(1, text)
    point(1, textOffset);
    set(2, text.length);
    call(64);
    set(0, 1);
    call(64);
    // exit(0)
    set(0, 0);
    call(93);
    return code;
  };
  const dataStart = codeStart + assemble(0).length * instructionSize;
  const program = Buffer.concat([Buffer.alloc(dataStart), data]);
  writeHeaders(program);
  for (const [place, instruction] of assemble(dataStart).entries()) {
    program.writeUInt32LE(instruction, codeStart + place * instructionSize);
  }
  return program;
}

/** One segment, with all of the file. @see ELF-64 object file format */
function writeHeaders(program: Buffer): void {
  program.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  // ET_EXEC, EM_AARCH64, EV_CURRENT
  program.writeUInt16LE(2, 16);
  program.writeUInt16LE(183, 18);
  program.writeUInt32LE(1, 20);
  program.writeBigUInt64LE(loadedAt + BigInt(codeStart), 24);
  program.writeBigUInt64LE(64n, 32);
  for (const [offset, size] of [
    [52, 64],
    [54, 56],
    [56, 1],
  ] as const)
    program.writeUInt16LE(size, offset);
  // PT_LOAD, readable and executable
  program.writeUInt32LE(1, 64);
  program.writeUInt32LE(5, 68);
  for (const at of [80, 88]) program.writeBigUInt64LE(loadedAt, at);
  for (const at of [96, 104]) program.writeBigUInt64LE(BigInt(program.length), at);
  program.writeBigUInt64LE(0x10000n, 112);
}
