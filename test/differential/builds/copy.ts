import type { BuildCase } from "./case.ts";
import type { FileSpec } from "./context.ts";

/** A tree with what copies trip over: links, modes, owners, names, empty directories. */
const tree: Readonly<Record<string, FileSpec>> = {
  file: "file\n",
  "run.sh": { text: "run\n", mode: 0o755 },
  "a b": "a b\n",
  "x[1]": "brackets\n",
  ".hidden": "hidden\n",
  dir: { directory: true, mode: 0o750 },
  "dir/inner": "inner\n",
  "dir/deep/er/file": "deeper\n",
  "dir/deep/note.md": "note\n",
  "dir/link": { to: "inner" },
  "dir/up": { to: "../file" },
  "dir/dangling": { to: "nowhere" },
  "dir/hard": { hard: "dir/inner" },
  "dir/empty": { directory: true, mode: 0o2775 },
  todir: { to: "dir" },
  owned: { text: "owned\n", owner: 77, mode: 0o600 },
  sticky: { directory: true, mode: 0o1777 },
  setuid: { text: "s\n", mode: 0o4755 },
};

const onTheWay = "Docker 28.5 gives the mode also to the directories made on the way: nobody could enter them";

const one = (name: string, lines: string, more: Partial<BuildCase> = {}): BuildCase => ({
  name: `COPY, ${name}`,
  Dockerfile: `FROM busybox\n${lines}\n`,
  files: tree,
  ...more,
});

