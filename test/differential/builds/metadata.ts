import type { BuildCase } from "./case.ts";

const one = (name: string, lines: string, more: Partial<BuildCase> = {}): BuildCase => ({
  name,
  Dockerfile: `FROM busybox\n${lines}\n`,
  ...more,
});

const onbuild: BuildCase["later"] = [
  { Dockerfile: "FROM base\nRUN echo own > /own\n", image: "child", steps: false },
  { Dockerfile: "FROM child\nRUN ls / > /l\n", steps: false },
];

/** Instructions that change the image config. */
export const metadataCases: readonly BuildCase[] = [
  one("LABEL, its forms", 'LABEL a=b "c d"="e f" g=\'h $i\' j=\\"k k=\nLABEL l m n\nLABEL multi=one\\\ntwo'),
  one("LABEL, the last wins", "LABEL a=1 b=2\nLABEL a=3"),
  one("LABEL with quotes, = and an escape inside", 'LABEL a="b\\"c" d=e=f g.h/i-j="k\\nl"'),
  one("LABEL by the option", "LABEL a=1 b=2", { args: ["--label", "a=9", "--label", "c=", "--label", "d"] }),
  one("EXPOSE, its forms", "EXPOSE 80 443/tcp 53/UDP 8000-8002/tcp 9/sctp\nEXPOSE 80"),
  one("EXPOSE with a host's port", "EXPOSE 127.0.0.1:80:8080/tcp 1:2"),
  one("VOLUME, its forms", 'VOLUME /a /b/\nVOLUME ["/c d", "rel"]\nVOLUME /a'),
  one("VOLUME and what RUN writes there afterwards", "RUN mkdir /v && echo 1 > /v/a\nVOLUME /v\nRUN echo 2 > /v/b"),
  one(
    "USER, its forms",
    "USER mail:www-data\nRUN id > /tmp/1\nUSER 8\nRUN id > /tmp/2\nUSER 1234:mail\nRUN id > /tmp/3\nUSER 0\nRUN id > /tmp/4",
  ),
  one("USER, a group that isn't there", "USER mail:nosuch\nRUN true", { fails: /nosuch/ }),
  one("USER, that the image gets though it isn't there", "USER nosuch:nogroup"),
  one("WORKDIR, relative ones", "WORKDIR a\nWORKDIR b/../c\nWORKDIR ./d/\nRUN pwd > /p"),
  one("WORKDIR, absolute ones that aren't clean", "WORKDIR /a//b/../c/\nRUN pwd > /p"),
  one("WORKDIR, through a link", "RUN mkdir /real && ln -s /real /l\nWORKDIR /l/sub\nRUN pwd > /p; touch x"),
  one("WORKDIR, out of ENV", "ENV D=/x\nWORKDIR $D/y\nWORKDIR ${NOSUCH}z"),
  one("WORKDIR, that is there", "WORKDIR /etc\nWORKDIR /"),
  one("WORKDIR, of a user", "USER mail\nWORKDIR /made/by/mail"),
  one("CMD and ENTRYPOINT, forms", 'CMD echo "a  b" \\\n c\nENTRYPOINT [ "a" , "b c" ]'),
  one("CMD, single quotes make it the shell form", "CMD ['a', 'b']"),
  one("CMD, empty ones", "CMD []\nENTRYPOINT []"),
  one("CMD, of the base goes with an ENTRYPOINT", "ENTRYPOINT x"),
  one("CMD, kept when ENTRYPOINT comes after it", 'CMD ["a"]\nENTRYPOINT ["e"]'),
  one("SHELL in CMD, ENTRYPOINT and HEALTHCHECK", 'SHELL ["/bin/ash", "-c"]\nCMD a b\nENTRYPOINT c\nHEALTHCHECK CMD d'),
  one(
    "HEALTHCHECK, all of its options",
    'HEALTHCHECK --interval=1m30s --timeout=2s --start-period=3s --start-interval=4s --retries=5 CMD ["a", "b"]',
  ),
  one("HEALTHCHECK NONE", "HEALTHCHECK CMD a\nHEALTHCHECK NONE"),
  one("HEALTHCHECK with less than a millisecond", "HEALTHCHECK --interval=1us CMD a", { fails: true }),
  one("STOPSIGNAL, its forms", "STOPSIGNAL 9\nSTOPSIGNAL SIGRTMIN+3"),
  one("STOPSIGNAL that the kernel hasn't", "STOPSIGNAL -1\nSTOPSIGNAL 999"),
  one("STOPSIGNAL 0", "STOPSIGNAL 0", { fails: /invalid signal: 0/ }),
  one("STOPSIGNAL that isn't one", "STOPSIGNAL SIGNOSUCH", { fails: /SIGNOSUCH/ }),
  one("MAINTAINER", "MAINTAINER  A  Person <a@b.c>"),
  one("instructions in small letters", 'env A=1\ncopy <<EOF /f\nx\nEOF\nlabel b=c\ncmd ["x"]'),
  one("ONBUILD, a chain", "ONBUILD RUN echo trigger > /t\nONBUILD COPY file /copied\nONBUILD ENV O=1", {
    image: "base",
    files: { file: "f\n" },
    later: onbuild,
  }),
  one("ONBUILD, of a stage", "RUN true", {
    Dockerfile: "FROM busybox AS a\nONBUILD RUN echo $W > /t\nONBUILD WORKDIR /w\nFROM a\nENV W=1\n",
  }),
  one("ONBUILD, COPY --from", "ONBUILD COPY --from=busybox /etc/group /g", {
    beside: "forky",
    image: "base",
    later: onbuild,
  }),
  one("ONBUILD of ONBUILD", "ONBUILD ONBUILD RUN true", { fails: true }),
  one("ONBUILD of FROM", "ONBUILD FROM busybox", { fails: true }),
  one("ONBUILD of MAINTAINER", "ONBUILD MAINTAINER x", { fails: true }),
  one(
    "a base's settings are kept",
    'ENV A=1\nLABEL l=1\nUSER mail\nWORKDIR /w\nEXPOSE 1\nVOLUME /v\nSTOPSIGNAL 2\nHEALTHCHECK CMD h\nENTRYPOINT ["e"]\nCMD ["c"]\nSHELL ["/bin/ash", "-c"]',
    {
      image: "base",
      later: [
        { Dockerfile: "FROM base\nENV B=2\nLABEL l=2 m=3\nRUN pwd > /tmp/p; id -un > /tmp/u\n" },
        { Dockerfile: "FROM base\nENTRYPOINT []\nUSER root\n" },
      ],
    },
  ),
  one("FROM scratch, and settings", "RUN true", { Dockerfile: 'FROM scratch\nENV A=1\nCOPY <<f /\nf\nCMD ["x"]\n' }),
  one("FROM --platform of another architecture, without RUN", "RUN true", {
    Dockerfile: "FROM --platform=linux/arm64 scratch\nCOPY f /\n",
    files: { f: "f\n" },
  }),
  one("--platform of another architecture", "RUN true", {
    Dockerfile: "FROM scratch\nARG TARGETPLATFORM TARGETVARIANT\nENV P=$TARGETPLATFORM V=$TARGETVARIANT\nCOPY f /\n",
    files: { f: "f\n" },
    args: ["--platform", "linux/arm/v7"],
  }),
  one("a BOM and CRLF line ends", "RUN true", {
    Dockerfile: "\uFEFFFROM busybox\r\nENV A=1 \\\r\n B=2\r\nRUN echo x > /a\r\n",
  }),
  one("comments, blank lines and spaces before instructions", "RUN true", {
    Dockerfile: "# a comment\n\n  # another\nFROM busybox\n  ENV A=1\n\tRUN echo \\\n  # inside\n  x > /a\n#last",
  }),
  one("no line end at the end", "RUN true", { Dockerfile: "FROM busybox\nENV A=1" }),
  one("# syntax and # check say nothing", "RUN true", {
    Dockerfile: "# check=skip=all\nFROM busybox\nRUN echo x > /a\n",
  }),
];
