import { ArgumentError, type Callable } from "../eval/scope.ts";
import { text, texts } from "../value/value.ts";
import { define, param, textOf, wholeOf } from "./define.ts";

/** A network: its first address as a number. */
interface Network {
  readonly address: bigint;
  readonly prefix: number;
  /** 32 or 128. */
  readonly bits: number;
}

function parseCidr(given: string): Network {
  const wrong = new Error(`invalid CIDR expression: invalid CIDR address: ${given}`);
  const [address = "", length = "", ...rest] = given.split("/");
  const parsed = parseAddress(address);
  const prefix = Number(length);
  if (parsed === undefined || rest.length > 0 || !/^\d{1,3}$/.test(length) || prefix > parsed.bits) throw wrong;
  const host = BigInt(parsed.bits - prefix);
  return { address: (parsed.value >> host) << host, prefix, bits: parsed.bits };
}

function parseAddress(given: string): { readonly value: bigint; readonly bits: number } | undefined {
  const numbers = given.split(".");
  if (numbers.length === 4 && numbers.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return { value: numbers.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n), bits: 32 };
  const halves = given.split("::");
  const groups = halves.map((half) => (half === "" ? [] : half.split(":")));
  const [before = [], behind = []] = groups;
  const missing = 8 - before.length - behind.length;
  if (halves.length > 2 || (halves.length === 2 ? missing < 1 : missing !== 0)) return undefined;
  const all = [...before, ...Array.from({ length: missing }, () => "0"), ...behind];
  if (!all.every((group) => /^[\da-f]{1,4}$/i.test(group))) return undefined;
  return { value: all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n), bits: 128 };
}

function addressText(value: bigint, bits: number): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  // The longest run of zeros, the first of several: RFC 5952, section 4.2.
  const runs = [
    ...groups
      .map((group) => (group === "0" ? "0" : "x"))
      .join("")
      .matchAll(/00+/g),
  ];
  const longest = runs.reduce<RegExpExecArray | undefined>(
    (best, run) => (best === undefined || run[0].length > best[0].length ? run : best),
    undefined,
  );
  if (longest === undefined) return groups.join(":");
  return `${groups.slice(0, longest.index).join(":")}::${groups.slice(longest.index + longest[0].length).join(":")}`;
}

function host({ address, prefix, bits }: Network, number: number): string {
  const size = 1n << BigInt(bits - prefix);
  const wanted = BigInt(number);
  if (wanted >= size || -wanted > size)
    throw new Error(`prefix of ${prefix} does not accommodate a host numbered ${number}`);
  return addressText(address + (wanted < 0n ? size + wanted : wanted), bits);
}

function subnet({ address, prefix, bits }: Network, newBits: number, number: number): string {
  const length = prefix + newBits;
  if (newBits < 0 || length > bits)
    throw new Error(`insufficient address space to extend prefix of ${prefix} by ${newBits}`);
  if (number < 0 || BigInt(number) >= 1n << BigInt(newBits))
    throw new Error(`prefix extension of ${newBits} does not accommodate a subnet numbered ${number}`);
  return `${addressText(address | (BigInt(number) << BigInt(bits - length)), bits)}/${length}`;
}

function subnets({ address, prefix, bits }: Network, extensions: readonly number[]): readonly string[] {
  let next = address;
  const end = address + (1n << BigInt(bits - prefix));
  return extensions.map((extension, index) => {
    const length = prefix + extension;
    if (extension < 1) throw new ArgumentError(index + 1, "must extend prefix by at least one bit", "newbits");
    if (length > bits)
      throw new ArgumentError(
        index + 1,
        `would extend prefix to ${length} bits, which is too long for ${bits === 32 ? "IPv4" : "IPv6"} address space`,
        "newbits",
      );
    const size = 1n << BigInt(bits - length);
    const start = ((next + size - 1n) / size) * size;
    if (start + size > end)
      throw new Error(`not enough remaining address space for a subnet with a prefix of ${length} bits`);
    next = start + size;
    return `${addressText(start, bits)}/${length}`;
  });
}

function netmask({ prefix, bits }: Network): string {
  if (bits !== 32) throw new ArgumentError(0, "IPv6 addresses cannot have a netmask: only IPv4 is supported", "prefix");
  return addressText(((1n << BigInt(prefix)) - 1n) << BigInt(32 - prefix), 32);
}

/** Functions of networks. @see hashicorp/go-cty-funcs, cidr */
export const cidrFunctions: Readonly<Record<string, Callable>> = {
  cidrhost: define({
    params: [param("prefix", "string"), param("hostnum", "number")],
    run: ([prefix, number]) => text(host(parseCidr(textOf(prefix)), wholeOf(number))),
  }),
  cidrnetmask: define({
    params: [param("prefix", "string")],
    run: ([prefix]) => text(netmask(parseCidr(textOf(prefix)))),
  }),
  cidrsubnet: define({
    params: [param("prefix", "string"), param("newbits", "number"), param("netnum", "number")],
    run: ([prefix, bits, number]) => text(subnet(parseCidr(textOf(prefix)), wholeOf(bits), wholeOf(number))),
  }),
  cidrsubnets: define({
    params: [param("prefix", "string")],
    rest: param("newbits", "number"),
    run: ([prefix, ...extensions]) => texts(subnets(parseCidr(textOf(prefix)), extensions.map(wholeOf))),
  }),
};
