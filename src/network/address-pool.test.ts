import { expect, test } from "vitest";
import { defaultPools, firstFreeAddress, firstFreeSubnet, gatewayOf, macOf } from "./address-pool.ts";
import { formatSubnet, parseSubnet } from "./subnet.ts";

test.each([
  [[], "172.17.0.0/16"],
  [["172.17.0.0/16"], "172.18.0.0/16"],
  [["172.16.0.0/12"], "192.168.0.0/20"],
  [["172.17.200.0/24", "172.18.0.1/32", "10.0.0.0/8"], "172.19.0.0/16"],
  [["172.16.0.0/12", "192.168.0.0/24"], "192.168.16.0/20"],
])("with %j taken, the next network is %s", (used, expected) => {
  expect(formatSubnet(firstFreeSubnet(defaultPools, used.map(parseSubnet)))).toBe(expected);
});

test("when every range is taken, the error is Docker's", () => {
  const everything = [parseSubnet("128.0.0.0/1")];
  expect(() => firstFreeSubnet(defaultPools, everything)).toThrow(
    "all predefined address pools have been fully subnetted",
  );
});

test("addresses are handed out from below, the gateway's and the broadcast address never", () => {
  const subnet = parseSubnet("10.1.2.0/29");
  const used = new Set<string>();
  for (let n = 0; n < 5; n++) used.add(firstFreeAddress(subnet, used));
  expect([...used]).toEqual(["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"]);
  expect(gatewayOf(subnet)).toBe("10.1.2.1");
  expect(() => firstFreeAddress(subnet, used)).toThrow("no available IPv4 addresses");
  used.delete("10.1.2.4");
  expect(firstFreeAddress(subnet, used)).toBe("10.1.2.4");
});

test("a MAC follows from its address", () => {
  expect(macOf("172.17.0.254")).toBe("02:42:ac:11:00:fe");
});
