import { expect, test } from "vitest";
import { formatAddress, formatSubnet, overlaps, parseAddress, parseSubnet } from "./subnet.ts";

test.each([
  ["172.17.0.0/16", "172.17.0.0/16"],
  ["172.17.3.4/16", "172.17.0.0/16"],
  ["255.255.255.255/32", "255.255.255.255/32"],
  ["1.2.3.4/0", "0.0.0.0/0"],
])("%s is the network %s", (text, network) => {
  expect(formatSubnet(parseSubnet(text))).toBe(network);
});

test.each(["", "1.2.3.4", "1.2.3.4/33", "1.2.3/8", "1.2.3.256/8", "1.2.3.4/8/9", "1.2.3.-4/8", "a.b.c.d/8"])(
  "%j is no network",
  (text) => {
    expect(() => parseSubnet(text)).toThrow(`invalid CIDR address: ${text}`);
  },
);

test("addresses above 127 survive the way through a number", () => {
  expect(formatAddress(parseAddress("203.0.113.255") ?? 0)).toBe("203.0.113.255");
});

test.each([
  ["10.0.0.0/8", "10.255.0.0/16", true],
  ["10.255.0.0/16", "10.0.0.0/8", true],
  ["10.0.0.0/16", "10.1.0.0/16", false],
  ["0.0.0.0/0", "192.168.0.0/24", true],
])("%s and %s overlap: %s", (a, b, expected) => {
  expect(overlaps(parseSubnet(a), parseSubnet(b))).toBe(expected);
});
