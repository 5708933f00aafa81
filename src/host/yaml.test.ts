import { expect, test } from "vitest";
import { parseYaml } from "./yaml.ts";

test("a specification as its generators write it is read", () => {
  const text = `---
# generated
cdiVersion: 0.6.0
kind: vendor.test/gpu
annotations: {}
containerEdits:
  deviceNodes:
  - path: /dev/ctl
    major: 195
  env:
    - A=1   # the first
    - "B: \\"2\\""
  hooks:
  - hookName: createContainer
    path: /usr/bin/hook
    args:
    - hook
    - --link
    - a.so::/usr/lib/a.so
  mounts: []
devices:
- name: "0"
  containerEdits:
    deviceNodes:
      - path: /dev/gpu0
        permissions: 'r''w'
-
  name: all
  "x y": null
  on: true
`;
  expect(parseYaml(text)).toEqual({
    cdiVersion: "0.6.0",
    kind: "vendor.test/gpu",
    annotations: {},
    containerEdits: {
      deviceNodes: [{ path: "/dev/ctl", major: 195 }],
      env: ["A=1", 'B: "2"'],
      hooks: [{ hookName: "createContainer", path: "/usr/bin/hook", args: ["hook", "--link", "a.so::/usr/lib/a.so"] }],
      mounts: [],
    },
    devices: [
      { name: "0", containerEdits: { deviceNodes: [{ path: "/dev/gpu0", permissions: "r'w" }] } },
      { name: "all", "x y": null, on: true },
    ],
  });
});

test.each([
  ["", null],
  ["a:", { a: null }],
  ["- - 1\n  - 2\n- 3", [[1, 2], 3]],
  ["a: 007\nb: 1.5\nc: -1", { a: "007", b: 1.5, c: -1 }],
  ["a: http://b", { a: "http://b" }],
  ["__proto__: 1", JSON.parse('{"__proto__": 1}')],
])("%j is %j", (text, expected) => {
  expect(parseYaml(text)).toEqual(expected);
});

test.each([
  ["a: |\n  text", "line 1: berth doesn't read what begins with |"],
  ["a: &x 1", "line 1: berth doesn't read what begins with &"],
  ["a: 1\n  b: 2", "line 2: berth doesn't read indentation that fits nothing"],
  ["a: 1\na: 2", "line 2: berth doesn't read the key a twice"],
  ["a: [b, c]", "line 1: berth doesn't read"],
  ["a: 1\ntext", "line 2: berth doesn't read no key"],
  [`${"- ".repeat(100)}1`, "more than 64 levels"],
])("%j is refused by its line", (text, message) => {
  expect(() => parseYaml(text)).toThrow(message);
});
