import type { BuildCase } from "./case.ts";
import type { FileSpec } from "./context.ts";

const packed: Readonly<Record<string, FileSpec>> = {
  d: { directory: true, mode: 0o711, owner: 5 },
  "d/x": { text: "x\n", owner: 6, mode: 0o640 },
  "d/l": { to: "x" },
  "d/h": { hard: "d/x" },
  top: "top\n",
};

const files: Readonly<Record<string, FileSpec>> = {
  "a.tar": { archive: packed },
  "a.tar.gz": { archive: packed },
  "a.tar.bz2": { archive: packed },
  "a.tar.xz": { archive: packed },
  "dir/b.tar": { archive: { inner: "inner\n" } },
  "not.tar": "this is text\n",
  file: "file\n",
};

const one = (name: string, lines: string, more: Partial<BuildCase> = {}): BuildCase => ({
  name: `ADD, ${name}`,
  Dockerfile: `FROM busybox\n${lines}\n`,
  files,
  ...more,
});

/** What ADD unpacks, and what it leaves packed. */
export const addCases: readonly BuildCase[] = [
  one("a file", "ADD file /to/"),
  one("an archive", "ADD a.tar /to"),
  one("an archive in each compression", "ADD a.tar.gz /gz/\nADD a.tar.bz2 /bz2/\nADD a.tar.xz /xz/"),
  one("two archives and a file", "ADD a.tar dir/b.tar file /to/"),
  one("archives by a pattern", "ADD a.tar.* /to/"),
  one("an archive of a directory stays one", "ADD dir /to/"),
  one("text that is named as an archive", "ADD not.tar /to/"),
  one("an archive over a file of its name's directory", "RUN mkdir -m 700 /to && echo old > /to/top\nADD a.tar /to/"),
  one("an archive through a link", "RUN mkdir /real && ln -s /real /to\nADD a.tar /to/"),
  one("an archive with an owner", "ADD --chown=1:2 a.tar /to/"),
  one("an archive with a mode", "ADD --chmod=700 a.tar /to/"),
  one("--unpack=false", "ADD --unpack=false a.tar /to/", { beside: "forky" }),
  one("--unpack=true of what is an archive", "ADD --unpack=true a.tar.gz /to/", { beside: "forky" }),
  one("--link", "ADD --link a.tar /to/\nADD --link file /to/"),
  one("--exclude", "ADD --exclude=b.tar dir file /to/", { beside: "forky" }),
  one("a heredoc", "ADD <<EOF /to/name\n$HOME\nEOF"),
  one(
    "a checksum of a file of the context",
    "ADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 file /to/",
    {
      fails: /checksum/i,
    },
  ),
  one("an archive in a working directory", "WORKDIR /w\nADD a.tar ."),
];
