import { expect, test } from "vitest";
import { evaluate } from "./evaluate.ts";
import { parseTemplate } from "./parse.ts";

const data = {
  State: { ExitCode: 3, Running: false },
  Config: { Env: ["A=1", "B=2"], Labels: { b: "2", a: "1" }, Cmd: null, Volumes: null },
  Name: "/web",
  Networks: { bridge: { IPAddress: "172.17.0.2" } },
  Big: 67108864,
};

const fill = (template: string): string =>
  evaluate(parseTemplate(template), data, {
    missing: (field) => `map has no entry for key "${field}"`,
    nil: (field) => (field === "Volumes" ? "map[]" : "[]"),
  });

test.each([
  ["", ""],
  ["plain", "plain"],
  ["{{.State.ExitCode}}", "3"],
  ["{{ .State.Running }}", "false"],
  ["{{.Big}}", "67108864"],
  ["{{.Config.Env}}", "[A=1 B=2]"],
  ["{{.Config.Labels}}", "map[a:1 b:2]"],
  ["{{.Config.Cmd}} {{.Config.Volumes}}", "[] map[]"],
  ["{{json .Config.Cmd}} {{json .Config.Env}}", 'null ["A=1","B=2"]'],
  ["{{.Config.Labels | json}}", '{"b":"2","a":"1"}'],
  ["{{range .Config.Env}}[{{.}}]{{end}}", "[A=1][B=2]"],
  ["{{range $i, $e := .Config.Env}}{{$i}}={{$e}};{{end}}", "0=A=1;1=B=2;"],
  ["{{range $k, $v := .Networks}}{{$k}} {{$v.IPAddress}}{{end}}", "bridge 172.17.0.2"],
  ["{{range .Networks}}{{.IPAddress}}{{end}}", "172.17.0.2"],
  ["{{range .Config.Cmd}}x{{else}}none{{end}}", "none"],
  ["{{if .State.Running}}up{{else if eq .State.ExitCode 3}}three{{else}}down{{end}}", "three"],
  ["{{if not .State.Running}}down{{end}}", "down"],
  ["{{with .Networks.bridge}}{{.IPAddress}}{{end}}", "172.17.0.2"],
  ['{{index .Config.Labels "a"}}', "1"],
  ["{{index .Config.Env 1}}", "B=2"],
  ['{{(index .Networks "bridge").IPAddress}}', "172.17.0.2"],
  ["{{len .Config.Env}} {{len .Name}}", "2 4"],
  ['{{printf "%s-%d|%5s|%-5s|%05d|%q" .Name .Big "a" "b" 7 "c"}}', '/web-67108864|    a|b    |00007|"c"'],
  ['{{join .Config.Env ", "}}', "A=1, B=2"],
  ['{{index (split .Name "/") 1 | upper}}', "WEB"],
  ["{{title .Name}} {{lower `ABC`}}", "/web abc"],
  ["{{println .Name}}", "/web\n"],
  ["a {{- .State.ExitCode -}} b", "a3b"],
  ["{{/* nothing */}}x", "x"],
  ["{{$x := .Name}}{{$x}}", "/web"],
  ["{{range .Config.Env}}{{$.Name}}{{end}}", "/web/web"],
  ["{{and true .Name}} {{or false 0}} {{ne 1 2}} {{lt 1 2}}", "/web 0 true true"],
  ["{{.}}", expect.stringContaining("map[Big:67108864 ")],
])("%s", (template, expected) => {
  expect(fill(template)).toEqual(expected);
});

test.each([
  ["{{.Foo}}", 'template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"'],
  ["{{.State.Foo}}", 'template: :1:8: executing "" at <.State.Foo>: map has no entry for key "Foo"'],
  ["{{.Id", "template: :1: unclosed action"],
  ["{{foo .Id}}", 'template: :1: function "foo" not defined'],
  ["{{if .Name}}x", "template: :1: unexpected EOF"],
  ["{{end}}", "template: :1: unexpected {{end}}"],
  ["{{}}", "template: :1: missing value for command"],
  ["{{.Name | }}", "template: :1: missing value for pipeline"],
  ["{{(.Name}}", "template: :1: unclosed left paren"],
  ["{{index .Config.Env 7}}", "index out of range: 7"],
  ["{{.Name.Foo}}", "can't evaluate field Foo"],
  ["{{$x}}", "undefined variable: $x"],
  ["{{".concat("(".repeat(1000), "}}"), "max expression depth exceeded"],
])("%.40s fails in Go's words", (template, message) => {
  expect(() => fill(template)).toThrow(message);
});
