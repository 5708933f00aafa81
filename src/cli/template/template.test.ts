import { expect, test } from "vitest";
import { evaluate } from "./evaluate.ts";
import { parseTemplate } from "./parse.ts";
import { Nil } from "./values.ts";

const data = {
  State: { ExitCode: 3, Running: false },
  Config: { Env: ["A=1", "B=2"], Labels: { b: "2", a: "1" }, Cmd: null, Volumes: null },
  Name: "/web",
  Networks: { bridge: { IPAddress: "172.17.0.2" } },
  Big: 67108864,
};

const zeros: Readonly<Record<string, unknown>> = { Volumes: new Nil("map[]"), Health: new Nil("<nil>"), Signal: "" };

const fill = (template: string): string =>
  evaluate(parseTemplate(template), data, {
    missing: (field) => `map has no entry for key "${field}"`,
    zero: (field) => zeros[field],
    isMap: (field) => field === "Labels",
  });

test.each([
  ["", ""],
  ["plain", "plain"],
  ["{{.State.ExitCode}}", "3"],
  ["{{ .State.Running }}", "false"],
  ["{{.Big}}", "67108864"],
  ["{{.Config.Env}}", "[A=1 B=2]"],
  ["{{.Config.Labels}}", "map[a:1 b:2]"],
  ["{{.Config.Labels.zz}}{{with .Config.Labels}}|{{.a}}|{{.zz}}{{end}}", "<no value>|1|<no value>"],
  ["{{if .Config.Labels.zz}}yes{{else}}no{{end}}", "no"],
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
  ["{{title .Name}} {{lower `ABC`}}", "/Web abc"],
  ["{{println .Name}}", "/web\n"],
  ["a {{- .State.ExitCode -}} b", "a3b"],
  ["{{/* nothing */}}x", "x"],
  ["{{$x := .Name}}{{$x}}", "/web"],
  ["{{range .Config.Env}}{{$.Name}}{{end}}", "/web/web"],
  ["{{and true .Name}} {{or false 0}} {{ne 1 2}} {{lt 1 2}}", "/web 0 true true"],
  ["{{.State.Health}} {{json .State.Health}} {{.State.Signal}}", "<nil> null "],
  ["{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}", "none"],
  ["{{.}}", expect.stringContaining("map[Big:67108864 ")],
])("%s", (template, expected) => {
  expect(fill(template)).toEqual(expected);
});

test.each([
  ["{{.Name | }}", "/web"],
  [
    '{{printf "%5.2f|%x|%q|%v|%t|%c|%U|%08.3f|%+d|%T" 1.5 255 "a" true true 65 65 3.14159 5 "x"}}',
    ' 1.50|ff|"a"|true|true|A|U+0041|0003.142|+5|string',
  ],
  [
    '{{printf "%d" .Name}} {{printf "%z" 1}} {{printf "%d"}} {{printf "x" 1}}',
    "%!d(string=/web) %!z(int=1) %!d(MISSING) x%!(EXTRA int=1)",
  ],
  ['{{"a\\tb\\x41" | printf "%q"}}', '"a\\tbA"'],
  ["{{1.5}} {{1e3}} {{0x1F}} {{'a'}} {{true}} {{-3}} {{.1}}", "1.5 1000 31 97 true -3 0.1"],
  ["{{range 3}}{{.}}{{end}}", "012"],
  ['{{range $i, $e := split "abc" ""}}{{$i}}{{$e}}{{break}}{{end}}', "0a"],
  ['{{range split "abc" ""}}{{if eq . "b"}}{{continue}}{{end}}{{.}}{{end}}', "ac"],
  ["{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"],
  ["{{$x := 1}}{{if true}}{{$x := 2}}{{end}}{{$x}}", "1"],
  ["{{$n := 0}}{{range .Config.Env}}{{$n = .}}{{end}}{{$n}}", "B=2"],
  ['{{or 0 "" "x"}} {{and 1 0}} {{or true (index .Name 99)}}', "x 0 true"],
  ['{{html "<a>"}} {{js "a\'b"}} {{urlquery "a b"}}', "&lt;a&gt; a\\'b a+b"],
  ['{{print 1 2 "a" "b" 3}}', "1 2ab3"],
  ['{{define "x"}}a{{.}}{{end}}{{template "x" 1}}', "a1"],
  ['{{block "x" .Name}}b{{.}}{{end}}', "b/web"],
  ["{{with $y := .Name}}{{$y}}{{end}}", "/web"],
  ["{{with .Config.Cmd}}x{{else with .Name}}{{.}}{{end}}", "/web"],
  ['{{pad .Name 1 2}}| {{pad "" 1 2}}|', " /web  | |"],
  ['{{title "ab cd-ef"}} {{truncate .Name 2}} {{slice .Name 1 3}}', "Ab Cd-Ef /w we"],
  ["a}}b", "a}}b"],
  ["{{- .Name -}} x", "/webx"],
  ['{{split "web" ""}} {{json (split "a,b" ",")}} {{len (split "a,b" ",")}}', '[w e b] ["a","b"] 2'],
  ['{{eq .Name "x" | not}} {{eq .Name "x" "/web"}}', "true true"],
  ['{{index .Config.Labels "zz"}}|', "|"],
])("%s is filled as Docker's client fills it", (template, expected) => {
  expect(fill(template)).toBe(expected);
});

