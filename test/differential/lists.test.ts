import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Outcome } from "../support/program.ts";
import { comparable, openTwins } from "../support/twins.ts";

const twins = await openTwins();
afterAll(() => twins?.[Symbol.asyncDispose]());

const offline = ["--network", "none"];

beforeAll(async () => {
  const steps = [
    ["run", ...offline, "--name", "maker", "-l", "role=maker", "busybox", "touch", "/made"],
    ["commit", "-c", "LABEL a=1", "-c", "LABEL b=xy", "-c", 'CMD ["sleep", "9"]', "-m", "made here", "maker", "made"],
    ["tag", "made", "team/made:1.0"],
    ["tag", "made", "localhost:5000/made:1.0"],
    ["run", ...offline, "--name", "child-maker", "made", "sh", "-c", "exit 3"],
    ["commit", "child-maker", "child"],
    ["commit", "maker"],
    ["create", ...offline, "--name", "waiting", "-l", "role=waiter", "child"],
    ["run", "-d", ...offline, "--name", "runs", "-v", "data:/data", "-v", "/tmp:/t", "made", "sleep", "1000"],
  ];
  for (const step of steps) {
    const outcome = await twins?.both(step);
    for (const { code, stderr } of Object.values(outcome ?? {}) as Outcome[]) {
      if (code !== 0 && code !== 3) throw new Error(`${step.join(" ")}: ${stderr}`);
    }
  }
});

/** In which Docker 20.10's lists differ from those of the Docker of today, and what the clock changes. */
function modern(text: string): string {
  return text
    .replace(/(\[y\/N\] )Total reclaimed space: 0B\n/, "$1")
    .replace(/\w+=\w+(,\w+=\w+)+/g, (labels) => labels.split(",").toSorted().join(","))
    .replace("/tmp,data", "data,/tmp")
    .replace(/"VirtualSize":"[^"]*"/g, '"VirtualSize":""')
    .replace(/"Containers":"(?:\d+|N\/A)"/g, '"Containers":""')
    .replace(/"Platform":null,/g, "")
    .replace(/\d+ (second|minute)s?/g, "SOME")
    .replace(/Less than a second|About a minute/g, "SOME")
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?/g, "TIME");
}

/** Spaces between columns depend on the widest, and an image's names and a container's mounts come in any order in Docker. */
function lines(text: string): string {
  return modern(text)
    .split("\n")
    .map((line) => line.replace(/ {2,}/g, "  ").trimEnd())
    .toSorted()
    .join("\n");
}

async function compared(args: readonly string[], input = ""): Promise<void> {
  const outcomes = await twins?.both(args, { input });
  if (outcomes === undefined) throw new Error("no twins");
  const { berth, docker } = comparable(outcomes);
  const shown = (one: Outcome): Outcome => ({ ...one, stdout: lines(one.stdout) });
  expect(shown(berth)).toEqual(shown(docker));
}

const named = (commands: readonly (readonly string[])[]) => commands.map((args) => ({ name: args.join(" "), args }));

const images = ["images", "--format", "{{.Repository}}:{{.Tag}}"];
const ps = ["ps", "-a", "--format", "{{.Names}}"];

describe.skipIf(twins === undefined)("images lists what Docker lists:", () => {
  test.each(
    named([
      ["images"],
      ["images", "-a"],
      ["images", "-q"],
      ["images", "-q", "--no-trunc"],
      ["images", "--digests"],
      ["images", "made"],
      ["images", "team/made"],
      ["images", "team/made:1.0"],
      ["images", "made:nosuch"],
      ["images", "m*"],
      [...images, "-f", "reference=*:1.0"],
      [...images, "-f", "reference=*/made"],
      [...images, "-f", "reference=*/*:*"],
      [...images, "-f", "reference=busybox", "-f", "reference=child"],
      [...images, "-f", "dangling=true"],
      [...images, "-f", "dangling=false"],
      [...images, "-f", "label=a"],
      [...images, "-f", "label=a=1", "-f", "label=b"],
      [...images, "-f", "label=a=2"],
      [...images, "-f", "before=made"],
      [...images, "-f", "since=busybox"],
      [...images, "-f", "since=busybox", "-f", "before=child"],
      [...images, "-f", "foo=x"],
      [...images, "-f", "dangling=x"],
      [...images, "-f", "before=nosuch"],
      [...images, "-f", "reference=["],
      ["images", "-f", "label"],
      ["images", "--format", "{{json .}}"],
      ["images", "--format", "table {{.Repository}}\\t{{.Size}}"],
      ["images", "--format", "table {{upper .Tag}}\\t{{json .ID}}"],
      ["images", "--format", "{{.ID}} {{.CreatedAt}} {{.CreatedSince}} {{.Size}} {{.SharedSize}}"],
      ["images", "--format", "raw"],
      ["images", "--format", "{{.Foo}}"],
      ["images", "--format", "{{.ID"],
    ]),
  )("$name", ({ args }) => compared(args));
});

