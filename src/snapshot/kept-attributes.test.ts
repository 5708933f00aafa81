import { closeSync, mkdirSync, mkdtempSync, openSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bytesOf } from "../archive/byte-string.ts";
import { hashLayer, layerWriters } from "../archive/layer-tar.ts";
import { ManifestRecorder } from "../archive/manifest.ts";
import { isOpaque, isWhiteout, makeWhiteout, setOpaque } from "../archive/whiteout.ts";
import { linux, SyscallError, type Syscalls } from "../host/syscalls.ts";
import { keepingSyscalls } from "./kept-attributes.ts";

/** A kernel that refuses all that only root may do. */
const refuse = (name: string) => (): never => {
  throw new SyscallError(name, 1);
};
const refusing: Syscalls = {
  ...linux,
  lchown: refuse("lchown"),
  mknod: refuse("mknod"),
  lsetxattr: refuse("lsetxattr"),
};

interface Store extends Disposable {
  readonly root: string;
  readonly upper: string;
}

function openStore(): Store {
  const root = mkdtempSync(join(tmpdir(), "berth-kept-"));
  const upper = join(root, "active/build-1/upper");
  for (const path of [upper, join(root, "layers")]) mkdirSync(path, { recursive: true });
  return { root, upper, [Symbol.dispose]: () => rmSync(root, { recursive: true }) };
}

function touch(path: string): void {
  closeSync(openSync(path, "wx", 0o600));
}

/** Everything that can be refused, below the upper directory. */
function fill(syscalls: Syscalls, upper: string): void {
  touch(join(upper, "file"));
  syscalls.lchown(join(upper, "file"), 4711, 42);
  syscalls.chmod(join(upper, "file"), 0o4750);
  syscalls.lsetxattr(join(upper, "file"), "security.capability", Buffer.from("01", "hex"));
  syscalls.mknod(join(upper, "sda"), 0o060660, 8, 1);
  syscalls.lchown(join(upper, "sda"), 0, 6);
  makeWhiteout(syscalls, bytesOf(join(upper, "gone")));
  mkdirSync(join(upper, "hides"));
  setOpaque(syscalls, bytesOf(join(upper, "hides")));
}

/** What is told of a directory that {@link fill} filled. */
function told(syscalls: Syscalls, directory: string): unknown {
  const file = syscalls.lstat(join(directory, "file"));
  const device = syscalls.lstatExact(join(directory, "sda"));
  const gone = syscalls.lstat(join(directory, "gone"));
  return {
    file: [file?.uid, file?.gid, file?.mode, syscalls.lgetxattr(join(directory, "file"), "security.capability")],
    xattrs: syscalls.llistxattr(join(directory, "file")),
    device: [device?.isBlockDevice(), device?.rdev, device?.gid, device?.mode],
    gone: gone !== undefined && isWhiteout(gone),
    opaque: [join(directory, "hides"), directory].map((path) => isOpaque(syscalls, bytesOf(path))),
  };
}

const everything = {
  file: [4711, 42, 0o104750, Buffer.from("01", "hex")],
  xattrs: ["security.capability"],
  device: [true, 0x801n, 6n, 0o060660n],
  gone: true,
  opaque: [true, false],
};

test("what the kernel refuses is told as if it were there, and by other processes from the layer's manifest", async () => {
  using store = openStore();
  const syscalls = keepingSyscalls(refusing, store.root);
  fill(syscalls, store.upper);
  expect(told(syscalls, store.upper)).toEqual(everything);
  const manifest = new ManifestRecorder();
  const options = { syscalls, writer: layerWriters.made, manifest };
  const { diffID } = await hashLayer(store.upper, options);
  const layer = join(store.root, "layers/1");
  await manifest.write(`${layer}.manifest`);
  renameSync(store.upper, layer);
  const others = keepingSyscalls(refusing, store.root);
  expect(told(others, layer)).toEqual(everything);
  expect(await hashLayer(layer, { syscalls: others, writer: layerWriters.made })).toMatchObject({ diffID });
});

test("a file in the place of another, and one elsewhere, are what they are", () => {
  using store = openStore();
  const syscalls = keepingSyscalls(refusing, store.root);
  const path = join(store.upper, "file");
  touch(path);
  syscalls.lchown(path, 4711, 42);
  rmSync(path);
  touch(path);
  expect(syscalls.lstat(path)).toMatchObject({ uid: 0, gid: 0 });
  const elsewhere = join(store.root, "elsewhere");
  touch(elsewhere);
  expect(() => syscalls.mknod(join(store.root, "device"), 0o060660, 8, 1)).toThrow("mknod");
  expect(syscalls.lstat(elsewhere)).toMatchObject({ uid: process.getuid?.(), mode: 0o100600 });
});

test("another name of a file has what is kept of it", () => {
  using store = openStore();
  const syscalls = keepingSyscalls(refusing, store.root);
  touch(join(store.upper, "a"));
  syscalls.lchown(join(store.upper, "a"), 1, 2);
  renameSync(join(store.upper, "a"), join(store.upper, "b"));
  expect(syscalls.lstat(join(store.upper, "b"))).toMatchObject({ uid: 1, gid: 2 });
});