test("a method takes what it is given, and says so when that is wrong", () => {
  const row = { Label: (name: string) => `label ${name}`, ID: "1" };
  const filled = (template: string) => evaluate(parseTemplate(template), row, { missing: (field) => field });
  expect(filled('{{.Label "a"}}')).toBe("label a");
  expect(filled('{{"a" | .Label | upper}}')).toBe("LABEL A");
  expect(() => filled("{{.Label}}")).toThrow("at <.Label>: wrong number of args for Label: want 1 got 0");
  expect(() => filled("{{.Label 3}}")).toThrow("expected string; found 3");
  expect(() => filled("{{.ID .ID}}")).toThrow("at <.ID>: wrong number of args for ID: want 0 got 1");
});

test.each([
  ["{{.Foo}}", 'template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"'],
  ["{{.State.Foo}}", 'template: :1:8: executing "" at <.State.Foo>: map has no entry for key "Foo"'],
  ["{{.Id", "template: :1: unclosed action"],
  ["{{foo .Id}}", 'template: :1: function "foo" not defined'],
  ["{{if .Name}}x", "template: :1: unexpected EOF"],
  ["{{end}}", "template: :1: unexpected {{end}}"],
  ["{{}}", "template: :1: missing value for command"],
  ["{{|.Name}}", 'template: :1: unexpected "|" in command'],
  ["{{if}}x{{end}}", "template: :1: missing value for if"],
  ["{{else}}", "template: :1: unexpected {{else}}"],
  ["{{if .Name}}a{{else}}b{{else}}c{{end}}", "template: :1: expected end; found {{else}}"],
  ["{{.Name}", "template: :1: bad character U+007D '}'"],
  ['{{"x}}', "template: :1: unterminated quoted string"],
  ["{{/* c }}x", "template: :1: unclosed comment"],
  ["{{@}}", 'template: :1: unexpected "@" in command'],
  ["{{.Name,}}", 'template: :1: unexpected "," in operand'],
  ["{{1a}}", 'template: :1: bad number syntax: "1a"'],
  ["{{'ab'}}", "template: :1: malformed character constant: 'ab'"],
  ["{{range $k}}{{end}}", 'template: :1: undefined variable "$k"'],
  ["{{if true}}{{$y := 1}}{{end}}{{$y}}", 'template: :1: undefined variable "$y"'],
  ["{{break}}", "template: :1: {{break}} outside {{range}}"],
  ["{{template}}", 'template: :1: unexpected "}}" in template clause'],
  ['{{template "x"}}', 'template: :1:11: executing "" at <{{template "x"}}>: template "x" not defined'],
  ["{{1 | 2}}", "template: :1: non executable command in pipeline stage 2"],
  ["{{call .Name}}", "error calling call: non-function /web of type string"],
  ["{{nil}}", 'template: :1:2: executing "" at <nil>: nil is not a command'],
  ["{{range .Name}}{{end}}", 'template: :1:8: executing "" at <.Name>: range can\'t iterate over /web'],
  ['{{join .Name ","}}', "at <.Name>: wrong type for value; expected []string; got string"],
  ["{{len 3}}", 'template: :1:2: executing "" at <len 3>: error calling len: len of type int'],
  ["{{lt .Name 3}}", "at <lt .Name 3>: error calling lt: incompatible types for comparison"],
  ['{{eq 1 "a"}}', 'at <eq 1 "a">: error calling eq: incompatible types for comparison'],
  ["{{eq 1}}", "at <eq 1>: error calling eq: missing argument for comparison"],
  ["{{slice .Name 3 50}}", "at <slice .Name 3 50>: error calling slice: index out of range: 50"],
  ["{{truncate .Name}}", 'template: :1:2: executing "" at <truncate>: wrong number of args for truncate: want 2 got 1'],
  ["{{upper 3}}", 'template: :1:8: executing "" at <3>: expected string; found 3'],
  ["{{not 1 2}}", "at <not>: wrong number of args for not: want 1 got 2"],
  ["{{and}}", "at <and>: wrong number of args for and: want at least 1 got 0"],
  ["{{printf}}", "at <printf>: wrong number of args for printf: want at least 1 got 0"],
  ['{{"a" "b"}}', `template: :1:2: executing "" at <"a">: can't give argument to non-function "a"`],
  ["{{index 3 1}}", "at <index 3 1>: error calling index: can't index item of type int"],
  ['{{index (split .Name "e") 5}}', 'at <index (split .Name "e") 5>: error calling index: index out of range: 5'],
  ["{{$x := 3}}{{$x.Foo}}", 'template: :1:15: executing "" at <$x.Foo>: can\'t evaluate field Foo in type int'],
  ["{{(.Name}}", "template: :1: unclosed left paren"],
  ['{{index (split "a" "b") 1}}', "error calling index: reflect: slice index out of range"],
  ['{{index "abc" 3}}', "error calling index: reflect: string index out of range"],
  ["{{index .Config.Env 7}}", "error calling index: index out of range: 7"],
  ["{{index .Name 70}}", "error calling index: index out of range: 70"],
  ["{{.Name.Foo}}", "can't evaluate field Foo"],
  ["{{$x}}", 'template: :1: undefined variable "$x"'],
  ["{{".concat("(".repeat(1000), "}}"), "max expression depth exceeded"],
])("%.40s fails in Go's words", (template, message) => {
  expect(() => fill(template)).toThrow(message);
});