describe.skipIf(twins === undefined)("ps lists what Docker lists:", () => {
  test.each(
    named([
      ["ps"],
      ["ps", "-a"],
      ["ps", "-aq"],
      ["ps", "-l"],
      ["ps", "-n", "2"],
      ["ps", "-n", "0"],
      ["ps", "--no-trunc", "-a"],
      ["ps", "-s"],
      [...ps, "-f", "name=a"],
      [...ps, "-f", "name=^maker$"],
      [...ps, "-f", "name=^/maker$"],
      [...ps, "-f", "name=maker", "-f", "name=runs"],
      [...ps, "-f", "name=["],
      [...ps, "-f", "label=role"],
      [...ps, "-f", "label=role=maker"],
      [...ps, "-f", "label=a=1"],
      [...ps, "-f", "exited=0"],
      [...ps, "-f", "exited=3", "-f", "exited=0"],
      ["ps", "-q", "-f", "exited=0"],
      [...ps, "-f", "status=created"],
      ["ps", "-q", "-f", "status=exited"],
      [...ps, "-f", "status=running", "-f", "status=created"],
      [...ps, "-f", "ancestor=busybox"],
      [...ps, "-f", "ancestor=made"],
      [...ps, "-f", "ancestor=child"],
      [...ps, "-f", "ancestor=nosuch"],
      [...ps, "-f", "before=waiting"],
      [...ps, "-f", "since=maker"],
      [...ps, "-f", "since=maker", "-f", "before=runs"],
      [...ps, "-f", "volume=data"],
      [...ps, "-f", "volume=/t"],
      [...ps, "-f", "volume=/tmp"],
      [...ps, "-f", "network=none"],
      [...ps, "-f", "network=bridge"],
      [...ps, "-f", "is-task=false"],
      [...ps, "-f", "is-task=true"],
      [...ps, "-f", "health=none"],
      [...ps, "-f", "foo=x"],
      [...ps, "-f", "since=nosuch"],
      ["ps", "--format", "{{json .Names}} {{.Image}} {{.Command}} {{.State}} {{.Status}} {{.LocalVolumes}}", "-a"],
      ["ps", "-a", "--format", '{{.Label "role"}}|{{.Labels}}|{{.Mounts}}|{{.Networks}}|{{.Ports}}'],
      ["ps", "-a", "--format", "table {{.Names}}\\t{{.RunningFor}}"],
      ["ps", "-a", "--format", "raw"],
      ["ps", "-a", "--format", "{{.Size}}"],
      ["ps", "--format", "{{.Foo}}"],
    ]),
  )("$name", ({ args }) => compared(args));
});

