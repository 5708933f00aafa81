import { readdirSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { comparable, openTwins } from "../support/twins.ts";

const twins = await openTwins();
afterAll(() => twins?.[Symbol.asyncDispose]());

const shown = [
  "{{json .HostConfig.Binds}}",
  "{{json .HostConfig.Mounts}}",
  "{{json .Config.Volumes}}",
  "{{range .Mounts}}{{.Type}} {{.Destination}} mode={{json .Mode}} {{.RW}} {{.Propagation}}{{println}}{{end}}",
].join("\n");

/** What GraphDriver's directories hold, at most a few names of each. */
async function seen(which: "berth" | "docker", name: string, key: string): Promise<readonly string[]> {
  const stdout = await twins?.[which].run(["inspect", "-f", `{{.GraphDriver.Data.${key}}}`, name]);
  return (stdout?.stdout.trim() ?? "").split(":").map((path) => readdirSync(path).toSorted().join(" "));
}

describe.skipIf(twins === undefined)("inspect shows where layers lie, as Docker does:", () => {
  test("of a container and of an image", async () => {
    await twins?.ok([
      "run",
      "-d",
      "--network",
      "none",
      "--name",
      "layered",
      "busybox",
      "sh",
      "-c",
      "touch /made; sleep 1000",
    ]);
    await eventually(async () => {
      const made = await twins?.both(["exec", "layered", "test", "-e", "/made"]);
      return made?.berth.code === 0 && made.docker.code === 0 ? true : undefined;
    });
    for (const key of ["UpperDir", "MergedDir"]) {
      expect(await seen("berth", "layered", key)).toEqual(await seen("docker", "layered", key));
    }
    // The first holds mount points, of which Docker leaves out those that the image has.
    expect((await seen("berth", "layered", "LowerDir")).slice(1)).toEqual(
      (await seen("docker", "layered", "LowerDir")).slice(1),
    );
    expect(await seen("berth", "busybox", "UpperDir")).toEqual(await seen("docker", "busybox", "UpperDir"));
  });
});

describe.skipIf(twins === undefined)("inspect shows mounts as Docker does:", () => {
  test.each([
    [["-v", "/usr:/t"]],
    [["-v", "/usr:/t:ro"]],
    [["-v", "/usr:/t:rw"]],
    [["-v", "/usr:/t:rslave,ro"]],
    [["-v", "/usr:/t:Z"]],
    [["-v", "data:/d"]],
    [["-v", "data:/d:ro"]],
    [["-v", "data:/d:nocopy"]],
    [["-v", "/anonymous"]],
    [["--mount", "type=bind,src=/usr,dst=/t,readonly"]],
    [["--mount", "type=bind,src=/usr,dst=/t,bind-propagation=rslave"]],
    [["--mount", "type=volume,src=data,dst=/d"]],
    [["--mount", "type=volume,src=data,dst=/d,readonly,volume-nocopy"]],
    [["--mount", "dst=/d"]],
  ])("%j", async (flags) => {
    await twins?.both(["rm", "-f", "mounted"]);
    const made = await twins?.both(["create", "--network", "none", "--name", "mounted", ...flags, "busybox"]);
    expect(made?.berth.code).toBe(made?.docker.code);
    const outcomes = await twins?.both(["inspect", "-f", shown, "mounted"]);
    if (outcomes === undefined) throw new Error("no twins");
    const { berth, docker } = comparable(outcomes);
    expect(berth).toEqual(docker);
  });
});
