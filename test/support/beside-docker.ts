import { afterAll, describe, test } from "vitest";
import { openTwins, type Twins } from "./twins.ts";

/** A group of tests that have berth and a real Docker side by side; one skipped test where Docker can't start. */
export async function besideDocker(name: string, tests: (twins: Twins) => void): Promise<void> {
  const twins = await openTwins();
  if (twins === undefined) {
    describe.skip(name, () => test("needs a Docker that starts", () => {}));
    return;
  }
  describe(name, () => {
    afterAll(() => twins[Symbol.asyncDispose]());
    tests(twins);
  });
}
