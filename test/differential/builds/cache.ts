import type { Build, BuildCase } from "./case.ts";
import type { FileSpec } from "./context.ts";

const files: Readonly<Record<string, FileSpec>> = { f: "one\n", g: "other\n", "d/x": "x\n", "d/e/y": "y\n" };

/** A build and others after changes; the first step makes all others this case's own. */
const changing = (
  name: string,
  lines: string,
  change: Build | readonly Build[],
  more: Partial<BuildCase> = {},
): BuildCase => ({
  name: `the cache, ${name}`,
  Dockerfile: own(name, lines),
  files,
  later: [change].flat(),
  ...more,
});

const own = (name: string, lines: string): string =>
  `FROM busybox\nRUN echo ${name.replaceAll(/\W/g, "")} > /case\n${lines}\n`;
const copies = "COPY f /f\nRUN cat /f > /out\nCOPY d /d\nRUN ls /d > /l";
const twoStages = (name: string, command: string, last = "COPY --from=a /n /n"): string =>
  `FROM busybox AS a\nRUN echo ${name} > /case\nRUN ${command}\nFROM busybox\nRUN echo ${name}, last > /case\n${last}\nRUN echo after\n`;

/** The same, with another Dockerfile. */
const edited = (name: string, lines: string, other: string, more: Partial<BuildCase> = {}): BuildCase =>
  changing(name, lines, { Dockerfile: own(name, other) }, more);