describe.skipIf(twins === undefined)("what things are, as Docker says it:", () => {
  test.each(
    named([
      ["history", "child"],
      ["history", "--no-trunc", "child"],
      ["history", "-q", "made"],
      ["history", "-H=false", "made"],
      ["history", "--format", "{{.CreatedBy}}|{{.Comment}}|{{.Size}}", "child"],
      ["inspect", "-f", "{{.Name}} {{.State.ExitCode}} {{.Config.Labels}}", "maker", "child-maker"],
      ["inspect", "-f", "{{json .Config.Labels}} {{.Config.Cmd}} {{.Comment}} {{.RepoTags}}", "made"],
      ["inspect", "-f", "{{.Name}}", "maker", "nosuch", "runs"],
      ["inspect", "-f", "{{.Foo}}", "maker"],
      ["inspect", "-f", "{{.State.Foo}}", "maker"],
      ["inspect", "-f", "{{.Id", "maker"],
      ["inspect", "-f", '{{index .Config.Labels "zz"}}|{{with .Config.Labels}}{{.role}}{{end}}', "maker"],
      ["inspect", "-f", "{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{else}}none{{end}}", "maker", "runs"],
      ["inspect", "-f", "{{range .Mounts}}{{.Type}} {{.Destination}} {{.RW}}{{println}}{{end}}", "runs"],
      ["inspect", "-f", "{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}", "maker"],
      ["inspect", "-f", "{{.State.Health}} {{.State.Health.Status}}", "maker"],
      ["inspect", "-f", "{{.Config.StopTimeout}} {{.Config.Healthcheck}} {{.Config.Shell}}", "maker"],
      ["inspect", "-f", "{{.Config.StopSignal}}|{{.Config.MacAddress}}|{{.Config.ArgsEscaped}}", "maker"],
      ["inspect", "-f", "{{.Config.ExposedPorts}} {{.Config.NetworkDisabled}}", "maker"],
      ["inspect", "-f", "{{.HostConfig.Mounts}} {{.HostConfig.Tmpfs}} {{.HostConfig.Init}}", "maker"],
      ["inspect", "-f", "{{.HostConfig.Sysctls}} {{.HostConfig.StorageOpt}} {{.SizeRw}} {{.SizeRootFs}}", "maker"],
      ["inspect", "-f", "{{.Config.Healthcheck}} {{.Config.ExposedPorts}} {{.Config.OnBuild}}", "made"],
      ["inspect", "-f", "{{.Variant}}|{{.OsVersion}}|{{.Config.StopSignal}}|{{.Config.StopTimeout}}", "made"],
      ["inspect", "-s", "-f", "{{.SizeRw}}", "maker"],
      ["inspect", "-s", "-f", "{{.Os}}", "made"],
      ["inspect", "--type", "image", "-f", "{{.Os}}", "made"],
      ["inspect", "--type", "container", "made"],
      ["inspect", "--type", "volume", "-f", "{{.Name}} {{.Driver}} {{.Scope}}", "data"],
      ["inspect", "-f", "{{.Name}} {{.Driver}}", "data", "bridge"],
      ["inspect", "--type", "network", "-f", "{{.Name}} {{.Scope}}", "none"],
      ["inspect", "--type", "volume", "nosuch"],
      ["inspect", "--type", "network", "nosuch"],
      ["image", "inspect", "maker"],
      ["image", "inspect", "-f", "{{index .RepoTags 9}}", "busybox"],
      ["image", "inspect", "-f", "{{index .Config.Cmd 1}}", "busybox"],
      ["image", "inspect", "-f", "{{.Architecture}}", "made", "child"],
      ["container", "inspect", "made"],
      ["system", "df"],
      ["system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}"],
    ]),
  )("$name", ({ args }) => compared(args));
});

describe.skipIf(twins === undefined)("prune does what Docker does:", () => {
  test.each([
    { args: ["image", "prune"], input: "n\n" },
    { args: ["image", "prune", "-a"], input: "" },
    { args: ["container", "prune"], input: "x\n" },
    { args: ["image", "prune", "-f", "--filter", "foo=x"] },
    { args: ["image", "prune", "-f", "--filter", "until=x"] },
    { args: ["container", "prune", "-f", "--filter", "foo=x"] },
    { args: ["image", "prune", "-f", "--filter", "until=24h"] },
    { args: ["image", "prune", "-f", "--filter", "label=nosuch"] },
    { args: ["container", "prune", "-f", "--filter", "label=role=waiter"] },
    { args: ["container", "prune", "-f", "--filter", "label!=role=maker"] },
    { args: ["container", "prune", "-f"] },
    { args: ["image", "prune", "-f"] },
    { args: ["image", "prune", "-a", "-f", "--filter", "label!=a"] },
    { args: ["image", "prune", "-a", "-f"] },
    { args: images },
  ])("$args", ({ args, input }) => compared(args, input));
});
