import { describe, expect, test } from "vitest";
import { BerthError } from "../base/errors.ts";
import { checkMount, parseMount } from "./mount.ts";

const expand = (word: string): string => word.replaceAll("$D", "/dir");

const table: readonly [string, object][] = [
  ["target=/a", { type: "bind", target: "/a", readOnly: true }],
  ["type=bind,from=x,source=/s,dst=/a,rw", { type: "bind", from: "x", source: "/s", target: "/a", readOnly: false }],
  ["type=cache,target=$D", { type: "cache", target: "/dir", readOnly: false }],
  ["TYPE=cache,ID=i,sharing=LOCKED,ro,dst=/c", { id: "i", sharing: "locked", readOnly: true, target: "/c" }],
  ["type=cache,dst=/c,mode=0755,uid=1,gid=2", { mode: 0o755, uid: 1, gid: 2 }],
  ["type=tmpfs,dst=/t,size=1.5m", { type: "tmpfs", size: 1.5 * 1024 * 1024, readOnly: false }],
  ["type=tmpfs,dst=/t,size=64", { size: 64 }],
  ["type=tmpfs,dst=/t,size=1GiB", { size: 1024 ** 3 }],
  ["type=secret,id=s,required,env=S", { type: "secret", id: "s", required: true, env: "S", readOnly: true }],
  ["type=ssh,required=false,mode=600", { type: "ssh", required: false, mode: 0o600 }],
  ['type=bind,"target=/a,""b"""', { target: '/a,"b"' }],
];

describe("parseMount", () => {
  test.each(table)("reads %s", (text, expected) => {
    expect(parseMount(text, expand)).toMatchObject(expected);
  });

  const errors: readonly [string, string][] = [
    ["type=chache,target=/a", 'unsupported mount type "chache" (did you mean cache?)'],
    ["typ=bind", "unexpected key 'typ' in 'typ=bind' (did you mean type?)"],
    ["target=/a,z", "invalid field 'z' must be a key=value pair"],
    ["type=cache,sharing=lock", 'unsupported sharing value "lock" (did you mean locked?)'],
    ["ro=maybe", "invalid value for ro: maybe"],
    ["size=1", "unexpected key 'size' for mount type 'bind'"],
    ["type=tmpfs,size=x", "invalid value for size: x"],
    ["required", "unexpected key 'required' for mount type 'bind'"],
    ["type=cache,mode=9", "invalid value 9 for mode"],
    ["type=cache,uid=-1", "invalid value -1 for uid"],
    ["type=cache,uid=4294967296", "invalid value 4294967296 for uid"],
    ["mode=755", 'mode not allowed for "bind" type mounts'],
    ["type=secret", "invalid secret mount. one of source, target required"],
    ["type=secret,id=a,source=b", "both source and id can't be set"],
    ["type=secret,id=a,from=b", "secret mount should not have a from"],
    ["sharing=shared", "invalid cache sharing set for bind mount"],
    ['target="a', 'failed to parse csv mounts: parse error on line 1, column 8: bare " in non-quoted-field'],
    [
      '"target=a',
      'failed to parse csv mounts: parse error on line 1, column 10: extraneous or missing " in quoted-field',
    ],
  ];
  test.each(errors)("refuses %s", (text, message) => {
    expect(() => parseMount(text, expand)).toThrow(BerthError);
    expect(() => parseMount(text, expand)).toThrow(message);
  });
});

describe("checkMount", () => {
  test("allows what only variables can tell", () => {
    expect(() => checkMount("type=$T,target=$D,from=x$")).not.toThrow();
  });

  test("refuses variables in from", () => {
    expect(() => checkMount("from=$x")).toThrow("'from' doesn't support variable expansion");
  });
});
