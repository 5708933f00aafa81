import { expect, test } from "vitest";
import { parseRoutes } from "./route-table.ts";
import { formatSubnet } from "./subnet.ts";

test("routes are read with their masks, the default route is not among them", () => {
  const table = [
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
    "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0",
    "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
    "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0",
    "",
  ].join("\n");
  const routes = parseRoutes(table).map((route) => [route.device, formatSubnet(route)]);
  expect(routes).toEqual([
    ["eth0", "192.0.2.0/24"],
    ["docker0", "172.17.0.0/16"],
  ]);
});
