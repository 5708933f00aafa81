import { expect, test } from "vitest";
import { parseDevice } from "./device.ts";

test.each([
  ["vendor.com/class=gpu0", { name: "vendor.com/class=gpu0", required: false }],
  ["vendor.com/class,required", { name: "vendor.com/class", required: true }],
  ["required=true,name=vendor.com/class=*", { name: "vendor.com/class=*", required: true }],
  ["gpu,REQUIRED=0", { name: "gpu", required: false }],
])("%s is a device", (text, expected) => {
  expect(parseDevice(text)).toEqual(expected);
});

test.each([
  ["", "failed to parse csv devices: EOF"],
  ["a,b", "invalid field 'b' must be a key=value pair"],
  ["a,name=b", "device name already set to a"],
  ["a,required=perhaps", "invalid value for required: perhaps"],
  ["a,requird=1", "unexpected key 'requird' in 'requird=1' (did you mean required?)"],
  ['a"b', 'failed to parse csv devices: parse error on line 1, column 2: bare " in non-quoted-field'],
])("%s is refused", (text, message) => {
  expect(() => parseDevice(text)).toThrow(message);
});
