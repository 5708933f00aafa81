import type { BuildCase } from "./case.ts";

const one = (name: string, lines: string, more: Partial<BuildCase> = {}): BuildCase => ({
  name,
  Dockerfile: `FROM busybox\n${lines}\n`,
  ...more,
});

const form = (expression: string, more: Partial<BuildCase> = {}): BuildCase =>
  one(
    `the expansion ${expression}`,
    `ARG x=path/to/file.tar.gz\nARG e=\nENV R="${expression}"\nLABEL r="${expression}"`,
    more,
  );

/** How variables are set, seen and expanded. */
export const variableCases: readonly BuildCase[] = [
  form("$x"),
  form("${x}y$xy"),
  form("${x:-d} ${e:-d} ${u:-d}"),
  form("${x:+a} ${e:+a} ${u:+a}"),
  form("${x-d} ${e-d} ${u-d}"),
  form("${x+a} ${e+a} ${u+a}"),
  form("${x:?set} ${x?set} ${e?set}"),
  form("${x#*/} ${x##*/} ${x#nosuch}"),
  form("${x%.*} ${x%%.*} ${x%?}"),
  form("${x/t/T} ${x//t/T} ${x//[a-e]/_}"),
  form("${x/#path/P} ${x/%gz/G}"),
  form("${u:-${x}} ${u:-$x/y}"),
  form("\\$x \\${x} \\\\$x"),
  form("$$x $1 ${1} $"),
  one("${u:?} fails with its message", 'ENV A="${u:?is missing}"', { fails: true }),
  one("${e:?} fails for an empty one", 'ARG e=\nENV A="${e:?}"', { fails: true }),
  one(
    "quotes: single ones keep, double ones expand",
    "ENV A=x\nENV B='$A' C=\"$A\" D=$A E=\\$A F='a\"b' G=\"a'b\" H=a\\ b",
  ),
  one("ENV, several in one line see those before the line", "ENV A=1\nENV A=2 B=$A\nENV C=$A"),
  one("ENV, the old form", "ENV A  b  c  \nENV D e=f $A"),
  one("ENV, continued", "ENV A=1 \\\n    B=2 \\\n    C=3"),
  one("ENV wins over ARG", "ARG A=arg\nENV A=env\nRUN echo $A > /a", { args: ["--build-arg", "A=flag"] }),
  one("ENV of an ARG's value", "ARG V=1\nENV V=${V:-2} W=$V", { args: ["--build-arg", "V=3"] }),
  one("ENV with an empty value and with =", "ENV A= B== C=d=e"),
  one("ENV changes PATH", "ENV PATH=/x:$PATH\nRUN echo $PATH > /a"),
  one("ARG, several in one line", "ARG A=1 B C=3\nRUN echo $A-$B-$C > /a", { args: ["--build-arg", "B=2"] }),
  one("ARG, of another", "ARG A=1\nARG B=$A-2\nRUN echo $B > /a"),
  one("ARG, an empty value given", "ARG A=1\nRUN echo x$A > /a", { args: ["--build-arg", "A="] }),
  one("ARG ends with its stage", "RUN true", {
    Dockerfile: "FROM busybox AS a\nARG A=1\nFROM busybox\nRUN echo x$A > /a\nCOPY --from=a /etc/group /g\n",
  }),
  one("ARG goes on in a stage made from it", "RUN true", {
    beside: "forky",
    Dockerfile: "FROM busybox AS a\nARG A=1\nENV B=$A\nFROM a\nRUN echo $A $B > /a\n",
  }),
  one("ARG before FROM has to be named again", "RUN true", {
    Dockerfile: "ARG V=1\nARG W=$V-w\nFROM busybox\nRUN echo x$V > /a\nARG V\nARG W\nRUN echo $V $W > /b\n",
    args: ["--build-arg", "V=2"],
  }),
  one("ARG before FROM with another default in the stage", "RUN true", {
    Dockerfile: "ARG V=1\nFROM busybox\nARG V=2\nRUN echo $V > /a\n",
  }),
  one("FROM out of variables", "RUN true", {
    Dockerfile: "ARG N=box\nARG T\nFROM busy${N}${T:-:latest} AS stage\nFROM stage\nRUN echo 1 > /a\n",
  }),
  one("--build-arg of the environment", "ARG A\nRUN echo $A > /a", {
    beside: "forky",
    args: ["--build-arg", "A"],
    env: { A: "from here" },
  }),
  one("--build-arg of nothing", "ARG A=default\nRUN echo $A > /a", { args: ["--build-arg", "A"] }),
  one(
    "platform ARGs",
    "ARG TARGETPLATFORM\nARG TARGETARCH TARGETOS TARGETVARIANT\nARG BUILDPLATFORM BUILDARCH BUILDOS\nRUN echo $TARGETPLATFORM $TARGETARCH $TARGETOS x$TARGETVARIANT $BUILDPLATFORM $BUILDARCH $BUILDOS > /a",
  ),
  one("platform ARGs before FROM", "RUN true", {
    beside: "forky",
    Dockerfile: "FROM --platform=$BUILDPLATFORM busybox\nARG TARGETSTAGE\nRUN echo x$TARGETSTAGE > /a\n",
  }),
  one("platform ARGs that aren't declared", "RUN echo x$TARGETARCH > /a"),
  one("platform ARGs with values of one's own", "ARG TARGETARCH=mine\nRUN echo $TARGETARCH > /a"),
  one("proxy ARGs need no ARG and leave no trace", "RUN echo $http_proxy > /a", {
    args: ["--build-arg", "http_proxy=http://127.0.0.1:1"],
  }),
  one("SOURCE_DATE_EPOCH", "ARG SOURCE_DATE_EPOCH\nENV E=$SOURCE_DATE_EPOCH\nLABEL a=b", {
    args: ["--build-arg", "SOURCE_DATE_EPOCH=1234567890"],
  }),
  one(
    "variables in each instruction, valid",
    "ENV v=val n=81\nLABEL $v=$v\nEXPOSE $n\nUSER $v\nVOLUME /$v/vol $v\nSTOPSIGNAL SIG${u:-TERM}\nONBUILD ENV o=$v",
  ),
  one(
    "variables in no command",
    'ENV v=val\nCMD ["echo", "$v"]\nENTRYPOINT echo $v\nHEALTHCHECK CMD echo $v\nSHELL ["/bin/sh", "$v"]',
  ),
  one("# escape=`", "RUN true", {
    Dockerfile: "# escape=`\nFROM busybox\nENV A=x `\n  B=a\\b C=`$A\nRUN echo a `\n  > /a\n",
  }),
  one("a variable named in a mix of letters", "ENV a_B9=1 A.b=2\nENV C=$a_B9 D=$A.b E=${a_B9}x"),
];