/** Which steps run again after which change. */
export const cacheCases: readonly BuildCase[] = [
  changing("nothing changed", copies, {}),
  changing("a file's content", copies, { files: { f: "second\n" } }),
  changing("a file's content, and back again", copies, [{ files: { f: "second\n" } }, { files: { f: "one\n" } }]),
  changing("a file's time", copies, { files: { f: { text: "one\n", time: 1_000_000_000 } } }),
  changing("a file's mode", copies, { files: { f: { text: "one\n", mode: 0o600 } } }),
  changing("a file's owner", copies, { files: { f: { text: "one\n", owner: 5 } } }),
  changing(
    "a file's extended attribute",
    copies,
    { files: { f: { text: "one\n", xattr: "user.x" } } },
    {
      differs: {
        because: "BuildKit's client takes a file of the same size, mode and time for the same, and doesn't send it",
        rewrites: [["[3/6] COPY f /f: CACHED", "[3/6] COPY f /f: ran"]],
      },
    },
  ),
  changing("a file that nothing copies", copies, { files: { g: "changed\n" } }),
  changing("a file below a copied directory", copies, { files: { "d/e/y": "changed\n" } }),
  changing("a new file below a copied directory", copies, { files: { "d/z": "" } }),
  changing("a directory's time", copies, { files: { "d/e": { directory: true, time: 1_000_000_000 } } }),
  changing("a file becomes a link to its equal", copies, { files: { same: "one\n", f: { to: "same" } } }),
  changing("a file becomes another name of its equal", copies, { files: { same: "one\n", f: { hard: "same" } } }),
  changing("a file is renamed, and a pattern matches both", "COPY f* /to/", { files: { f: null, f2: "one\n" } }),
  changing("a pattern matches one more", "COPY f* /to/\nRUN echo after", { files: { f2: "one\n" } }),
  changing(
    "an ignored file",
    "COPY . /all/",
    { files: { skipped: "2\n" } },
    { files: { ...files, skipped: "1\n", ".dockerignore": "skipped\n" } },
  ),
  changing(
    "the Dockerfile is ignored, and gets a comment",
    "COPY . /all/",
    { Dockerfile: `# new\n${own("the Dockerfile is ignored, and gets a comment", "COPY . /all/")}` },
    {
      files: { ...files, ".dockerignore": "Dockerfile\n" },
    },
  ),
  edited("a comment and a blank line", copies, `# comment\n\n${copies}`),
  edited("a comment inside a command", "RUN echo a \\\n && echo b", "RUN echo a \\\n# comment\n && echo b"),
  edited("spaces in a command", "RUN echo a  b", "RUN echo a b"),
  edited("spaces around a command", "RUN echo a", "run    echo a  "),
  edited("a line is broken", "RUN echo a && echo b", "RUN echo a && \\\n echo b"),
  edited("a command", `RUN echo 1 > /1\n${copies}`, `RUN echo 2 > /1\n${copies}`),
  edited("the exec form of a command", "RUN echo a", 'RUN ["/bin/sh", "-c", "echo a"]'),
  edited("a label before a step", copies, `LABEL a=1\n${copies}`),
  edited("ENV before a step", copies, `ENV A=1\n${copies}`),
  edited("EXPOSE, CMD and VOLUME before a step", copies, `EXPOSE 1\nCMD x\nVOLUME /v\n${copies}`),
  edited("USER before steps", "COPY f /tmp/f\nRUN true", "USER mail\nCOPY f /tmp/f\nRUN true"),
  edited("WORKDIR before steps", "RUN true\nCOPY f .", "WORKDIR /tmp\nRUN true\nCOPY f ."),
  edited("SHELL before a step", "RUN echo shell", 'SHELL ["/bin/ash", "-c"]\nRUN echo shell'),
  edited("steps in another order", "RUN echo 1 > /1\nRUN echo 2 > /2", "RUN echo 2 > /2\nRUN echo 1 > /1"),
  edited(
    "a step is taken out",
    "RUN echo 1 > /1\nRUN echo 2 > /2\nRUN echo 3 > /3",
    "RUN echo 1 > /1\nRUN echo 3 > /3",
  ),
  edited("a heredoc's content", "COPY <<EOF /h\none\nEOF\nRUN cat /h", "COPY <<EOF /h\ntwo\nEOF\nRUN cat /h"),
  edited("a heredoc's word", "COPY <<EOF /h\none\nEOF", "COPY <<END /h\none\nEND"),
  edited("a command's heredoc", "RUN <<EOF\necho one\nEOF", "RUN <<EOF\necho two\nEOF"),
  edited("the owner of a copy", "COPY --chown=1 f /f", "COPY --chown=2 f /f"),
  edited("the mode of a copy", "COPY --chmod=600 f /f", "COPY --chmod=644 f /f"),
  edited("the destination of a copy", "COPY f /f", "COPY f /f2"),
  edited("the source of a copy, with equal content", "COPY f /to", "COPY same /to", {
    files: { ...files, same: "one\n" },
  }),
  edited("ADD in the place of COPY", "COPY f /f\nRUN cat /f", "ADD f /f\nRUN cat /f", {
    differs: {
      because: "a layer with the same content is the same to the steps after it",
      rewrites: [["RUN cat /f: ran", "RUN cat /f: CACHED"]],
    },
  }),
  edited("a mount is added", "RUN cat /etc/group", "RUN --mount=type=tmpfs,target=/t cat /etc/group"),
  edited("a step's network", "RUN true", "RUN --network=none true"),
  changing("an ARG's value, used", "ARG A=1\nRUN echo $A > /a\nCOPY f /f", { args: ["--build-arg", "A=2"] }),
  changing("an ARG's value, declared and not used", "ARG A=1\nRUN echo fixed > /a\nCOPY f /f", {
    args: ["--build-arg", "A=2"],
  }),
  changing("an ARG's value, declared later", "RUN echo before\nARG A=1\nRUN echo $A", { args: ["--build-arg", "A=2"] }),
  changing("an ARG's value, in COPY alone", "ARG A=f\nCOPY $A /to\nRUN cat /to", { args: ["--build-arg", "A=g"] }),
  changing("an ARG that isn't declared", "RUN echo fixed", { args: ["--build-arg", "HTTP_PROXY=http://127.0.0.1:1"] }),
  changing("an ARG's value, given as its default is", "ARG A=1\nRUN echo $A", { args: ["--build-arg", "A=1"] }),
  changing("an ENV out of an ARG", "ARG A=1\nENV B=$A\nRUN echo $B", { args: ["--build-arg", "A=2"] }),
  changing(
    "a secret's content",
    "RUN --mount=type=secret,id=s cat /run/secrets/s > /dev/null",
    { files: { "../s": "2" }, args: ["--secret", "id=s,src=../s"] },
    {
      files: { "../s": "1" },
      args: ["--secret", "id=s,src=../s"],
    },
  ),
  changing("a bind mount's content", "RUN --mount=target=/m cat /m/f", { files: { f: "second\n" } }),
  changing("a bind mount of one file", "RUN --mount=source=f,target=/m cat /m", { files: { f: "second\n" } }),
  changing("--no-cache", copies, { args: ["--no-cache"] }),
  changing("--label", copies, { args: ["--label", "a=b"] }),
  changing("--add-host", "RUN cat /etc/hosts", { args: ["--add-host", "a:1.2.3.4"] }),
  changing("--network", "RUN ls /sys/class/net", { args: ["--network", "none"] }),
  changing("--shm-size and --ulimit", "RUN ulimit -n", { args: ["--shm-size", "32m", "--ulimit", "nofile=99"] }),
  {
    name: "the cache, a stage that changes and gives the same file",
    Dockerfile: twoStages("same file", "echo n > /n"),
    later: [{ Dockerfile: twoStages("same file", "echo n > /n; echo m > /m") }],
  },
  {
    name: "the cache, a stage that changes and gives another file",
    Dockerfile: twoStages("other file", "echo n > /n"),
    later: [{ Dockerfile: twoStages("other file", "echo m > /n") }],
  },
  {
    name: "the cache, a stage by another name",
    Dockerfile: twoStages("renamed", "echo n > /n"),
    later: [
      { Dockerfile: twoStages("renamed", "echo n > /n").replace("AS a", "AS b").replace("--from=a", "--from=b") },
    ],
  },
  {
    name: "the cache, --no-cache-filter",
    Dockerfile: twoStages("filtered", "echo n > /n"),
    later: [{ args: ["--no-cache-filter", "a"] }],
  },
  {
    name: "the cache, --target first and the whole then",
    Dockerfile: twoStages("target", "echo n > /n"),
    args: ["--target", "a"],
    later: [{ args: [] }],
  },
  {
    name: "the cache, --link after a change below",
    Dockerfile: own("link", "RUN echo 1 > /1\nCOPY --link f /to/f"),
    files,
    later: [{ Dockerfile: own("link", "RUN echo 2 > /1\nCOPY --link f /to/f") }],
  },
  {
    name: "the cache, a base that was built again",
    Dockerfile: own("rebuilt base", "COPY f /f"),
    files,
    image: "base",
    later: [
      { Dockerfile: "FROM base\nRUN echo child\nCOPY g /g\n", steps: false },
      { Dockerfile: own("rebuilt base", "COPY f /f"), image: "base", args: ["--no-cache"], steps: false },
      { Dockerfile: own("rebuilt base", "COPY g /f"), image: "base" },
      { Dockerfile: "FROM base\nRUN echo child\nCOPY g /g\n" },
    ],
  },
  {
    name: "the cache, equal steps of two stages run once",
    Dockerfile:
      "FROM busybox AS a\nRUN : equal\nRUN echo x > /x\nFROM busybox AS b\nRUN : equal\nRUN echo x > /x\nFROM scratch\nCOPY --from=a /x /a\nCOPY --from=b /x /b\n",
    later: [{ steps: false }],
  },
  {
    name: "the cache, after a failure",
    Dockerfile: own("failure", "RUN echo good\nRUN false"),
    fails: true,
    later: [{ Dockerfile: own("failure", "RUN echo good\nRUN true") }],
  },
];
