import { afterAll, describe, expect, test } from "vitest";
import { comparable, openTwins } from "../support/twins.ts";

const twins = await openTwins();
afterAll(() => twins?.[Symbol.asyncDispose]());

const shown = [
  "{{json .HostConfig.Binds}}",
  "{{json .HostConfig.Mounts}}",
  "{{json .Config.Volumes}}",
  "{{range .Mounts}}{{.Type}} {{.Destination}} mode={{json .Mode}} {{.RW}} {{.Propagation}}{{println}}{{end}}",
].join("\n");

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
