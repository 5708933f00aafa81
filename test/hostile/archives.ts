import { endOfArchive } from "../../src/archive/tar-writer.ts";
import { archive, base256, content, entry, pax, raw, special } from "./make.ts";

/** What comes of a case: accepted, or an error with this message. */
type Outcome = "taken" | RegExp;

/** The archive of a file system. */
export interface ArchiveCase {
  readonly name: string;
  readonly bytes: Buffer;
  readonly expected: Outcome;
  /** What comes of it as a build context, where `.wh.` names are names. */
  readonly context?: Outcome;
  /** What comes of it as a layer, where that is something else. */
  readonly layer?: Outcome;
  /** Why a real Docker on this machine isn't given it. */
  readonly keptFromDocker?: string;
}

const fillsDisk = "Docker would write it out, holes and all, until the disk is full";
const takesLong = "Docker takes minutes for it";
const leadsOverlay = "Docker would have the kernel mount what it says";

const outside = /is outside of the root of the archive/;
const unpack = /failed to unpack/;
const header = /invalid tar header/;
const eof = /unexpected EOF/;
const up = "../".repeat(40);
const huge = Number.MAX_SAFE_INTEGER;

type Row = readonly [
  name: string,
  bytes: Buffer,
  expected: Outcome,
  more?: Pick<ArchiveCase, "context" | "layer" | "keptFromDocker">,
];

/** Names and links that lead elsewhere. @param canary absolute, a directory beside the root */
function traversals(canary: string): readonly Row[] {
  const file = (name: string): Buffer => entry(name, "file", "evil");
  const link = (name: string, to: string): Buffer => entry(name, "symlink", to);
  const relative = `${up}${canary.slice(1)}`;
  return [
    ["a name that climbs", archive(file(`${relative}/x`)), outside],
    ["a name that climbs in the middle", archive(file(`a/../../${relative}/x`)), outside],
    ["a name that climbs and comes back", archive(file("a/b/../../c")), "taken"],
    ["a name that is ..", archive(entry("..", "dir")), outside],
    ["a name that ends in ..", archive(entry("a/../..", "dir")), outside],
    ["a name that climbs by a long name", archive(special("L", `${relative}/x\0`), raw()), outside],
    ["a name that climbs by a PAX record", archive(pax({ path: `${relative}/x` }), raw()), outside],
    ["a name that climbs by a global record", archive(pax({ path: `${relative}/x` }, "g"), raw()), "taken"],
    ["a name that climbs by the prefix field", archive(raw({ prefix: "../..", name: "x" })), outside],
    ["an absolute name", archive(file(`${canary}/x`)), "taken"],
    ["an absolute name that climbs", archive(file(`/${up}${canary}/x`)), "taken"],
    ["a name with doubled slashes", archive(file(`//${canary}//x`)), "taken"],
    ["a symlink to the outside, then a file through it", archive(link("a", canary), file("a/x")), "taken"],
    ["a relative symlink to the outside, then a file", archive(link("a", relative), file("a/x")), "taken"],
    ["a symlink to .., then a file through it", archive(link("a", ".."), file("a/x")), "taken"],
    ["a symlink to /, then a file through it", archive(link("a", "/"), file(`a${canary}/x`)), "taken"],
    ["a chain of symlinks out", archive(link("a", "b"), link("b", "c"), link("c", relative), file("a/x")), "taken"],
    ["a directory over a symlink out", archive(link("a", canary), entry("a", "dir"), file("a/x")), "taken"],
    ["a file over a symlink out", archive(link("a", `${canary}/kept`), file("a")), "taken"],
    ["a mode through a symlink out", archive(link("a", canary), entry("a/.", "dir", "", { mode: 0o777 })), "taken"],
    ["a symlink in place of a directory", archive(entry("a", "dir"), link("a", canary), file("a/x")), "taken"],
    [
      "a directory, a link and the directory again",
      archive(entry("a", "dir"), file("a/x"), link("a", canary), file("a/y"), entry("a", "dir"), file("a/z")),
      "taken",
    ],
    [
      "a parent that becomes a link after its directory was found",
      archive(file("a/b/c/1"), link("a/b", canary), file("a/b/c/2"), file("a/b/kept")),
      "taken",
    ],
    ["a whiteout through a symlink out", archive(link("a", canary), file("a/.wh.kept")), "taken"],
    ["an opaque mark through a symlink out", archive(link("a", canary), file("a/.wh..wh..opq")), "taken"],
    ["a hard link to the outside", archive(entry("a", "link", `${relative}/kept`)), outside],
    ["a hard link to an absolute name", archive(entry("a", "link", `${canary}/kept`)), /invalid hard link "a"/],
    [
      "a hard link through a symlink",
      archive(link("s", canary), entry("a", "link", "s/kept")),
      /invalid hard link "a"/,
    ],
    [
      "a hard link to a symlink out, then its content",
      archive(link("s", `${canary}/kept`), entry("a", "link", "s"), file("a")),
      "taken",
    ],
    ["a hard link's name outside", archive(file("f"), entry(`${relative}/x`, "link", "f")), outside],
    ["a symlink's name outside", archive(link(`${relative}/x`, "f")), outside],
    ["a directory's name outside", archive(entry(`${relative}/x`, "dir")), outside],
    ["a FIFO's name outside", archive(entry(`${relative}/x`, "fifo")), outside],
    ["a device's name outside", archive(entry(`${relative}/x`, "char", "", { major: 1, minor: 3 })), outside],
    ["a whiteout's name outside", archive(file(`${relative}/.wh.kept`)), outside],
  ];
}

