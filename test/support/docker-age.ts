/** One thing that Docker 20.10 prints otherwise than the Docker of today. */
interface Rewrite {
  readonly old: RegExp | string;
  readonly today: string;
}

/** The whole list, for the images that the tests build: nothing else of Docker's is changed before it is compared. */
const rewrites: readonly Rewrite[] = [
  // BuildKit writes the owner and mode of a COPY into the history.
  { old: "COPY file /owned # buildkit", today: "COPY --chown=1:2 --chmod=640 file /owned # buildkit" },
  // BuildKit writes the value of an ARG into the history, wherever the value comes from.
  { old: /^ARG base$/, today: "ARG base=busybox" },
  { old: /^ARG X=1$/, today: "ARG X=2" },
  { old: /^ARG Y$/, today: "ARG Y=from the environment" },
  // Health checks have a start interval.
  { old: /("0s" "0s") '/, today: `$1 "0s" '` },
  // A RUN's user has its own group as a supplementary one too, and root those that it is a member of.
  { old: "uid=8(mail) gid=8(mail)\\n", today: "uid=8(mail) gid=8(mail) groups=8(mail)\\n" },
  { old: "uid=0(root) gid=0(root)\\n", today: "uid=0(root) gid=0(root) groups=0(root),10(wheel)\\n" },
  // Directories of a context keep their times.
  { old: "/all/dir dir 750 0:0 now", today: "/all/dir dir 750 0:0 981173106" },
];

/** What Docker 20.10 says, a text or texts anywhere in an object, as the Docker of today says it, whose words are berth's. */
export function asToday<T>(said: T): T {
  return JSON.parse(JSON.stringify(said), (_, value: unknown) =>
    typeof value === "string" ? rewritten(value) : value,
  );
}

function rewritten(text: string): string {
  return rewrites.reduce((rest, { old, today }) => rest.replace(old, today), text);
}
