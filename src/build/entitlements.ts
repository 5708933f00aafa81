import { BerthError } from "../base/errors.ts";
import { parseCSV } from "../dockerfile/csv.ts";

/** What steps may be given beyond a plain step. */
export interface Entitlements {
  readonly hostNetwork: boolean;
  /** Every capability, and no confinement. */
  readonly insecure: boolean;
  /** Every device that the machine has a specification of. */
  readonly everyDevice: boolean;
  /** Devices by the names that the Dockerfile may use; the device that a name stands for, where it is another. */
  readonly devices: ReadonlyMap<string, string>;
}

/**
 * Read the values of `--allow`.
 *
 * @throws {BerthError} invalid-argument, with BuildKit's text
 */
export function parseEntitlements(given: readonly string[]): Entitlements {
  const devices = new Map<string, string>();
  for (const text of given) {
    const name = deviceIn(text);
    if (name === undefined && !plain.has(text)) throw wrong(`unknown entitlement ${text}`);
    if (name !== undefined && name !== "") devices.set(...deviceNamed(name));
  }
  return {
    hostNetwork: given.includes("network.host"),
    insecure: given.includes("security.insecure"),
    everyDevice: given.some((text) => deviceIn(text) === ""),
    devices,
  };
}

const plain: ReadonlySet<string> = new Set(["network.host", "security.insecure"]);

function deviceIn(text: string): string | undefined {
  return /^device(?:=(.*))?$/s.test(text) ? text.slice("device=".length) : undefined;
}

/** `vendor/class=name,alias=other`: the Dockerfile says `other`. */
function deviceNamed(text: string): readonly [name: string, device: string] {
  const [device = "", ...settings] = parseCSV(text);
  let name = device;
  for (const setting of settings) {
    const equals = setting.indexOf("=");
    if (equals < 0) throw wrong(`invalid device config ${JSON.stringify(setting)}`);
    const key = setting.slice(0, equals);
    if (key !== "alias") throw wrong(`unknown device config key ${JSON.stringify(key)}`);
    name = setting.slice(equals + 1);
  }
  return [name, device];
}

function wrong(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}
