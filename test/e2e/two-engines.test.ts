import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { berthCommand, openBerth, openBerthWithBusybox } from "../support/berth.ts";
import { runProgram } from "../support/program.ts";

test("two engines in different places see nothing of each other, also on the network", async () => {
  await using one = await openBerthWithBusybox();
  await using two = await openBerthWithBusybox();
  const serve = ["run", "-d", "--name", "same", "busybox", "sleep", "1000"];
  await Promise.all([one.out(serve), two.out(serve)]);
  const gateway = ["inspect", "--format", "{{.NetworkSettings.Gateway}}", "same"];
  expect(await one.out(gateway)).not.toBe(await two.out(gateway));
  await two.out(["rm", "-f", "same"]);
  await two.out(["rmi", "busybox"]);
  expect(await one.out(["ps", "--format", "{{.Names}}"])).toBe("same");
  expect(await one.out(["exec", "same", "echo", "there"])).toBe("there");
  expect(await one.out(["run", "--rm", "busybox", "echo", "still"])).toBe("still");
});

test("--root and --run-root choose the places, before the variables", async () => {
  await using named = await openBerthWithBusybox();
  await using other = openBerth();
  const flags = ["--root", join(named.directory, "root"), "--run-root", join(named.directory, "run")];
  expect(await other.out([...flags, "images", "--format", "{{.Repository}}"])).toBe("busybox");
  expect(await other.out(["images", "--format", "{{.Repository}}"])).toBe("");
});

test("the command works from any directory, through a symbolic link", async () => {
  await using berth = openBerth();
  symlinkSync(berthCommand, join(berth.directory, "b"));
  expect(await runProgram("./b", ["--version"], { cwd: berth.directory })).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^berth version \d+\.\d+\.\d+, build /),
  });
});
