import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { Berth } from "../support/berth.ts";
import { besideDocker } from "../support/beside-docker.ts";
import { buildContext } from "../support/build-context.ts";
import { asToday } from "../support/docker-age.ts";
import { type SavedImage, savedImage } from "../support/saved-image.ts";

/** One case for each directive, and the ways in which it is written. */
const cases: Readonly<Record<string, string>> = {
  FROM: "FROM busybox\n",
  "FROM, several stages": "FROM busybox AS a\nRUN echo x > /x\nFROM busybox\nCOPY --from=a /x /y\n",
  "FROM, a stage": "FROM busybox AS a\nENV A=1\nRUN echo x > /x\nFROM a\nRUN cat /x > /y\n",
  "FROM, a stage by its number":
    "FROM busybox\nRUN mkdir -p /d/e && ln -s e /d/l\nFROM busybox\nCOPY --from=0 /d /to\n",
  "RUN, shell form": "FROM busybox\nRUN echo $PATH > /path && mkdir /d && chmod 1777 /d\n",
  "RUN, exec form": 'FROM busybox\nRUN ["touch", "/a b"]\n',
  "RUN, continued": "FROM busybox\nRUN echo a \\\n  # a comment\n  && echo b > /b\n",
  "RUN, nothing changes": "FROM busybox\nRUN true\n",
  "RUN, links and devices": "FROM busybox\nRUN echo x > /a && ln /a /b && ln -s a /c && mkfifo /d && mknod /e c 1 3\n",
  "RUN, an old file with another name": "FROM busybox\nRUN ln /etc/passwd /etc/other\n",
  "RUN, setuid and owner": "FROM busybox\nRUN echo x > /x && chown 5:6 /x && chmod 4755 /x && mkdir -m 2775 /d\n",
  "RUN, deleted files": "FROM busybox\nRUN rm /etc/group && rm -r /var/spool\n",
  "RUN, deleted and made again":
    "FROM busybox\nRUN rm -r /var/spool && mkdir /var/spool && rm /etc/group && mkdir /etc/group\n",
  "RUN, made and deleted in the next": "FROM busybox\nRUN mkdir /d && touch /d/a /d/b\nRUN rm /d/a\nRUN rm -r /d\n",
  "RUN, changed mode only": "FROM busybox\nRUN chmod 600 /etc/passwd && chmod 700 /var/spool\n",
  "RUN, its user": "FROM busybox\nRUN id > /id\n",
  "COPY, a file": "FROM busybox\nCOPY file /\n",
  "COPY, a file to a name": "FROM busybox\nCOPY file /new/place/name\n",
  "COPY, a pattern": "FROM busybox\nCOPY f* /to/\n",
  "COPY, all": "FROM busybox\nCOPY . /all\n",
  "COPY, a directory's content": "FROM busybox\nCOPY dir /to\n",
  "COPY, exec form": 'FROM busybox\nCOPY ["a b", "dir/inner", "/to/"]\n',
  "COPY, over a file": "FROM busybox\nCOPY file /etc/passwd\n",
  "COPY, below a symbolic link": "FROM busybox\nRUN ln -s var /link\nCOPY file /link/\n",
  "COPY, capabilities, which a context has not": "FROM busybox\nCOPY capable /to/\n",
  "COPY, capabilities of a stage":
    "FROM busybox AS a\nADD archive.tar.gz /\nFROM busybox\nCOPY --from=a /capable /kept/\nRUN mv /kept/capable /moved\n",
  "COPY, --chown and --chmod": "FROM busybox\nCOPY --chown=1:2 --chmod=640 file /owned\n",
  "ADD, a file": "FROM busybox\nADD file /added\n",
  "ADD, an archive": "FROM busybox\nADD archive.tar.gz /in\nRUN chmod 700 /in/capable\n",
  WORKDIR: "FROM busybox\nWORKDIR /a\nWORKDIR b\nRUN pwd > here\n",
  "WORKDIR, of a user": "FROM busybox\nUSER mail\nWORKDIR /w/x\nCOPY file .\n",
  "CMD, shell form": "FROM busybox\nCMD echo $HOME\n",
  "CMD, exec form": 'FROM busybox\nCMD ["echo", "a b"]\n',
  "CMD, the last": 'FROM busybox\nCMD ["a"]\nCMD ["b"]\n',
  "ENTRYPOINT, shell form": "FROM busybox\nENTRYPOINT echo a\n",
  "ENTRYPOINT, exec form; it clears the base's CMD": 'FROM busybox\nENTRYPOINT ["echo"]\n',
  "ENTRYPOINT and CMD": 'FROM busybox\nCMD ["b"]\nENTRYPOINT ["echo", "a"]\n',
  ENV: 'FROM busybox\nENV A=b C="d e" F=$HOME\nENV G h i\nRUN echo $A$C > /env\n',
  ARG: "FROM busybox\nARG A=1\nARG B\nRUN echo $A-$B > /arg\n",
  "ARG before FROM": "ARG base=busybox\nFROM $base\nARG base\nRUN echo $base > /base\n",
  EXPOSE: "FROM busybox\nEXPOSE 80 53/udp 100-102\n",
  VOLUME: 'FROM busybox\nVOLUME /a /b\nVOLUME ["/c d"]\n',
  USER: "FROM busybox\nUSER mail\nRUN id > /tmp/id\n",
  "USER, a number with a group": "FROM busybox\nUSER 1234:5678\nRUN touch /tmp/mine\n",
  LABEL: 'FROM busybox\nLABEL a=b "c d"="e f" g=\'$h\'\n',
  SHELL: 'FROM busybox\nSHELL ["/bin/sh", "-ec"]\nRUN echo x > /x\nCMD y\n',
  STOPSIGNAL: "FROM busybox\nSTOPSIGNAL SIGUSR1\n",
  HEALTHCHECK: "FROM busybox\nHEALTHCHECK --interval=5s --retries=2 CMD true\n",
  ONBUILD: "FROM busybox\nONBUILD RUN echo x > /x\n",
  MAINTAINER: "FROM busybox\nMAINTAINER someone\n",
};

