import { expect, test } from "vitest";
import { creationTime, latestTime, sourceDateEpoch } from "./creation-time.ts";

test.each([
  ["0", 0],
  ["1700000000", 1_700_000_000],
  ["-5", -5],
  ["", undefined],
])("SOURCE_DATE_EPOCH=%s is %s", (text, seconds) => {
  expect(sourceDateEpoch(text)).toBe(seconds);
});

test.each([
  ["abc", 'invalid SOURCE_DATE_EPOCH: abc: strconv.ParseInt: parsing "abc": invalid syntax'],
  ["1.5", 'invalid SOURCE_DATE_EPOCH: 1.5: strconv.ParseInt: parsing "1.5": invalid syntax'],
  ["999999999999", /value out of range$/],
])("SOURCE_DATE_EPOCH=%s is refused", (text, message) => {
  expect(() => sourceDateEpoch(text)).toThrow(message);
});

test("a time before the epoch is that of an image, and of files", () => {
  expect(creationTime(-5)).toBe("1969-12-31T23:59:55.000Z");
  expect(latestTime(-5)).toEqual({ latest: -5_000_000_000n });
});