/** Entries in each other's way. */
function collisions(): readonly Row[] {
  const file = (name: string, text = "x"): Buffer => entry(name, "file", text);
  return [
    ["two files of one name", archive(file("a"), file("a", "second")), "taken"],
    ["a file where a directory was", archive(file("a/b"), file("a")), "taken"],
    ["a directory where a file was", archive(file("a"), entry("a", "dir"), file("a/b")), "taken"],
    ["a file below a file", archive(file("a"), file("a/b")), /not a directory/],
    ["a file below a device", archive(entry("a", "char", "", { major: 1, minor: 3 }), file("a/b")), /not a directory/],
    ["a file below a FIFO", archive(entry("a", "fifo"), file("a/b")), /not a directory/],
    ["a file over a FIFO", archive(entry("a", "fifo"), file("a")), "taken"],
    ["a file over a device", archive(entry("a", "block", "", { major: 8, minor: 0 }), file("a")), "taken"],
    ["a device over a directory", archive(file("a/b"), entry("a", "char", "", { major: 1, minor: 3 })), "taken"],
    ["a file over a file with two names", archive(file("a"), entry("b", "link", "a"), file("a", "new")), "taken"],
    [
      "a symlink to itself, used",
      archive(entry("a", "symlink", "a"), file("a/b")),
      /too many levels of symbolic links/,
    ],
    [
      "two symlinks to each other, used",
      archive(entry("a", "symlink", "b"), entry("b", "symlink", "a"), file("a/b")),
      /too many levels/,
    ],
    ["an empty symlink", archive(entry("a", "symlink", "")), unpack],
    ["a symlink to a long target", archive(entry("a", "symlink", "t".repeat(5000))), unpack],
    ["a hard link to itself", archive(entry("a", "link", "a")), /invalid hard link "a"/],
    ["a hard link to a file that is itself", archive(file("a"), entry("a", "link", "a")), "taken"],
    ["a hard link to a directory", archive(entry("d", "dir"), entry("a", "link", "d")), unpack],
    ["a hard link to the root", archive(entry("a", "link", "/")), /invalid hard link "a"/],
    ["a hard link to nothing", archive(entry("a", "link", "")), /invalid hard link "a"/],
    ["a hard link over its target's directory", archive(file("a/b"), entry("a", "link", "a/b")), unpack],
    ["a hard link before its target", archive(entry("a", "link", "b"), file("b")), /invalid hard link "a"/],
    ["the root as a file", archive(file(".")), /root of an archive/, { context: "taken" }],
    ["the root as a symlink", archive(entry("/", "symlink", "/etc")), /root of an archive/, { context: "taken" }],
    ["the root as a device", archive(entry("./", "char")), /root of an archive/, { context: "taken" }],
    ["the root without permissions", archive(entry(".", "dir", "", { mode: 0 }), file("a")), "taken"],
  ];
}

