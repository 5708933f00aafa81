import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchOfFile } from "../base/testing.ts";
import { readConfigFile } from "./config-file.ts";

const directory = scratchOfFile("config");

test.each([
  ['{"psFormat":"{{.ID}}","imagesFormat":"table {{.ID}}"}', { psFormat: "{{.ID}}", imagesFormat: "table {{.ID}}" }],
  ['{"psFormat":3,"auths":{}}', {}],
])("%s gives %j", (text, formats) => {
  writeFileSync(join(directory, "config.json"), text);
  expect(readConfigFile({ DOCKER_CONFIG: directory })).toEqual(formats);
});

test.each(["{", "[]", "null"])("a file that is %s is named", (text) => {
  writeFileSync(join(directory, "config.json"), text);
  expect(() => readConfigFile({ DOCKER_CONFIG: directory })).toThrow(join(directory, "config.json"));
});

test("without a file, or without a home, nothing is set", () => {
  expect(readConfigFile({ HOME: join(directory, "nosuch") })).toEqual({});
  expect(readConfigFile({})).toEqual({});
});