/** Each option of the course's table, and the others that Docker 20.10 knows too. */
const two = "FROM busybox AS one\nRUN echo 1 > /n\nFROM busybox AS two\nRUN echo 2 > /n\n";
const options: Readonly<Record<string, { readonly args: readonly string[]; readonly Dockerfile?: string }>> = {
  "-f": { args: ["-f", "Other"], Dockerfile: "FROM nosuch\n" },
  "-t, twice": { args: ["-t", "second:tag"] },
  "--build-arg": {
    args: ["--build-arg", "X=2", "--build-arg", "Y"],
    Dockerfile: "FROM busybox\nARG X=1\nARG Y\nRUN echo $X$Y > /a\n",
  },
  "--build-arg before FROM": {
    args: ["--build-arg", "base=busybox"],
    Dockerfile: "ARG base=nosuch\nFROM $base\nRUN true\n",
  },
  "--target": { args: ["--target", "one"], Dockerfile: two },
  "--no-cache": { args: ["--no-cache"] },
  "--label": { args: ["--label", "a=b", "--label", "c"] },
  "--compress": { args: ["--compress"] },
  "--cpu-shares": { args: ["--cpu-shares", "512"] },
  "-c": { args: ["-c", "512"] },
  "--cpuset-cpus": { args: ["--cpuset-cpus", "0"] },
  "--cpuset-mems": { args: ["--cpuset-mems", "0"] },
  "--disable-content-trust": { args: ["--disable-content-trust"] },
  "--rm and --force-rm": { args: ["--rm", "--force-rm"] },
  "--memory": { args: ["-m", "64m", "--memory-swap", "128m"] },
  "--network": { args: ["--network", "none"], Dockerfile: "FROM busybox\nRUN ls /sys/class/net > /net\n" },
};

const fields = [
  ...(["Env", "Cmd", "Entrypoint", "WorkingDir", "User", "ExposedPorts", "Volumes", "Labels"] as const),
  ...(["Shell", "StopSignal", "OnBuild", "Healthcheck"] as const),
];

/** An image as it is compared. Newer Docker's and older ones' words for what isn't set are one. */
function comparableImage({ config: { config, history = [], author }, layers }: SavedImage): object {
  return {
    config: Object.fromEntries(fields.map((field) => [field, emptyAsNull(config?.[field])])),
    history: history
      .slice(1)
      .map(({ created_by, comment, empty_layer = false }) => ({ created_by, comment, empty_layer })),
    author: emptyAsNull(author),
    layers,
  };
}

function emptyAsNull(value: unknown): unknown {
  const empty =
    value === undefined || value === "" || (typeof value === "object" && Object.keys(value ?? {}).length === 0);
  return empty ? null : value;
}

await besideDocker("an image is built as BuildKit builds it:", (twins) => {
  const since = Math.floor(Date.now() / 1000);

  async function compareImages(image: string): Promise<void> {
    const [berth, docker] = await Promise.all([imageOf(twins.berth, image), imageOf(twins.docker, image)]);
    expect(berth).toEqual(asToday(docker));
  }

  async function imageOf({ run }: Pick<Berth, "run">, image: string): Promise<object> {
    const archive = join(twins.berth.directory, `${randomUUID()}.tar`);
    expect(await run(["save", "-o", archive, image])).toMatchObject({ code: 0 });
    const saved = await savedImage(archive, since);
    await rm(archive);
    return comparableImage(saved);
  }

  // BuildKit changes the time of /etc in every RUN on a base that lacks these files, which it mounts something on.
  beforeAll(async () => {
    const etc = await twins.berth.files("base", {
      hosts: "",
      "resolv.conf": "",
      Dockerfile: "FROM busybox\nCOPY hosts resolv.conf /etc/\n",
    });
    await twins.ok(["build", "-t", "busybox", etc]);
  });

  test.each(Object.entries(cases))("%s", async (_, Dockerfile) => {
    const context = buildContext(twins.berth.directory, { Dockerfile });
    await twins.ok(["build", "-t", "built", context]);
    await compareImages("built");
  });

  test.each(Object.entries(options))("option %s", async (name, { args, Dockerfile = "FROM busybox\nRUN true\n" }) => {
    const context = buildContext(twins.berth.directory, { Dockerfile, Other: "FROM busybox\nENV OTHER=1\n" });
    await twins.ok(["build", "-t", "built", ...args, context], { cwd: context, env: { Y: "from the environment" } });
    await compareImages("built");
    if (name.startsWith("-t")) await compareImages("second:tag");
  });
});
