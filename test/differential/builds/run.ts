import type { BuildCase } from "./case.ts";

const one = (name: string, lines: string, more: Partial<BuildCase> = {}): BuildCase => ({
  name: `RUN, ${name}`,
  Dockerfile: `FROM busybox\n${lines}\n`,
  ...more,
});

/** What RUN does, with its mounts and flags. */
export const runCases: readonly BuildCase[] = [
  one("a heredoc", "RUN <<EOF\necho a > /a\necho b > /b\nEOF"),
  one("a heredoc with variables is the shell's", 'ENV A=x\nRUN <<EOF\nB=y\necho "$A $B" > /a\nEOF'),
  one("a heredoc in quotes", "RUN <<'EOF'\necho '$HOME' > /a\nEOF"),
  one("a heredoc whose tabs go", "RUN <<-EOF\n\techo a > /a\n\tEOF"),
  one("a heredoc with a shebang", "RUN <<EOF\n#!/bin/busybox sh\necho $0 | grep -c / > /a\nEOF"),
  one("a heredoc as a command's input", "RUN cat <<EOF > /a\n$HOME x\nEOF"),
  one("two heredocs", "RUN cat <<A /dev/fd/3 3<<B > /a\na\nA\nb\nB"),
  one("a heredoc for a program", "RUN sh -e <<EOF\necho a > /a\nEOF"),
  one("the exec form", 'RUN ["sh", "-c", "echo $0 > /a", "zero"]'),
  one("words that look like the exec form", "RUN [ -e /etc/passwd ] && echo y > /a"),
  one("an escaped line end with spaces after it", "RUN echo a \\  \n b > /a"),
  one("a comment and an empty line inside", "RUN echo a \\\n# comment\n\n && echo b > /b"),
  one("SHELL", 'SHELL ["/bin/sh", "-xc"]\nRUN echo a > /a\nSHELL ["/bin/busybox", "ash", "-c"]\nRUN echo $0 > /b'),
  one("the environment", "ENV B=2 A=1\nARG C=3\nRUN env | grep -vE '^(HOSTNAME|SHLVL)=' > /env"),
  one(
    "the environment of a user",
    "USER mail\nRUN env | grep -E '^(HOME|USER|PATH)=' > /tmp/env; id > /tmp/id; umask > /tmp/umask",
  ),
  one("an empty environment variable", "ENV A=\nARG B=\nRUN env | grep -E '^[AB]=' > /env"),
  one("the working directory is made", "WORKDIR /a/b\nRUN pwd > p"),
  one("capabilities and limits of the process", "RUN grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status > /caps"),
  one("devices", "RUN ls /dev | grep -v core | sort > /devs; ls -l /dev/null | cut -c1-10 > /null"),
  one("standard streams", "RUN test -t 0 || echo no > /tty; wc -c > /in"),
  one(
    "files by all kinds",
    "RUN echo x > /f && ln /f /g && ln -s f /s && mkfifo /p && mknod /c c 1 3 && mknod /b b 7 0",
  ),
  one(
    "a directory that becomes a file",
    "RUN mkdir /d && touch /d/x\nRUN rm -r /d && echo f > /d\nRUN rm /d && mkdir /d",
  ),
  one("a directory that is replaced", "RUN mkdir /d && touch /d/a\nRUN rm -r /d && mkdir /d && touch /d/b"),
  one("a file that is moved", "RUN mkdir /d && echo x > /d/a\nRUN mv /d /e"),
  one("only a mode", "RUN chmod 700 /root /tmp"),
  one("only an owner", "RUN chown 5:6 /etc/passwd"),
  one("only a time", "RUN touch -d '2001-02-03 04:05:06' /etc/passwd"),
  one("a file that is opened and not changed", "RUN cat < /etc/passwd >> /dev/null; : >> /etc/group"),
  one("a program that isn't there, exec form", 'RUN ["/nosuch"]', { fails: /nosuch/ }),
  one("a failure", "RUN echo said; exit 7", { fails: true, steps: true }),
  one("a failure in a heredoc that isn't the last command", "RUN <<EOF\nfalse\necho x > /a\nEOF"),
  one("a failure in an exec form", 'RUN ["false"]', { fails: true }),
  one("--mount=type=bind", "RUN --mount=type=bind,target=/m cat /m/f > /a && ls /m | sort > /l", {
    files: { f: "f\n" },
  }),
  one("--mount without a type", "RUN --mount=target=/m,source=sub cat /m/f > /a", { files: { "sub/f": "f\n" } }),
  one("--mount=type=bind, from a stage", "RUN true", {
    Dockerfile:
      "FROM busybox AS a\nRUN mkdir /d && echo x > /d/f\nFROM busybox\nRUN --mount=type=bind,from=a,source=/d,target=/m cat /m/f > /a\n",
  }),
  one("--mount=type=bind, a file", "RUN --mount=type=bind,source=f,target=/in/f cat /in/f > /a", {
    files: { f: "f\n" },
  }),
  one("--mount=type=bind can't be written", "RUN --mount=type=bind,target=/m touch /m/x 2> /err; echo $? > /code", {
    files: { f: "f\n" },
  }),
  one(
    "--mount=type=bind,rw forgets what is written",
    "RUN --mount=type=bind,target=/m,rw echo x > /m/x && ls /m | grep -c x > /n",
    {
      files: { f: "f\n" },
    },
  ),
  one(
    "--mount=type=bind, relative to the working directory",
    "WORKDIR /w\nRUN --mount=type=bind,source=f,target=f cat f > a",
    {
      files: { f: "f\n" },
    },
  ),
  one(
    "--mount=type=cache keeps",
    "RUN --mount=type=cache,target=/c,id=DIFFID echo 1 > /c/f\nRUN --mount=type=cache,target=/c,id=DIFFID cat /c/f > /a; stat -c '%a %u' /c > /s",
  ),
  one(
    "--mount=type=cache, mode and owner",
    "RUN --mount=type=cache,target=/c,id=DIFFOWN,mode=0700,uid=5,gid=6 stat -c '%a %u:%g' /c > /s",
  ),
  one("--mount=type=cache out of a stage", "RUN true", {
    Dockerfile:
      "FROM busybox AS a\nRUN mkdir /d && echo x > /d/f\nFROM busybox\nRUN --mount=type=cache,target=/c,id=DIFFFROM,from=a,source=/d cat /c/f > /a\n",
  }),
  one("--mount=type=cache out of a stage: a directory is as it is there", "RUN true", {
    Dockerfile:
      "FROM busybox AS a\nRUN mkdir -m 750 /d && echo x > /d/f && chown 3:4 /d\nFROM busybox\nRUN --mount=type=cache,target=/c,id=DIFFPART,from=a,source=/d,mode=0700,uid=5 cat /c/f > /a; stat -c '%a %u:%g' /c > /s\n",
  }),
  one("--mount=type=cache with an owner out of a whole stage", "RUN true", {
    Dockerfile:
      "FROM busybox AS a\nRUN mkdir /d\nFROM busybox\nRUN --mount=type=cache,target=/c,id=DIFFWHOLE,from=a,uid=5,mode=0700 ls -a /c > /a; stat -c '%a %u:%g' /c > /s\n",
  }),
  one("--mount=type=cache with an owner out of a whole stage that has its directory", "RUN true", {
    Dockerfile:
      "FROM busybox AS a\nRUN mkdir -m 711 /cache && echo x > /cache/f\nFROM busybox\nRUN --mount=type=cache,target=/c,id=DIFFOWNDIR,from=a,gid=6 cat /c/f > /a; stat -c '%a %u:%g' /c > /s\n",
  }),
  one(
    "--mount=type=cache in a working directory",
    "WORKDIR /w\nRUN --mount=type=cache,target=c,id=DIFFREL touch c/x && ls > l",
  ),
  one(
    "--mount=type=tmpfs",
    "RUN --mount=type=tmpfs,target=/t,size=1m touch /t/x && mount | grep ' /t ' | grep -o 'tmpfs' | head -1 > /a",
  ),
  one(
    "--mount=type=tmpfs over what is there",
    "RUN mkdir /t && touch /t/kept\nRUN --mount=type=tmpfs,target=/t ls /t > /a",
  ),
  one(
    "--mount=type=secret",
    "RUN --mount=type=secret,id=s cat /run/secrets/s > /a; stat -c '%a %u:%g' /run/secrets/s > /m",
    {
      files: { "../secret": "hidden\n" },
      args: ["--secret", "id=s,src=../secret"],
    },
  ),
  one(
    "--mount=type=secret, all of its options",
    "RUN --mount=type=secret,id=s,target=/x/y,mode=0444,uid=5,gid=6 stat -c '%a %u:%g' /x/y > /m; cat /x/y > /a",
    {
      files: { "../secret": "hidden\n" },
      args: ["--secret", "id=s,src=../secret"],
    },
  ),
  one(
    "--mount=type=secret, a target in the working directory",
    "WORKDIR /w\nRUN touch s\nRUN --mount=type=secret,id=s,target=s cat /w/s > /a",
    { files: { "../secret": "hidden\n" }, args: ["--secret", "id=s,src=../secret"] },
  ),
  one("--mount=type=secret, as a variable", "RUN --mount=type=secret,id=s,env=T echo ${#T} > /a", {
    beside: "forky",
    env: { SECRET: "hidden" },
    args: ["--secret", "id=s,env=SECRET"],
  }),
  one("--mount=type=secret that isn't given", "RUN --mount=type=secret,id=gone ls /run/secrets > /a 2>&1 || true"),
  one("--mount=type=secret that isn't given and is required", "RUN --mount=type=secret,id=gone,required true", {
    fails: /secret gone.* not found/,
  }),
  one("--mount=type=ssh that isn't given", "RUN --mount=type=ssh echo ${SSH_AUTH_SOCK:-none} > /a"),
  one("--mount=type=ssh, its target", "WORKDIR /w\nRUN --mount=type=ssh,target=/s echo $SSH_AUTH_SOCK > /a"),
  one("--mount of a type that isn't one", "RUN --mount=type=nosuch,target=/x true", {
    fails: /unsupported mount type/,
  }),
  one("--mount with a variable", "ARG at=/m\nRUN --mount=type=bind,target=${at} cat /m/f > /a", {
    files: { f: "f\n" },
  }),
  one("mount points that weren't there", "RUN --mount=type=tmpfs,target=/new/deep/t true\nRUN ls / > /l"),
  one("--network=none", "RUN --network=none ls /sys/class/net > /net"),
  one("--security=insecure without leave", "RUN --security=insecure true", { fails: /security.insecure/ }),
  one("a step after a step of another user", "USER 5:6\nRUN touch /tmp/x\nUSER root\nRUN touch /tmp/y"),
  one(
    "/etc/hosts and /etc/resolv.conf leave no trace",
    "RUN echo 1.2.3.4 x >> /etc/hosts; wc -c < /etc/resolv.conf | grep -c . > /a",
  ),
];
