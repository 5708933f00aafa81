import type { BuildCase } from "./case.ts";
import type { FileSpec } from "./context.ts";

const files: Readonly<Record<string, FileSpec>> = {
  "a.txt": "a\n",
  "b.md": "b\n",
  "README.md": "r\n",
  "d/a.txt": "da\n",
  "d/b.md": "db\n",
  "d/e/a.txt": "dea\n",
  "d/e/f/c.log": "log\n",
  ".git/config": "g\n",
  "empty/x.tmp": "t\n",
  "l.txt": { to: "a.txt" },
};

const ignoring = (name: string, ignore: string, more: Partial<BuildCase> = {}): BuildCase => ({
  name: `.dockerignore, ${name}`,
  Dockerfile: "FROM busybox\nCOPY . /c/\n",
  files: { ...files, ".dockerignore": ignore },
  ...more,
});

/** What a build gets to see: ignored files, named contexts, Dockerfiles of other names. */
export const contextCases: readonly BuildCase[] = [
  ignoring("names", "a.txt\nd/e\n.git\n"),
  ignoring("patterns match from the root alone", "*.md\n"),
  ignoring("** matches below", "**/*.txt\n**/e/**\n"),
  ignoring("exceptions", "*.md\n!README.md\nd/**\n!d/e/a.txt\n"),
  ignoring("an exception that is undone", "**\n!d\nd/*.md\n"),
  ignoring("all, but for one below", "*\n!d/e/f\n"),
  ignoring("slashes and dots around", "/a.txt\n./b.md\nd/./e/\n  .git  \n"),
  ignoring("comments, blank lines, a BOM", "\uFEFF# README.md\n\na.txt\n #b.md\n"),
  ignoring("? and sets", "?.txt\nd/[!b]*\n"),
  ignoring("a pattern above the context", "../a.txt\nd/../b.md\n"),
  ignoring("a directory whose files are all ignored", "empty/*\n"),
  ignoring("the Dockerfile itself", "Dockerfile\n.dockerignore\n"),
  ignoring("a file that COPY names", "a.txt\n", {
    Dockerfile: "FROM busybox\nCOPY a.txt /\n",
    fails: /"\/a.txt": not found/,
  }),
  ignoring("a bad pattern", "[\n", { fails: /syntax error in pattern/ }),
  {
    name: "Dockerfile.dockerignore comes first",
    files: {
      ...files,
      "sub/Other": "FROM busybox\nCOPY . /c/\n",
      "sub/Other.dockerignore": "d\n",
      ".dockerignore": "a.txt\n",
    },
    args: ["-f", "sub/Other"],
  },
  {
    name: "a Dockerfile beside the context",
    files: { ...files, "../Dockerfile": "FROM busybox\nCOPY . /c/\n", "../Dockerfile.dockerignore": "d\n" },
    args: ["-f", "../Dockerfile"],
  },
  {
    name: "a named context is a directory",
    Dockerfile: "FROM busybox\nCOPY --from=other . /o/\nRUN --mount=from=other,target=/m cat /m/f > /a\n",
    files: { "../other/f": "f\n", "../other/g": "g\n", "../other/.dockerignore": "g\n" },
    args: ["--build-context", "other=../other"],
  },
  {
    name: "a named context is an image",
    Dockerfile: "FROM nosuch\nCOPY --from=img /etc/group /g\n",
    args: ["--build-context", "nosuch=docker-image://busybox", "--build-context", "img=docker-image://busybox:latest"],
  },
  {
    name: "a named context takes the place of a stage",
    Dockerfile: "FROM busybox AS a\nRUN echo stage > /f\nFROM busybox\nCOPY --from=a /f /f\n",
    files: { "../other/f": "context\n" },
    args: ["--build-context", "a=../other"],
  },
  {
    name: "--target of a stage in the middle",
    Dockerfile: "FROM busybox AS a\nRUN echo a > /f\nFROM a AS b\nRUN echo b > /f\nFROM nosuch AS c\nRUN false\n",
    args: ["--target", "B"],
    steps: true,
  },
  {
    name: "stages that aren't needed aren't run",
    Dockerfile:
      "FROM busybox AS unneeded\nRUN false\nFROM busybox AS a\nRUN echo unneeded > /f\nFROM scratch\nCOPY --from=a /f /\n",
    steps: true,
  },
  {
    name: "-o writes files",
    Dockerfile:
      "FROM busybox AS a\nRUN mkdir -p /o/d && echo x > /o/d/x && ln -s d/x /o/l && ln /o/d/x /o/h && chmod 4750 /o/d/x && chown 5:6 /o/d\nFROM scratch\nCOPY --from=a /o /\n",
    args: ["-o", "out"],
    out: true,
  },
  {
    name: "the hostname and hosts of steps",
    Dockerfile: "FROM busybox\nRUN hostname > /h; grep near /etc/hosts > /hosts\n",
    args: ["--add-host", "near:10.0.0.5"],
  },
  {
    name: "BUILDKIT_SANDBOX_HOSTNAME",
    Dockerfile: "FROM busybox\nRUN hostname > /h\n",
    args: ["--build-arg", "BUILDKIT_SANDBOX_HOSTNAME=mine"],
  },
];
