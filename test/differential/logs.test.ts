import { beforeAll, expect, test } from "vitest";
import { besideDocker } from "../support/beside-docker.ts";
import type { Pair } from "../support/twins.ts";

const stamps = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z/g;

await besideDocker("logs, as Docker:", ({ berth, docker, both, ok }) => {
  const talk = (name: string, script: string) =>
    both(["run", "--network", "none", "--name", name, "busybox", "sh", "-c", script]);

  /** The same to the byte, but for the times. */
  async function same(...args: readonly string[]): Promise<void> {
    const outcomes = await both(["logs", ...args]);
    const [mine, theirs] = [outcomes.berth, outcomes.docker].map(({ code, stdout, stderr }) => ({
      code,
      stdout: stdout.replace(stamps, "TIME"),
      stderr: stderr.replace(stamps, "TIME"),
    }));
    expect(mine).toEqual(theirs);
    expect(mine?.code).toBe(0);
  }

  beforeAll(async () => {
    await talk("lines", "for i in 1 2 3 4; do echo $i; done; printf 'no end'");
    await talk("streams", "echo out; echo err >&2; printf 'o'; printf 'e' >&2; echo ut; echo rr >&2");
    await talk("parts", "printf a; sleep 0.2; printf b; sleep 0.2; echo c; echo; printf 'd\\r\\n\\000\\001\\n'");
    const line = (length: number): string => `head -c ${length} /dev/zero | tr '\\0' x; echo`;
    await talk("long", `echo first; ${[16383, 16384, 16385, 40_000].map(line).join("; ")}; printf last`);
    // Times of two runs are two times, however much an engine reads at once.
    await talk("twice", "echo 1; echo 2");
    await ok(["start", "-a", "twice"]);
    await ok(["create", "--name", "never", "busybox", "true"]);
  });

  test.each([
    ...["lines", "streams", "parts", "long", "twice", "never"].flatMap((name) => [[name], ["-t", name], ["-f", name]]),
    ...["0", "1", "3", "5", "100", "-1", "all", "+2", "02", "1e1"].map((tail) => ["--tail", tail, "lines"]),
    ...["1", "2", "3", "4", "5", "9"].map((tail) => ["-t", "--tail", tail, "long"]),
    ["-t", "--tail", "3", "parts"],
  ])("%s %s %s %s", same);

  test("since and until, which take the time itself in, and choose after tail", async () => {
    const { berth: mine, docker: theirs } = await ok(["logs", "-t", "twice"]);
    const timesOf = (text: string): readonly string[] => text.match(stamps) ?? [];
    const times: Pair<readonly string[]> = { berth: timesOf(mine), docker: timesOf(theirs) };
    for (const args of [
      ["--since", 2],
      ["--until", 1],
      ["--since", 2, "--until", 1],
      ["--tail", "3", "--until", 1],
      ["--tail", "1", "--since", 0],
    ]) {
      const withTimes = (own: readonly string[]): readonly string[] =>
        args.map((word) => (typeof word === "number" ? (own[word] ?? "") : word));
      const [left, right] = await Promise.all([
        berth.run(["logs", ...withTimes(times.berth), "twice"]),
        docker.run(["logs", ...withTimes(times.docker), "twice"]),
      ]);
      expect({ args, ...left }).toEqual({ args, ...right });
    }
  });
});
