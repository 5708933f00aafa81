import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CdiRegistry, readCdi } from "../host/cdi.ts";
import { parseEntitlements } from "./entitlements.ts";
import { deviceEdits, grantDevices } from "./step-devices.ts";

let places: readonly string[];
beforeAll(() => {
  places = [0, 1].map(() => mkdtempSync(join(tmpdir(), "berth-cdi-")));
});
afterAll(() => {
  for (const place of places) rmSync(place, { recursive: true });
});

const write = (place: 0 | 1, name: string, text: string): void => writeFileSync(join(places[place] ?? "", name), text);

const device = (name: string, env: string, annotations = {}) => ({
  name,
  annotations,
  containerEdits: { env: [env] },
});

function registry(): CdiRegistry {
  const common = { env: ["COMMON=1"], mounts: [{ hostPath: "/a", containerPath: "/b" }] };
  const spec = { cdiVersion: "0.6.0", kind: "v.test/gpu", containerEdits: common };
  const devices = [device("0", "A=0"), device("1", "A=1", { "org.mobyproject.buildkit.device.class": "fast" })];
  write(0, "low.json", JSON.stringify({ ...spec, devices }));
  write(0, "twice.json", JSON.stringify({ kind: "v.test/twice", devices: [device("x", "A=1"), device("x", "A=2")] }));
  write(1, "high.json", JSON.stringify({ ...spec, containerEdits: {}, devices: [device("0", "A=high")] }));
  const open = { "org.mobyproject.buildkit.device.autoallow": "true" };
  write(1, "open.json", JSON.stringify({ kind: "v.test/open", annotations: open, devices: [device("o", "O=1")] }));
  write(1, "other.yaml", 'kind: v.test/yaml\ndevices:\n- name: y\n  containerEdits:\n    env: ["Y=1"]\n');
  write(1, "odd.yml", "kind: &anchor v.test/odd\n");
  write(1, "wrong.json", JSON.stringify({ kind: "v.test/w", devices: [{ name: "w", containerEdits: { rdt: {} } }] }));
  return readCdi(places);
}

const granted = (name: string, allow: readonly string[], required = true): readonly string[] =>
  grantDevices(registry(), parseEntitlements(allow), [{ name, required }]).names;

describe("devices of specifications", () => {
  test("are found by name, by kind, all of a kind, and by class; those of a later directory first", () => {
    expect(granted("v.test/gpu=1", ["device"])).toEqual(["v.test/gpu=1"]);
    expect(granted("v.test/gpu", ["device"])).toEqual(["v.test/gpu=0"]);
    expect(granted("v.test/gpu=*", ["device"])).toEqual(["v.test/gpu=0", "v.test/gpu=1"]);
    expect(granted("fast", ["device"])).toEqual(["v.test/gpu=1"]);
    expect(granted("v.test/yaml=y", ["device"])).toEqual(["v.test/yaml=y"]);
    expect(deviceEdits(registry(), ["v.test/gpu=0"]).flatMap(({ env }) => env)).toEqual(["A=high"]);
  });

  test("count in a step's name as written where all are allowed, and as what they come to otherwise", () => {
    const requests = ["v.test/gpu", "mine", "v.test/none"].map((name) => ({ name, required: false }));
    const counted = (allow: readonly string[]) => grantDevices(registry(), parseEntitlements(allow), requests).counted;
    expect(counted(["device"])).toEqual(requests.map(({ name }) => ({ name, optional: true })));
    expect(counted(["device=v.test/gpu=1,alias=mine", "device=v.test/gpu=0"])).toEqual([
      { name: "v.test/gpu=1", optional: true },
      { name: "v.test/gpu=0", optional: false },
    ]);
  });

  test("change a step by what is common, once, and by their own", () => {
    const names = ["v.test/gpu=1", "v.test/gpu=1"];
    expect(deviceEdits(registry(), names).flatMap(({ env }) => env)).toEqual(["COMMON=1", "A=1", "A=1"]);
  });

  test("have to be allowed, by name, kind or alias, or allow themselves", () => {
    expect(granted("v.test/gpu=1", ["device=v.test/gpu=1"])).toEqual(["v.test/gpu=1"]);
    expect(granted("v.test/gpu=1", ["device=v.test/gpu=*"])).toEqual(["v.test/gpu=1"]);
    expect(granted("mine", ["device=v.test/gpu=1,alias=mine"])).toEqual(["v.test/gpu=1"]);
    expect(granted("v.test/open", [])).toEqual(["v.test/open=o"]);
    expect(() => granted("v.test/gpu=1", ["device=v.test/gpu=0"])).toThrow(
      "failed to load LLB: device v.test/gpu=1 is requested by the build but not allowed",
    );
    expect(() => granted("v.test/gpu=*", [])).toThrow(
      "devices v.test/gpu=0, v.test/gpu=1 are requested by the build but not allowed",
    );
  });

  test("that aren't there are an error where they are required; what couldn't be read is told", () => {
    expect(granted("v.test/none", ["device"], false)).toEqual([]);
    for (const name of ["v.test/none", "v.test/twice=x", "v.test/w=w"])
      expect(() => granted(name, ["device"])).toThrow(`required device "${name}" is not registered`);
    expect(registry().unread).toEqual([
      expect.stringContaining("odd.yml: line 1: berth doesn't read what begins with &"),
      expect.stringContaining("wrong.json: containerEdits.rdt isn't supported"),
    ]);
  });
});
