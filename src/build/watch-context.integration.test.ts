import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchOfFile } from "../base/testing.ts";
import { exec } from "../host/exec.ts";

const directory = scratchOfFile("watch-context");

test("a directory that the kernel gives no more watches for is told", async () => {
  const context = join(directory, "context");
  mkdirSync(context);
  writeFileSync(join(context, "Dockerfile"), "FROM scratch\n");
  const watching = `
    import { mkdirSync } from "node:fs";
    import { watchContext } from ${JSON.stringify(import.meta.resolve("./watch-context.ts"))};
    const { unwatched } = await new Promise((resolve) => {
      watchContext({ directory: ${JSON.stringify(context)}, except: [] }, (change) => change.unwatched && resolve(change));
      for (const name of ["a", "b", "c"]) mkdirSync(${JSON.stringify(context)} + "/" + name);
    });
    console.log(unwatched.message);
    process.exit();`;
  const few = 'echo 3 > /proc/sys/user/max_inotify_watches; exec "$@"';
  const program = [process.execPath, "--no-warnings", "--input-type=module", "--eval", watching];
  const { stdout } = await exec(["unshare", "--user", "--map-root-user", "sh", "-c", few, "sh", ...program]);
  expect(stdout).toMatch(/^\/.*\/context\/[abc] can't be watched: the kernel gives no more watches\n$/);
});
