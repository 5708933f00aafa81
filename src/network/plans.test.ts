import { expect, test } from "vitest";
import { bridgeCommands, connectScript } from "./link-commands.ts";
import type { Endpoint } from "./network.ts";
import { natRuleset } from "./ruleset.ts";
import { parseSubnet } from "./subnet.ts";

const subnet = parseSubnet("172.17.0.0/16");
const endpoint: Endpoint = {
  networkID: "n",
  networkName: "bridge",
  endpointID: "e",
  address: "172.17.0.2",
  prefixLength: 16,
  gateway: "172.17.0.1",
  mac: "02:42:ac:11:00:02",
  bridge: "berth-0badcafe",
};

test("the ruleset replaces one table of this engine and touches no other", () => {
  expect(natRuleset("berth-0badcafe", [{ bridge: "berth-0badcafe", subnet }])).toMatchInlineSnapshot(`
    "add table ip berth-0badcafe
    delete table ip berth-0badcafe
    table ip berth-0badcafe {
      chain forward {
        type filter hook forward priority filter; policy accept;
        iifname "berth-0badcafe" tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu
        oifname "berth-0badcafe" ct state established,related accept
        oifname "berth-0badcafe" iifname != "berth-0badcafe" drop
      }
      chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr 172.17.0.0/16 oifname != "berth-0badcafe" masquerade
      }
    }
    "
  `);
});

test("a bridge is made with an address and a MAC of its own", () => {
  const plan = { bridge: "berth-0badcafe", subnet, exists: false, orphans: [], owner: "/run/berth" };
  expect(bridgeCommands(plan)).toMatchInlineSnapshot(`
    "link add berth-0badcafe address 02:42:ac:11:00:01 type bridge
    link set berth-0badcafe alias /run/berth
    address add 172.17.0.1/16 broadcast + dev berth-0badcafe
    link set berth-0badcafe up
    "
  `);
});

test("a broken bridge gets its address and its containers back", () => {
  const plan = {
    bridge: "berth-0badcafe",
    subnet,
    exists: true,
    orphans: ["v0badcafe000001"],
    owner: "/run/two words",
  };
  expect(bridgeCommands(plan)).toMatchInlineSnapshot(`
    "address flush dev berth-0badcafe
    address add 172.17.0.1/16 broadcast + dev berth-0badcafe
    link set v0badcafe000001 master berth-0badcafe
    link set berth-0badcafe up
    "
  `);
});

test("a container gets one end of a veth pair, configured inside its namespace", () => {
  expect(connectScript("v0badcafe000001", endpoint, 42)).toMatchInlineSnapshot(`
    "ip -batch - <<END
    link add v0badcafe000001 master berth-0badcafe up type veth peer name eth0 address 02:42:ac:11:00:02 netns 42
    END
    exec nsenter -t 42 -n ip -batch - <<END
    link set lo up
    address add 172.17.0.2/16 broadcast + dev eth0
    link set eth0 up
    route add default via 172.17.0.1
    END
    "
  `);
});
