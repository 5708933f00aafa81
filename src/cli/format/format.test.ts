import { expect, test } from "vitest";
import { humanSize } from "../../base/human-size.ts";
import { align } from "./align.ts";
import { goTime, rfc3339 } from "./go-time.ts";
import { ago, humanDuration } from "./human-duration.ts";
import { formatRows, type Listing } from "./listing.ts";

test.each([
  [0, "0B", "0B"],
  [999, "999B", "999B"],
  [1982333, "1.98MB", "1.982MB"],
  [77_800_000, "77.8MB", "77.8MB"],
  [1000, "1kB", "1kB"],
  [123_456_789, "123MB", "123.5MB"],
  [5_000_000_000, "5GB", "5GB"],
])("%i bytes are %s, more exactly %s", (bytes, short, long) => {
  expect(humanSize(bytes, 3)).toBe(short);
  expect(humanSize(bytes)).toBe(long);
});

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

test.each([
  [0, "Less than a second"],
  [1999, "1 second"],
  [59_999, "59 seconds"],
  [minute, "About a minute"],
  [59 * minute, "59 minutes"],
  [hour, "About an hour"],
  [hour + 31 * minute, "2 hours"],
  [47 * hour, "47 hours"],
  [2 * day, "2 days"],
  [13 * day, "13 days"],
  [14 * day, "2 weeks"],
  [60 * day, "2 months"],
  [2 * 365 * day, "2 years"],
])("%i ms are %s", (span, words) => {
  expect(humanDuration(span)).toBe(words);
});

test("a time in the past is so long ago", () => {
  expect(ago("2026-11-24T23:38:09.679847844Z", Date.parse("2026-11-24T23:40:10Z"))).toBe("2 minutes ago");
});

test("times print as Go prints them", () => {
  expect(goTime("2026-11-24T23:38:09.679847844Z")).toBe("2026-11-24 23:38:09 +0000 UTC");
  expect(rfc3339("2026-11-24T23:38:09.679847844Z")).toBe("2026-11-24T23:38:09Z");
});

test("columns are as wide as their widest cell and three, at least ten", () => {
  expect(
    align([
      ["CONTAINER ID", "IMAGE", "PORTS", "NAMES"],
      ["14e5c8ee51ed", "busybox", "", "nn"],
    ]),
  ).toBe("CONTAINER ID   IMAGE     PORTS     NAMES\n14e5c8ee51ed   busybox             nn\n");
});

interface Row {
  readonly id: string;
  readonly name: string;
}

const listing: Listing<Row> = {
  columns: {
    ID: { heading: "IMAGE ID", text: ({ id }) => id },
    Name: { heading: "NAME", text: ({ name }) => name },
    Label: { heading: "", argument: ({ name }, label) => `${label} of ${name}` },
  },
  table: ["ID", "Name"],
  type: "*formatter.Row",
  raw: "id: {{.ID}}\n",
};
const rows = [{ id: "1", name: "a<b" }];

test.each([
  [undefined, "IMAGE ID   NAME\n1          a<b\n"],
  ["table", "IMAGE ID   NAME\n1          a<b\n"],
  ["table {{.Name}}\\t{{.ID}}", "NAME      IMAGE ID\na<b       1\n"],
  ["{{.ID}}: {{.Name}}", "1: a<b\n"],
  ["{{.ID}}\\t{{upper .Name}}", "1\tA<B\n"],
  ['{{.Label "x"}}', "x of a<b\n"],
  ["table {{json .Name}}\\t{{upper .ID}}", 'NAME      IMAGE ID\n"a<b"     1\n'],
  ["table{{.ID}}", "IMAGE ID\n1\n"],
  ["{{json .}}", '{"ID":"1","Name":"a\\u003cb"}\n'],
  ["raw", "id: 1\n\n"],
  ["json", '{"ID":"1","Name":"a\\u003cb"}\n'],
])("--format %s", (format, expected) => {
  expect(formatRows(listing, rows, format)).toBe(expected);
});

test.each([
  ["{{.Foo}}", `template: :1:2: executing "" at <.Foo>: can't evaluate field Foo in type *formatter.Row`],
  ["{{.ID", "template: :1: unclosed action"],
])("--format %s is refused in Docker's words", (format, message) => {
  expect(() => formatRows(listing, rows, format)).toThrow(`template parsing error: ${message}`);
  const what = /unclosed/.test(message) ? "failed to parse template" : "failed to execute template";
  expect(() => formatRows({ ...listing, isChecked: true }, [], format)).toThrow(`${what}: ${message}`);
});
