import { expect, test } from "vitest";
import { exposedPorts } from "./ports.ts";

test.each([
  ["80", ["80/tcp"]],
  ["53/UDP", ["53/udp"]],
  ["80/", ["80/tcp"]],
  ["8000-8002", ["8000/tcp", "8001/tcp", "8002/tcp"]],
  ["8080:80", ["80/tcp"]],
  ["[::1]:8080:80/sctp", ["80/sctp"]],
])("EXPOSE %s", (word, expected) => {
  expect(exposedPorts(word)).toEqual(expected);
});

test.each([
  ["http", "invalid containerPort: http"],
  ["80/icmp", "invalid proto: icmp"],
  ["70000", "invalid containerPort: 70000"],
  ["9-8", "invalid containerPort: 9-8"],
  ["x:1:80", "invalid IP address: x"],
])("EXPOSE %s is refused", (word, message) => {
  expect(() => exposedPorts(word)).toThrow(message);
});
