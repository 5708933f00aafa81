import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Outcome } from "../support/program.ts";
import { comparable, openTwins } from "../support/twins.ts";

const twins = await openTwins();
afterAll(() => twins?.[Symbol.asyncDispose]());

beforeAll(async () => {
  for (const step of [
    ["create", "--network", "none", "--name", "maker", "-l", "role=maker", "busybox", "touch", "/made"],
    ["commit", "-c", "LABEL a=1", "maker", "made"],
    ["commit", "maker"],
  ]) {
    for (const { code, stderr } of Object.values((await twins?.both(step)) ?? {}) as Outcome[]) {
      if (code !== 0) throw new Error(`${step.join(" ")}: ${stderr}`);
    }
  }
});

function lines(text: string): string {
  return text
    .replace(/"VirtualSize":"[^"]*"/g, '"VirtualSize":""')
    .replace(/"Platform":null,/g, "")
    .replace(/\d+ (second|minute)s?/g, "SOME")
    .replace(/Less than a second|About a minute/g, "SOME")
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?/g, "TIME")
    .split("\n")
    .map((line) => line.replace(/ {2,}/g, "  ").trimEnd())
    .toSorted()
    .join("\n");
}

/** Not what Docker 20.10 knows otherwise than the Docker of today: `json`, `until` of images, texts that changed. */
const commands: readonly (readonly string[])[] = [
  ["images", "--format", ""],
  ["images", "--format", "table"],
  ["images", "--format", "table "],
  ["images", "--format", " json"],
  ["images", "--format", "table {{.Foo}}"],
  ["images", "--format", "table{{.ID}}"],
  ["images", "--format", "{{.Foo.Bar}}"],
  ["images", "--format", "{{foo .ID}}"],
  ["images", "--format", "{{if}}"],
  ["images", "--format", "{{range .}}x"],
  ["images", "--format", "{{.ID | nosuch}}"],
  ["images", "--format", "{{split .Tag}}"],
  ["images", "--format", '{{join .Tag ","}}'],
  ["images", "--format", '{{len .Tag}} {{index (split .Repository "") 0}} {{title .Tag}}'],
  ["images", "--format", '{{printf "%-10s|%q" .Tag .Repository}}'],
  ["images", "--format", "{{.}}x", "nosuch"],
  ["images", "--format", "raw", "-q"],
  ["images", "--format", "table {{.ID}}", "-q"],
  ["images", "--format", "table", "-q"],
  ["images", "--no-trunc", "--digests"],
  ["images", "--digests", "--format", "table {{.Digest}}"],
  ["images", "--digests", "--format", "raw"],
  ["images", "--no-trunc", "--digests", "-a", "made"],
  ["images", "-f", ""],
  ["images", "-f", "dangling"],
  ["images", "-f", "dangling="],
  ["images", "-f", "label="],
  ["images", "-f", "label=a="],
  ["images", "-f", "before="],
  ["images", "-f", "since=busybox", "-f", "since=busybox", "-q"],
  ["images", "-f", "reference="],
  ["images", "-f", "DANGLING=true"],
  ["images", "-f", "label!=a"],
  ["images", "a", "b"],
  ["images", "Upper"],
  ["images", ""],
  ["images", "busybox:"],
  ["images", "sha256:00"],
  ["history", "--format", "", "made"],
  ["history", "--format", "table", "made"],
  ["history", "--format", "raw", "made"],
  ["history", "--format", "table {{.Foo}}", "made"],
  ["history", "--format", "{{.ID", "made"],
  ["history", "-q", "--no-trunc", "made"],
  ["history", "--human=false", "--format", "{{.CreatedSince}} {{.Size}} {{.Tags}}", "made"],
  ["history", "-H=x", "made"],
  ["history", "nosuch"],
  ["history", "Upper"],
  ["image", "inspect", "-f", "{{json .RepoTags}}", "made"],
  ["image", "inspect", "-f", "{{foo}}", "made"],
  ["image", "inspect", "-f", "{{.Foo}}", "made"],
  ["image", "inspect", "-f", '{{join .RepoTags "|"}} {{println 1 2}}{{lower .Os}}', "made"],
  ["image", "inspect", "-f", "{{.Config.Labels.a}} {{.Config.Labels.zz}}", "made"],
  ["inspect", ""],
  ["system", "df", "--format", ""],
  ["system", "df", "--format", "table {{.Type}}\t{{.Size}}"],
  ["system", "df", "--format", "table {{.Foo}}"],
  ["system", "df", "--format", "{{.Foo}}"],
  ["system", "df", "--format", "raw"],
  ["system", "df", "-v", "--format", "{{len .Images}} {{len .BuildCache}}"],
  ["system", "df", "-v", "--format", "{{range .Images}}{{.Repository}} {{.UniqueSize}} {{.SharedSize}}\n{{end}}"],
  ["system", "df", "-v", "--format", "{{.Foo}}"],
  ["system", "df", "-v", "--format", "raw"],
  ["image", "prune", "-f", "--filter", "until="],
  ["image", "prune", "-f", "--filter", "until=24h", "--filter", "until=1h"],
  ["image", "prune", "-f", "--filter", "dangling=x"],
  ["image", "prune", "-f", "--filter", "dangling"],
  ["image", "prune", "-f", "--filter", "label"],
  ["image", "prune", "-f", "--filter", "reference=x"],
  ["image", "prune", "-f", "--filter", "until=2999"],
  ["tag", "made"],
  ["tag", "made", "Upper"],
  ["tag", "made", "a:b:c"],
  ["tag", "made", ""],
  ["tag", "", "x"],
  ["tag", "nosuch", "x"],
  ["tag", "made", `a@sha256:${"0".repeat(64)}`],
  ["tag", "made", "a".repeat(256)],
  ["tag", "made", `x:${"t".repeat(129)}`],
  ["tag", "made", "0".repeat(64)],
  ["tag", "made", "-x"],
  ["tag", "made", "a//b"],
  ["tag", "made", "a__b/c---d:_x"],
  ["tag", "made", "a___b"],
  ["tag", "made", "host:99999/x"],
  ["rmi", "nosuch", "Upper", "a:b:c"],
  ["rmi", "sha256:zz"],
  ["rmi"],
  ["save", ""],
  ["load", "-i", "/nosuch"],
  ["import", "/nosuch"],
  ["import", "-c", "FOO bar", "-"],
  ["import", "-", "Upper"],
  ["export", "nosuch"],
  ["diff", "nosuch"],
  ["commit", "nosuch"],
  ["commit", "maker", "Upper"],
  ["commit", "-c", "FOO x", "maker"],
  ["commit", "-c", "", "maker", "empty-change"],
  ["commit", "-c", "ENV", "maker"],
  ["commit", "-c", "HEALTHCHECK x", "maker"],
];

describe.skipIf(twins === undefined)("odd inputs are met as Docker meets them:", () => {
  test.each(commands.map((args) => ({ name: args.join(" ").slice(0, 80), args })))("$name", async ({ args }) => {
    const outcomes = await twins?.both(args, { input: "" });
    if (outcomes === undefined) throw new Error("no twins");
    const { berth, docker } = comparable(outcomes);
    const shown = (one: Outcome): Outcome => ({ ...one, stdout: lines(one.stdout) });
    expect(shown(berth)).toEqual(shown(docker));
  });
});
