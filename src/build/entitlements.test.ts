import { expect, test } from "vitest";
import { parseEntitlements } from "./entitlements.ts";

test("what steps may be given is read from what is allowed", () => {
  const { devices, ...others } = parseEntitlements([
    "network.host",
    "device=vendor.com/class=gpu0",
    "device=vendor.com/class=gpu1,alias=gpu",
  ]);
  expect(others).toEqual({ hostNetwork: true, insecure: false, everyDevice: false });
  expect([...devices]).toEqual([
    ["vendor.com/class=gpu0", "vendor.com/class=gpu0"],
    ["gpu", "vendor.com/class=gpu1"],
  ]);
  expect(parseEntitlements(["device", "security.insecure"])).toMatchObject({ everyDevice: true, insecure: true });
  expect(parseEntitlements(["device="])).toMatchObject({ everyDevice: true });
});

test.each([
  ["network", "unknown entitlement network"],
  ["devices", "unknown entitlement devices"],
  ["device=a,b", 'invalid device config "b"'],
  ["device=a,b=c", 'unknown device config key "b"'],
])("%s is refused", (text, message) => {
  expect(() => parseEntitlements([text])).toThrow(message);
});