/** Names that no file has. */
function names(): readonly Row[] {
  const file = (name: string): Buffer => entry(name, "file", "x");
  return [
    ["an empty name", archive(raw({ name: "" })), /root of an archive/, { context: "taken" }],
    ["a NUL in a PAX name", archive(pax({ path: "a\0b" }), raw()), header],
    ["a NUL in a PAX link", archive(pax({ linkpath: "a\0b" }), raw({ flag: "2", link: "x" })), header],
    ["a component of 255 bytes", archive(file("n".repeat(255))), "taken"],
    ["a component of 256 bytes", archive(file("n".repeat(256))), unpack],
    ["a directory of 256 bytes", archive(file(`${"n".repeat(256)}/a`)), unpack],
    ["a name of 3,000 bytes", archive(file(`${"n/".repeat(1499)}x`)), "taken"],
    ["a name near the longest path", archive(file("n/".repeat(2000) + "x".repeat(90))), unpack],
    ["a name of 5,000 bytes", archive(file(`${"n/".repeat(2500)}x`)), /file name too long/],
    ["a name of a million bytes", archive(file("n".repeat(1_000_000))), /file name too long/],
    ["10,000 directories in each other", archive(entry(`${"d/".repeat(9999)}d`, "dir")), /file name too long/],
    [
      "deeper than a path, by a link",
      archive(
        entry(`${"d/".repeat(1500)}d`, "dir"),
        entry("l", "symlink", `${"d/".repeat(1500)}d`),
        file(`l/${"e/".repeat(1500)}f`),
      ),
      unpack,
    ],
    ["names that are no UTF-8", archive(file("\xff\xfe\x80"), file("\xc0\xaf")), "taken"],
    ["a name of control characters", archive(file("\x01\x1b[31m\n\r\x7f")), "taken"],
    ["a backslash for a slash", archive(file("..\\..\\x")), "taken"],
    ["a name that is three dots", archive(file("...")), "taken"],
    ["a file whose name ends in a slash", archive(raw({ name: "a/" })), "taken"],
    ["a long name without its entry", archive(special("L", "long\0")), "taken"],
    ["a long name cut before its entry", special("L", "long\0"), eof],
    ["a long link for a file", archive(special("K", "long\0"), raw()), "taken"],
    ["an empty long name", archive(special("L", "\0"), raw()), /root of an archive/, { context: "taken" }],
    ["two long names", archive(special("L", "one\0"), special("L", "two\0"), raw()), "taken"],
    ["a long name of two megabytes", archive(special("L", "n".repeat(2 << 20)), raw()), header],
  ];
}

