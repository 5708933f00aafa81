import { expect, test } from "vitest";
import { fillTemplate } from "./fill-template.ts";

const image = {
  Config: {
    Healthcheck: { Test: ["CMD", "true"], Interval: 5_000_000_000, Timeout: 90_500_000_000 },
    ExposedPorts: { "80/tcp": {}, "53/udp": {} },
    Volumes: null,
    Labels: { Interval: "7" },
  },
  Metadata: { LastTagTime: "2026-11-24T12:00:00.118212070Z" },
};

// Each as Docker 28.5 fills it.
test.each([
  ["{{.Config.Healthcheck.Interval}} {{.Config.Healthcheck.Timeout}}", "5s 1m30.5s"],
  ["{{.Config.Healthcheck.StartPeriod}} {{.Config.Healthcheck.Retries}}", "0s 0"],
  ['{{printf "%d %v" .Config.Healthcheck.Interval .Config.Healthcheck.Interval}}', "5000000000 5s"],
  ["{{if eq .Config.Healthcheck.Interval 5000000000}}equal{{end}}", "equal"],
  ["{{if gt .Config.Healthcheck.Interval 1}}more{{end}}", "more"],
  ["{{json .Config.Healthcheck}}", '{"Test":["CMD","true"],"Interval":5000000000,"Timeout":90500000000}'],
  ["{{.Config.ExposedPorts}} {{.Config.Volumes}}", "map[53/udp:{} 80/tcp:{}] map[]"],
  ["{{json .Config.ExposedPorts}} {{json .Config.Volumes}}", '{"80/tcp":{},"53/udp":{}} null'],
  ["{{range $port, $_ := .Config.ExposedPorts}}{{$port}} {{end}}", "53/udp 80/tcp "],
  ["{{.Config.Labels.Interval}}", "7"],
  ["{{.Metadata.LastTagTime}}", "2026-11-24 12:00:00.11821207 +0000 UTC"],
  ["{{json .Metadata}}", '{"LastTagTime":"2026-11-24T12:00:00.118212070Z"}'],
])("%s", (template, text) => {
  expect(fillTemplate(template, image)).toBe(`${text}\n`);
});
