import { formatSubnet, type Subnet } from "./subnet.ts";

/** A network whose containers reach the world through this host. */
export interface NatNetwork {
  readonly bridge: string;
  readonly subnet: Subnet;
}

/**
 * The engine's firewall as one `nft -f` transaction: the table is replaced as a whole, so that it can be applied again at any time.
 *
 * Containers reach the world with the host's address; from outside only answers come in. Another table's chain that drops
 * forwarded packets (a firewall, Docker's own) still drops them: nftables asks every chain, and one `drop` wins.
 *
 * @param table name of the engine's table of family `ip`
 */
export function natRuleset(table: string, networks: readonly NatNetwork[]): string {
  const forward = networks.flatMap(({ bridge }) => [
    // Without it, a host link with an MTU below the bridge's stalls downloads wherever ICMP gets lost.
    `iifname "${bridge}" tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu`,
    `oifname "${bridge}" ct state established,related accept`,
    `oifname "${bridge}" iifname != "${bridge}" drop`,
  ]);
  const postrouting = networks.map(
    ({ bridge, subnet }) => `ip saddr ${formatSubnet(subnet)} oifname != "${bridge}" masquerade`,
  );
  return [
    `add table ip ${table}`,
    `delete table ip ${table}`,
    `table ip ${table} {`,
    ...chain("forward", "type filter hook forward priority filter; policy accept;", forward),
    ...chain("postrouting", "type nat hook postrouting priority srcnat; policy accept;", postrouting),
    "}",
    "",
  ].join("\n");
}

function chain(name: string, hook: string, rules: readonly string[]): readonly string[] {
  return [`  chain ${name} {`, ...[hook, ...rules].map((line) => `    ${line}`), "  }"];
}