/** Numbers that lie. */
function numbers(): readonly Row[] {
  const size = (value: string | Buffer): Buffer => archive(raw({ name: "lies", size: value }));
  return [
    ["a negative size", size(base256(-1n)), header],
    ["a very negative size", size(base256(-(2n ** 62n))), header],
    ["a size of 2^63", size(base256(2n ** 63n)), header],
    ["a size of 2^80", size(base256(2n ** 80n)), header],
    ["a size of a terabyte that isn't there", size(base256(2n ** 40n)), /"lies"/],
    ["a size of eight petabytes", size(base256(BigInt(huge))), /"lies"/],
    ["the largest octal size", size("777777777777"), /"lies"/],
    ["a size that is no octal", size("00000000009\0"), header],
    ["a size of letters", size("abcdefghijk\0"), header],
    ["a size with a minus", size("-0000000001\0"), header],
    ["an empty size", size("            "), "taken"],
    ["a size that reaches into the end", archive(raw({ size: "00000002001\0" }), content("x".repeat(1024))), "taken"],
    ["a size that is too small", archive(raw({ size: "00000000010\0" }), content("x".repeat(1024))), header],
    ["a directory with a size", archive(raw({ flag: "5", size: "00000000010\0" })), "taken"],
    ["a directory with content", archive(raw({ flag: "5", size: "00000000010\0" }), content("x")), header],
    ["a negative PAX size", archive(pax({ size: "-1" }), raw()), header],
    ["a huge PAX size", archive(pax({ size: String(huge) }), raw({ name: "lies" })), /"lies"/],
    ["a PAX size beyond all numbers", archive(pax({ size: "9".repeat(40) }), raw()), header],
    ["a PAX size of hex", archive(pax({ size: "0x10" }), raw()), header],
    [
      "a PAX size that contradicts",
      archive(pax({ size: "3" }), raw({ size: "00000000777\0" }), content("abc")),
      "taken",
    ],
    ["a negative owner", archive(raw({ uid: Buffer.from([255, 255, 255, 255, 255, 255, 255, 255]) })), header],
    ["an owner that is too large", archive(pax({ uid: "4294967295" }), raw()), header],
    ["an owner of letters", archive(pax({ uid: "root" }), raw()), header],
    ["a mode with every bit", archive(raw({ mode: "7777777\0" })), "taken"],
    ["a negative mode", archive(raw({ mode: Buffer.alloc(8, 255) })), "taken"],
    ["a time after the end of time", archive(raw({ mtime: base256(2n ** 52n) })), "taken"],
    ["a time before the beginning", archive(raw({ mtime: base256(-(2n ** 52n)) })), "taken"],
    ["a PAX time of 15 digits", archive(pax({ mtime: `${"9".repeat(15)}.5` }), raw()), "taken"],
    ["a PAX time of words", archive(pax({ mtime: "now" }), raw()), header],
    ["a directory after the end of time", archive(pax({ mtime: "9".repeat(15) }), raw({ flag: "5" })), "taken"],
    ["a device with huge numbers", archive(raw({ flag: "3", major: base256(2n ** 72n).subarray(0, 8) })), header],
    ["a negative device", archive(raw({ name: "dev", flag: "3", major: Buffer.alloc(8, 255) })), header],
    ["a bad checksum", archive(raw({ checksum: "000001\0 " })), header],
    ["a checksum of letters", archive(raw({ checksum: "zzzzzz\0 " })), header],
    ["a bad checksum after a good entry", archive(entry("good", "file", "x"), raw({ checksum: "0\0" })), /"good"/],
    ["an unknown kind", archive(raw({ name: "odd", flag: "Q" })), /unhandled tar header type 81 in "odd"/],
    ["a kind that is a NUL", archive(raw({ at: [[156, Buffer.alloc(1)]] })), "taken"],
    ["a multi-volume part", archive(raw({ name: "odd", flag: "M" })), /unhandled tar header type 77/],
  ];
}

