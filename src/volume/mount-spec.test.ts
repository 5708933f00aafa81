import { expect, test } from "vitest";
import { parseVolume } from "./mount-spec.ts";

const bind = { type: "bind", readonly: false, propagation: "rprivate", mode: "" };
const volume = { type: "volume", readonly: false, copyUp: true, mode: "" };

test.each([
  ["/data", { ...volume, source: undefined, target: "/data" }],
  ["/data//x/../y/", { ...volume, source: undefined, target: "/data/y" }],
  ["data", { ...volume, source: undefined, target: "/data" }],
  [":", { ...volume, source: undefined, target: "/:" }],
  ["cache:/data", { ...volume, source: "cache", target: "/data" }],
  ["cache:/data:ro", { ...volume, source: "cache", target: "/data", readonly: true, mode: "ro" }],
  ["cache:/data:nocopy,rw", { ...volume, source: "cache", target: "/data", copyUp: false, mode: "nocopy,rw" }],
  ["/src:/dst", { ...bind, source: "/src", target: "/dst" }],
  ["/src/:/dst/:rw", { ...bind, source: "/src", target: "/dst", mode: "rw" }],
  ["/src:/dst:ro,Z", { ...bind, source: "/src", target: "/dst", readonly: true, mode: "ro,Z" }],
  ["/src:/dst:rshared", { ...bind, source: "/src", target: "/dst", propagation: "rshared", mode: "rshared" }],
  ["/src:/dst:cached", { ...bind, source: "/src", target: "/dst", mode: "cached" }],
  ["./here:/dst", { ...bind, source: "/home/me/here", target: "/dst" }],
  [".:/dst", { ...bind, source: "/home/me", target: "/dst" }],
  ["../up:/dst", { ...bind, source: "/home/up", target: "/dst" }],
])("%s is read", (text, spec) => {
  expect(parseVolume(text, "/home/me")).toEqual(spec);
});

test("without a directory, a relative source is a volume's name", () => {
  expect(parseVolume("./here:/dst")).toMatchObject({ type: "volume", source: "./here" });
});

const invalid = (text: string, type: string, reason: string): readonly [string, string] => [
  text,
  `invalid volume specification: '${text}': invalid mount config for type "${type}": ${reason}`,
];

test.each<readonly [string, string]>([
  [":/data", "invalid volume specification: ':/data'"],
  ["/a:/b:ro:z", "invalid volume specification: '/a:/b:ro:z'"],
  ["/data:rw", "invalid volume specification: '/data:rw'"],
  ["/a:/b:wrong", "invalid mode: wrong"],
  ["/a:/b:ro,rw", "invalid mode: ro,rw"],
  ["/a:/b:z,Z", "invalid mode: z,Z"],
  ["/a:/b:ro,", "invalid mode: ro,"],
  invalid("/a:b", "bind", "invalid mount path: 'b' mount path must be absolute"),
  invalid("/a:/", "bind", "invalid specification: destination can't be '/'"),
  invalid("cache:/..", "volume", "invalid specification: destination can't be '/'"),
  invalid("cache:/b:shared", "volume", "field BindOptions must not be specified"),
  invalid("/a:/b:nocopy", "bind", "field VolumeOptions must not be specified"),
])("%j is refused: %s", (text, message) => {
  expect(() => parseVolume(text)).toThrow(expect.objectContaining({ kind: "invalid-argument", message }));
});
