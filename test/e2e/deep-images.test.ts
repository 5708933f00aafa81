import { join } from "node:path";
import { expect, test } from "vitest";
import { openBerth, openBerthWithBusybox } from "../support/berth.ts";

/** A Dockerfile whose every line but the first makes a layer. */
const grownBy = (layers: number): string =>
  ["FROM busybox", ...Array.from({ length: layers }, (_, i) => `COPY f /f${i}`), ""].join("\n");

const layersOf = ["inspect", "--format", "{{.Id}} {{len .RootFS.Layers}}"];

test("an image of 200 layers runs, is compared, committed, built on, saved and loaded", async () => {
  await using berth = await openBerthWithBusybox();
  const context = await berth.files("context", {
    Dockerfile: grownBy(199),
    f: "content\n",
    Above: "FROM committed\nRUN rm /f9; cat /new >/built\n",
  });
  await berth.out(["build", "-q", "-t", "deep", context]);
  expect(await berth.out([...layersOf, "deep"])).toMatch(/ 200$/);
  const script = "ls / | grep -c '^f[0-9]'; cat /f0 /f198; rm /f7; echo new >/new";
  expect(await berth.out(["run", "--name", "one", "deep", "sh", "-c", script])).toBe("199\ncontent\ncontent");
  expect((await berth.out(["diff", "one"])).split("\n").sort()).toEqual(["A /new", "D /f7"]);
  await berth.out(["commit", "one", "committed"]);
  await berth.out(["build", "-q", "-t", "above", "-f", join(context, "Above"), context]);
  await berth.out(["save", "-o", "above.tar", "above"]);

  await using other = openBerth();
  await other.out(["load", "-i", join(berth.directory, "above.tar")]);
  expect(await other.out([...layersOf, "above"])).toBe(await berth.out([...layersOf, "above"]));
  expect(await other.out([...layersOf, "above"])).toMatch(/ 202$/);
  const look = "ls / | grep -c '^f[0-9]'; cat /built";
  expect(await other.out(["run", "--rm", "above", "sh", "-c", look])).toBe("197\nnew");
});

test("the 500th layer is refused, and 499 of them run", async () => {
  await using berth = await openBerthWithBusybox();
  const context = await berth.files("context", { Dockerfile: grownBy(498), f: "content\n" });
  await berth.out(["build", "-q", "-t", "deepest", context]);
  const look = "ls / | grep -c '^f[0-9]'; echo new >/new";
  expect(await berth.out(["run", "--name", "one", "deepest", "sh", "-c", look])).toBe("498");
  const refused = await berth.run(["commit", "one", "deeper"]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/max depth exceeded: 500 layers, at most 499/);
  await berth.files("context", { Dockerfile: "FROM deepest\nCOPY f /more\n" });
  const built = await berth.run(["build", "-q", context]);
  expect(built.code).toBe(1);
  expect(built.stderr).toMatch(/max depth exceeded: 500 layers, at most 499/);
  expect(await berth.out(["images", "-q", "deeper"])).toBe("");
});