/** PAX records that lie. */
function records(): readonly Row[] {
  const record = (text: string): Buffer => archive(special("x", text), raw());
  const many = Array.from({ length: 400 }, (_, i) => pax({ [`key${i}`]: "v".repeat(1_000_000) }, "g"));
  return [
    ["a record that is too long", record("999 path=a\n"), header],
    ["a record that is too short", record("5 path=a\n"), header],
    ["a record of no length", record(" path=a\n"), header],
    ["a record of length zero", record("0 path=a\n"), header],
    ["a negative record", record("-9 path=a\n"), header],
    ["a record without an equals sign", record("8 patha\n"), header],
    ["a record without a key", record("6 =a\n\n"), header],
    ["a record without a line end", record("9 path=ab"), header],
    ["a record of 20 digits", record("99999999999999999999 path=a\n"), header],
    ["a PAX header of zeros", record("\0".repeat(100)), header],
    ["a PAX header of two megabytes", archive(pax({ path: "p".repeat(2 << 20) }), raw()), header],
    ["a PAX header for a PAX header", archive(pax({ path: "one" }), pax({ path: "two" }), raw()), "taken"],
    ["a PAX header with a PAX size", archive(pax({ size: "5" }), pax({ path: "b" }), raw()), "taken"],
    ["a PAX header without an entry", archive(pax({ path: "b" })), "taken"],
    ["an empty PAX path", archive(pax({ path: "" }), raw()), "taken"],
    ["a PAX path that is /", archive(pax({ path: "/" }), raw({ flag: "5" })), "taken"],
    ["400 megabytes of global records", archive(...many, raw()), "taken", { keptFromDocker: takesLong }],
    ["an attribute of a name with a NUL", archive(pax({ "SCHILY.xattr.user.a\0b": "v" }), raw()), header],
    ["an attribute without a name", archive(pax({ "SCHILY.xattr.": "v" }), raw({ name: "attr" })), /"attr"/],
    [
      "an attribute of 100,000 bytes",
      archive(pax({ "SCHILY.xattr.user.a": "v".repeat(100_000) }), raw({ name: "attr" })),
      /"attr"/,
    ],
    [
      "an attribute with a long name",
      archive(pax({ [`SCHILY.xattr.user.${"n".repeat(300)}`]: "v" }), raw({ name: "attr" })),
      /"attr"/,
    ],
    [
      "a large attribute of a directory",
      archive(pax({ "SCHILY.xattr.user.a": "v".repeat(70_000) }), raw({ name: "attr", flag: "5" })),
      /"attr"/,
    ],
    [
      "overlayfs's own attributes",
      archive(pax({ "SCHILY.xattr.trusted.overlay.redirect": "/etc" }), raw({ flag: "5" })),
      "taken",
      { keptFromDocker: leadsOverlay },
    ],
    [
      "overlayfs's own, percent-encoded",
      archive(pax({ "LIBARCHIVE.xattr.trusted%2eoverlay.opaque": "eQ==" }), raw({ flag: "5" })),
      "taken",
      { keptFromDocker: leadsOverlay },
    ],
    ["an attribute of no name space", archive(pax({ "SCHILY.xattr.odd": "v" }), raw()), "taken"],
  ];
}

