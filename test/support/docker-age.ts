/** One thing that Docker 20.10 prints otherwise than the Docker of today. */
interface Rewrite {
  readonly old: RegExp | string;
  readonly today: string;
}

/** Of images that the tests build. Nothing else of Docker's is changed before it is compared. */
const ofImages: readonly Rewrite[] = [
  // BuildKit writes the owner and mode of a COPY into the history.
  { old: "COPY file /owned # buildkit", today: "COPY --chown=1:2 --chmod=640 file /owned # buildkit" },
  // BuildKit writes the value of an ARG into the history, wherever the value comes from.
  { old: /^ARG base$/, today: "ARG base=busybox" },
  { old: /^ARG X=1$/, today: "ARG X=2" },
  { old: /^ARG Y$/, today: "ARG Y=from the environment" },
  // BuildKit writes ports as a list.
  { old: /^EXPOSE map\[/, today: "EXPOSE [" },
  { old: /(?<=^EXPOSE \[.*):\{\}/g, today: "" },
  // Health checks have a start interval.
  { old: /("0s" "0s") '/, today: `$1 "0s" '` },
  // A RUN's user has its own group as a supplementary one too, and root those that it is a member of.
  { old: "uid=8(mail) gid=8(mail)\\n", today: "uid=8(mail) gid=8(mail) groups=8(mail)\\n" },
  { old: "uid=0(root) gid=0(root)\\n", today: "uid=0(root) gid=0(root) groups=0(root),10(wheel)\\n" },
  // Directories of a context keep their times.
  { old: /^(\/(?:all|c)\/dir dir 750 0:0) now$/, today: "$1 981173106" },
];

/** Of lines on stderr. */
const ofMessages: readonly Rewrite[] = [
  // The daemon's errors are all told as such.
  { old: /^Error: (No such (?:image|container))/, today: "Error response from daemon: $1" },
  {
    old: "daemon: failed to create shim task:",
    today: "daemon: failed to create task for container: failed to create shim task:",
  },
  {
    old: 'exec: "/etc": permission denied: unknown',
    today: 'exec: "/etc": is a directory: unknown: permission denied',
  },
  { old: "repository name must be lowercase", today: "repository name (library/Upper) must be lowercase" },
  // As `rmi` and `history` say it; `save` says what was typed.
  { old: /(No such image: (?!absent)[^:\s]+)$/, today: "$1:latest" },
  { old: /^Error: No such volume: (\S+)$/, today: "Error response from daemon: get $1: no such volume" },
  { old: /^Error: No such network: (\S+)$/, today: "Error response from daemon: network $1 not found" },
  { old: /^Template parsing error/, today: "template parsing error" },
  { old: /no such container (\w+)$/, today: "No such container: $1" },
  { old: /Cannot kill container: (\w+): Container/, today: "cannot kill container: $1: container" },
  { old: "Cannot kill container", today: "cannot kill container" },
  { old: /daemon: Container (\w+) is not running/, today: "daemon: container $1 is not running" },
  {
    old: /You cannot remove a running container \w+\. Stop the container before attempting removal or force remove/,
    today: 'cannot remove container "up": container is running: stop the container before removing or force remove',
  },
  { old: /daemon: Invalid (signal|filter)/, today: "daemon: invalid $1" },
  { old: "Conflicting options: -a and -d", today: "conflicting options: cannot specify both --attach and --detach" },
  { old: '"-t, --time" flag', today: '"-t, --timeout" flag' },
  { old: "run is not a valid change command", today: "RUN is not a valid change command" },
  { old: "foo is not a valid change command", today: "FOO is not a valid change command" },
  { old: /^unable to prepare context/, today: "ERROR: unable to prepare context" },
  // Arguments that are missing.
  { old: /^"(docker \w+)" requires (?:exactly )?(.*)$/, today: "'$1' requires $2" },
  { old: /^docker: '(\w+)' is not a docker command\.$/, today: "unknown command: docker $1" },
];

/** What Docker 20.10 says, a text or texts anywhere in an object, as the Docker of today says it, whose words are berth's. */
export function asToday<T>(said: T): T {
  const texts = (_: string, value: unknown): unknown =>
    typeof value === "string" ? rewritten(value, ofImages) : value;
  return JSON.parse(JSON.stringify(said), texts);
}

/** A line that Docker 20.10 prints on stderr, as the Docker of today prints it. */
export function messageAsToday(line: string): string {
  return rewritten(line, ofMessages);
}

function rewritten(text: string, rewrites: readonly Rewrite[]): string {
  return rewrites.reduce((rest, { old, today }) => rest.replace(old, today), text);
}
