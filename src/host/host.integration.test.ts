import { execFileSync } from "node:child_process";
import { closeSync, existsSync, lstatSync, openSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchOfFile } from "../base/testing.ts";
import { ExecError, exec } from "./exec.ts";
import { lock, tryLock } from "./lock.ts";
import { isAlive, startTime } from "./process.ts";
import { linux, SyscallError } from "./syscalls.ts";
import { writeFileDurably } from "./write-file.ts";

const place = scratchOfFile("host");

test("mknod makes a device of that number", () => {
  const path = join(place, "whiteout");
  linux.mknod(path, 0o020000, 0, 0);
  expect(lstatSync(path)).toMatchObject({ rdev: 0 });
  linux.mknod(join(place, "null"), 0o020666, 1, 3);
  expect(lstatSync(join(place, "null")).rdev).toBe((1 << 8) | 3);
  expect(() => linux.mknod(path, 0o020000, 0, 0)).toThrow(expect.objectContaining({ code: "EEXIST", path }));
});

test("extended attributes come back as they were set", () => {
  const path = join(place, "xattrs");
  writeFileSync(path, "");
  const value = Buffer.from([0, 1, 255]);
  linux.lsetxattr(path, "user.a", value);
  expect(linux.llistxattr(path)).toEqual(["user.a"]);
  expect(linux.lgetxattr(path, "user.a")).toEqual(value);
  expect(linux.lgetxattr(path, "user.b")).toBeUndefined();
  linux.lremovexattr(path, "user.a");
  expect(linux.llistxattr(path)).toEqual([]);
});

test("a symlink's own time is set to the nanosecond, before 1970 too", () => {
  const path = join(place, "link");
  symlinkSync("nowhere", path);
  for (const time of [1_700_000_000_123_456_789n, -1n, -5_000_000_000n]) {
    linux.lutimes(path, time, time);
    expect(lstatSync(path, { bigint: true }).mtimeNs).toBe(time);
  }
});

test("names that are not UTF-8 pass through", () => {
  const path = Buffer.concat([Buffer.from(`${place}/`), Buffer.from([0xff, 0xfe])]);
  writeFileSync(path, "x");
  linux.lutimes(path, 1n, 1n);
  expect(lstatSync(path, { bigint: true }).mtimeNs).toBe(1n);
});

test("a lock is held by one at a time and freed by disposal", async () => {
  const path = join(place, "locks", "a");
  {
    using held = tryLock(linux, path);
    expect(held?.path).toBe(path);
    expect(tryLock(linux, path)).toBeUndefined();
    await expect(lock(linux, path, { signal: AbortSignal.timeout(20) })).rejects.toThrow("aborted");
  }
  using again = await lock(linux, path);
  expect(again.path).toBe(path);
});

test("a lock is made where its maker allows it, and nowhere else", () => {
  const missing = join(place, "gone", "lock");
  expect(tryLock(linux, missing, { create: false })).toBeUndefined();
  expect(existsSync(join(place, "gone"))).toBe(false);
  using made = tryLock(linux, missing);
  expect(made?.path).toBe(missing);
});

test("a process is told from a later one of its number", () => {
  const started = startTime(process.pid) ?? "";
  expect(isAlive(process.pid, started)).toBe(true);
  expect(isAlive(process.pid, "1")).toBe(false);
  expect(startTime(2 ** 22 + 1)).toBeUndefined();
});

test("a program gets its input, and its failure tells code and stderr", async () => {
  expect(await exec(["cat"], { stdin: "hello" })).toEqual({ code: 0, stdout: "hello", stderr: "" });
  await expect(exec(["sh", "-c", "echo oops >&2; exit 3"])).rejects.toThrow("exit code 3: oops");
  await expect(exec(["sh", "-c", "kill -9 $$"])).rejects.toMatchObject({ code: 137 });
  await expect(exec(["/nonexistent"])).rejects.toBeInstanceOf(ExecError);
});

test("a cancelled program is stopped, and the reason is thrown", async () => {
  const reason = new Error("enough");
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 20);
  await expect(exec(["sleep", "30"], { signal: controller.signal })).rejects.toBe(reason);
});

test("a file is written whole, and nothing else is left beside it", async () => {
  const path = join(place, "durable");
  await writeFileDurably(path, "one");
  await writeFileDurably(path, "two");
  expect(readFileSync(path, "utf8")).toBe("two");
});

test("what is in a directory is spread over the disk where the file system can do that", () => {
  const nothing = openSync("/dev/null", "r");
  expect(linux.spread(nothing)).toBe(false);
  closeSync(nothing);
  const directory = openSync(place, "r");
  const can = linux.spread(directory);
  closeSync(directory);
  const [flags = ""] = can ? execFileSync("lsattr", ["-d", place], { encoding: "utf8" }).split(" ") : ["T"];
  expect(flags).toContain("T");
});

test("sockets that aren't there and terminals that are none are told", () => {
  expect(() => linux.connectSeqpacket(join(place, "none"))).toThrow(SyscallError);
  const fd = openSync("/dev/null", "r");
  expect(linux.windowSize(fd)).toBeUndefined();
  closeSync(fd);
});