/** What COPY makes of sources and destinations. */
export const copyCases: readonly BuildCase[] = [
  one("the whole context", "COPY . /all/"),
  one("a directory's content to a new directory", "COPY dir /new"),
  one("two directories' contents together", "COPY dir sticky /to/"),
  one("a directory with a slash at its end", "COPY dir/ /to"),
  one("a directory and a dot at its end", "COPY dir/. /to/"),
  one("a file to a directory, which the slash makes", "COPY file /new/"),
  one("a file to a name below new directories", "COPY run.sh /a/b/c"),
  one("a file to a relative name", "WORKDIR /w\nCOPY file sub/name"),
  one("a file to the working directory", "WORKDIR /w\nCOPY file ."),
  one("a file to ./", "WORKDIR /w/x\nCOPY file ./"),
  one("a destination with .. in it", "WORKDIR /w/x\nCOPY file ../../to/../to2/"),
  one("a destination above the root", "COPY file ../../../up"),
  one("a source with .. in it stays inside", "COPY dir/../file ../../file /to/"),
  one("an absolute source is the context's", "COPY /dir/inner /to/"),
  one("several files", "COPY file run.sh dir/inner /to/"),
  one("the exec form, with spaces", 'COPY ["a b", "file", "/to there/"]'),
  one("a pattern *", "COPY * /to/", { beside: "forky" }),
  one("a pattern of one letter", "COPY f?le /to/"),
  one("a pattern of a set", "COPY [fr]* /to/"),
  one("a pattern in the middle", "COPY d*/inn* /to/"),
  one("a bracket that is escaped", "COPY x[[]1] /to/"),
  one("a pattern that matches nothing beside a file", "COPY file nosuch* /to/"),
  one("a pattern with a directory, whose content goes flat", "COPY d* /to/", { beside: "forky" }),
  one("hidden files by a pattern", "COPY .h* /to/"),
  one("a link as source is followed", "COPY dir/link /to/"),
  one("a link to a directory as source", "COPY todir /to/"),
  one("a path through a link", "COPY todir/inner /to/"),
  one("a link that leads up", "COPY dir/up /to/"),
  one("a pattern that matches a link", "COPY dir/li* /to/"),
  one("into a link to a directory", "RUN mkdir /real && ln -s /real /ln\nCOPY file /ln/"),
  one("a directory over a link to one", "RUN mkdir /real && ln -s real /ln\nCOPY dir /ln"),
  one("a file over a link to a file", "RUN echo old > /real && ln -s /real /ln\nCOPY file /ln"),
  one("a file over a dangling link", "RUN ln -s /missing/x /ln\nCOPY file /ln"),
  one("below a relative link", "RUN mkdir -p /a/b && ln -s ../a/b /a/l\nCOPY file /a/l/new/name"),
  one(
    "a directory over what is there",
    "RUN mkdir -m 700 -p /to/deep && echo x > /to/keep && echo x > /to/inner\nCOPY dir /to",
  ),
  one("a file into a directory of its name", "RUN mkdir -p /to/file\nCOPY file /to/", {
    fails: /file/,
  }),
  one("setuid and sticky stay", "COPY setuid /\nCOPY sticky /sticky/\nCOPY dir/empty /e/"),
  one("an owner by name and group", "COPY --chown=mail:www-data dir /to/"),
  one("an owner by number alone", "COPY --chown=1234 file /to/"),
  one("an owner out of a variable", "ARG who=mail\nCOPY --chown=$who file /to/"),
  one("an owner without a user", "COPY --chown=:5 file /to/"),
  one("an owner that isn't there", "COPY --chown=nosuch file /to/"),
  one("a mode", "COPY --chmod=0750 dir /to/", {
    differs: { because: onTheWay, rewrites: [['"/to dir 750', '"/to dir 755']] },
  }),
  one("a mode with setuid", "COPY --chmod=4711 file /to/", {
    differs: { because: onTheWay, rewrites: [['"/to dir 711', '"/to dir 755']] },
  }),
  one("a symbolic mode", "COPY --chmod=u=rwX,go=rX dir /to/"),
  one("a symbolic mode that adds", "COPY --chmod=a+x,g-r dir /to/"),
  one("a mode out of a variable", "ARG m=600\nCOPY --chmod=$m file /to/", {
    differs: { because: onTheWay, rewrites: [['"/to dir 600', '"/to dir 755']] },
  }),
  one("a mode that isn't one", "COPY --chmod=xyz file /to/", { fails: /chmod|mode/i }),
  one("--link", "COPY --link dir /to/\nCOPY --link file /to/"),
  one("--link over a link in the base", "RUN mkdir /real && ln -s /real /ln\nCOPY --link file /ln/"),
  one("--link with an owner and a mode", "COPY --link --chown=5:6 --chmod=640 file /a/b/c", {
    differs: { because: onTheWay, rewrites: [["dir 640 5:6", "dir 755 5:6"]] },
  }),
  one("--link over a directory of another mode", "RUN mkdir -m 700 /to\nCOPY --link file /to/"),
  one("--exclude", "COPY --exclude=*.md --exclude=deep/er dir /to/", { beside: "forky" }),
  one("--exclude with **", "COPY --exclude=**/*.md --exclude=**/inner . /to/", { beside: "forky" }),
  one("--exclude with an exception", "COPY --exclude=dir/** --exclude=!dir/inner . /to/", { beside: "forky" }),
  one("--exclude of a file that is named", "COPY --exclude=file file run.sh /to/", { beside: "forky" }),
  one("--from a stage, links as they are", "RUN true", {
    Dockerfile:
      "FROM busybox AS a\nRUN mkdir -p /d/e && echo x > /d/f && ln -s f /d/l && ln -s /etc/passwd /d/abs && ln /d/f /d/h && mkfifo /d/p && chown 3:4 /d/e\nFROM busybox\nCOPY --from=a /d /to\n",
  }),
  one("--from a stage through a link", "RUN true", {
    Dockerfile:
      "FROM busybox AS a\nRUN mkdir -p /real/x && echo x > /real/x/f && ln -s real /l && ln -s /real/x/f /one\nFROM scratch\nCOPY --from=a /l/x /to/\nCOPY --from=a /one /named\n",
  }),
  one("--from a stage by its number and by a variable's", "RUN true", {
    beside: "forky",
    Dockerfile:
      "ARG from=0\nFROM busybox\nRUN echo 0 > /n\nFROM scratch\nCOPY --from=0 /n /to/\nCOPY --from=busybox /etc/group /to/\n",
  }),
  one("--from an image", "COPY --from=busybox /etc/passwd /etc/group /to/"),
  one("--from a name with capitals", "RUN true", {
    Dockerfile: "FROM busybox AS Base\nRUN echo 1 > /n\nFROM scratch\nCOPY --from=bAsE /n /to/\n",
  }),
  one("a pattern --from a stage", "RUN true", {
    Dockerfile: "FROM busybox AS a\nRUN mkdir /d && touch /d/a1 /d/a2 /d/b\nFROM scratch\nCOPY --from=a /d/a* /to/\n",
  }),
  one("owners --from a stage stay", "RUN true", {
    Dockerfile:
      "FROM busybox AS a\nRUN mkdir /d && touch /d/x && chown 8:9 /d/x && chmod 2755 /d\nFROM busybox\nCOPY --from=a /d /to/\nCOPY --from=a --chown=1:2 /d /other/\n",
  }),
  one("to a working directory of a user", "USER mail\nWORKDIR /home/m\nCOPY file .\nRUN id -u > /tmp/u"),
  one("heredocs", "COPY <<one <<two /to/\n1\none\n2 $HOME\ntwo"),
  one("a heredoc with variables", "ENV A=x\nCOPY <<EOF /f\n$A ${A}y \\$A ${B:-z}\nEOF"),
  one("a heredoc in quotes", "ENV A=x\nCOPY <<'EOF' /f\n$A ${A}\nEOF"),
  one("a heredoc whose tabs go", "COPY <<-EOF /to/\n\t\tone\n\t two\n\tEOF"),
  one("a heredoc beside a file", "COPY file <<EOF /to/\nx\nEOF"),
  one("a heredoc with an owner and a mode", "COPY --chown=3:4 --chmod=751 <<EOF /to/name\nx\nEOF", {
    differs: { because: onTheWay, rewrites: [['"/to dir 751', '"/to dir 755']] },
  }),
  one("an empty heredoc", "COPY <<EOF /f\nEOF"),
  one("a fifo of the context", "COPY pipe* file /to/", { files: { ...tree, pipe: { fifo: true } } }),
  one("extended attributes of the context", "COPY noted /to/", { files: { noted: { text: "x", xattr: "user.note" } } }),
  one("names that aren't ASCII", "COPY ä*.txt /to/\nCOPY ユ /to/", { files: { "äö.txt": "x", ユ: "y" } }),
  one("a variable in source and destination", "ARG d=dir\nENV to=/to\nCOPY ${d}/inner $to/${d}-x/"),
  one("from scratch", "RUN true", { Dockerfile: "FROM scratch\nCOPY file /\nCOPY dir /d\n" }),
  one("nothing changes but the time", "COPY file /a\nCOPY file /a"),
];