/** Sparse files that lie. */
function sparse(): readonly Row[] {
  const map = (regions: string, size: string, text = "abc"): Buffer =>
    archive(
      pax({ "GNU.sparse.map": regions, "GNU.sparse.size": size, "GNU.sparse.name": "lies" }),
      raw({ size: `${text.length.toString(8).padStart(11, "0")}\0` }),
      content(text),
    );
  const one = (text: string, size = "10"): Buffer =>
    archive(
      pax({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": size, "GNU.sparse.name": "lies" }),
      raw({ size: `${(512).toString(8).padStart(11, "0")}\0` }),
      content(text.padEnd(512, "\0")),
    );
  return [
    ["regions that overlap", map("0,2,1,1", "10"), header],
    ["a region beyond the end", map("8,3", "10"), header],
    ["a region at a huge offset", map(`${huge},3`, "10"), header],
    ["a negative region", map("-3,3", "10"), header],
    ["a region of negative length", map("5,-3", "10"), header],
    ["an odd count of numbers", map("0,1,2", "10"), header],
    ["regions of letters", map("a,b", "10"), header],
    ["an empty map with content", map("0,0", "10"), header],
    ["less content than the map says", map("0,8", "10"), header],
    ["a negative size of a sparse file", map("0,3", "-10"), header],
    ["a sparse file of eight petabytes", map("0,3", String(huge)), /"lies"/, { keptFromDocker: fillsDisk }],
    ["a sparse file of 100 terabytes", map("0,3", String(100 * 2 ** 40)), /"lies"/, { keptFromDocker: fillsDisk }],
    ["a map of format 1.0 that never ends", one("1".repeat(512)), header],
    ["a map of format 1.0 of too many regions", one("999999999\n0\n1\n"), header],
    ["a map of format 1.0 of a negative count", one("-1\n"), header],
    ["a map of format 1.0 of letters", one("x\n"), header],
    [
      "GNU's old form with an endless map",
      archive(
        raw({ flag: "S", at: [[482, Buffer.from("1")]] }),
        ...Array.from({ length: 5000 }, () => Buffer.alloc(512, 49)),
      ),
      header,
    ],
    ["GNU's old form cut in its map", raw({ flag: "S", at: [[482, Buffer.from("1")]] }), eof],
    [
      "GNU's old form with regions that lie",
      archive(raw({ flag: "S", at: [[386, Buffer.from("77777777777\x0077777777777\0")]] })),
      header,
    ],
  ];
}

/** Marks of deletion in odd places. */
function whiteouts(): readonly Row[] {
  const file = (name: string): Buffer => entry(name, "file", "x");
  const odd = /invalid whiteout/;
  const literal = { context: "taken" } as const;
  return [
    ["a whiteout of nothing", archive(file(".wh.")), odd, literal],
    ["a whiteout of .", archive(file(".wh..")), odd, literal],
    ["a whiteout of ..", archive(file("a/.wh...")), odd, literal],
    ["a note of aufs", archive(file(".wh..wh.x")), "taken"],
    ["a whiteout of what isn't there", archive(file(".wh.none")), "taken"],
    ["a whiteout of what the archive has", archive(file("a"), file(".wh.a")), "taken"],
    ["a whiteout, then the file", archive(file(".wh.a"), file("a")), "taken"],
    ["a whiteout twice", archive(file(".wh.a"), file(".wh.a")), "taken"],
    ["a directory below a whiteout's name", archive(file(".wh.a/b/c")), "taken"],
    ["a whiteout that is a directory", archive(entry(".wh.a", "dir")), "taken"],
    ["a whiteout that is a symlink out", archive(entry(".wh.a", "symlink", "/etc")), "taken"],
    ["an opaque mark of the root", archive(file(".wh..wh..opq"), file("a")), "taken"],
    ["an opaque mark after the content", archive(file("d/a"), file("d/.wh..wh..opq")), "taken"],
    ["an opaque mark in a file", archive(file("a"), file("a/.wh..wh..opq")), /not a directory/],
    ["an opaque mark that is a directory", archive(entry("d/.wh..wh..opq", "dir")), "taken"],
    ["overlayfs's own whiteout", archive(entry("a", "char")), "taken"],
    [
      "a hard link to overlayfs's own whiteout",
      archive(entry("a", "char"), entry("b", "link", "a")),
      "taken",
      { layer: /invalid hard link/ },
    ],
    ["a whiteout of a long name", archive(file(`.wh.${"n".repeat(255)}`)), "taken", { context: unpack }],
  ];
}

/** A good archive cut at the beginning, middle and end of each block. */
function cuts(): readonly Row[] {
  const whole = archive(entry("first", "file", "x".repeat(600)), entry("d", "dir"), entry("é", "file", "y"));
  const end = whole.length - endOfArchive.length;
  const places = Array.from({ length: end / 512 }, (_, i) => [i * 512 + 1, i * 512 + 256, i * 512 + 511]).flat();
  return [
    ...places.map((at): Row => [`cut after ${at} bytes`, whole.subarray(0, at), eof]),
    ["cut where an entry ends", whole.subarray(0, 1536), "taken"],
    ["no end", whole.subarray(0, end), "taken"],
    ["half an end", whole.subarray(0, end + 512), "taken"],
    ["an end, then more", Buffer.concat([whole, whole]), "taken"],
    ["an end, then garbage", Buffer.concat([whole, Buffer.from("garbage")]), "taken"],
    ["one block of zeros, then more", Buffer.concat([Buffer.alloc(512), whole]), header],
    ["text", Buffer.from("text ".repeat(500)), header],
  ];
}

/** Every hostile archive of a file system. */
export function archiveCases(canary: string): readonly ArchiveCase[] {
  const rows = [traversals(canary), collisions(), names(), numbers(), records(), sparse(), whiteouts(), cuts()].flat();
  return rows.map(([name, bytes, expected, more]) => ({ name, bytes, expected, ...more }));
}
