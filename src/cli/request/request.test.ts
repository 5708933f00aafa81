import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchOfFile } from "../../base/testing.ts";
import { type ContainerRequest, defaultRequest } from "../../container/request.ts";
import { parseFlags } from "../flags/parse.ts";
import { type ContainerValues, containerFlags, missingContainerFlags } from "./container-flags.ts";
import { containerRequest } from "./container-request.ts";

const directory = scratchOfFile("cli");
const file = (name: string, text: string): string => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};

const flags = { ...missingContainerFlags, ...containerFlags };
const env = { HOME: "/home/me" };

function request(argv: readonly string[], detached = false): ContainerRequest {
  const { values, positional } = parseFlags(flags, argv, { interspersed: false });
  return containerRequest(
    { values: values as unknown as ContainerValues, args: positional, detached },
    { env, cwd: "/project" },
  );
}

test("nothing but an image is Docker's default", () => {
  expect(request(["busybox"])).toEqual(defaultRequest("busybox"));
  expect(request(["--disable-content-trust", "busybox"])).toEqual(defaultRequest("busybox"));
});

test.each<[readonly string[], Partial<ContainerRequest>]>([
  [["b", "ls", "-l"], { image: "b", command: ["ls", "-l"] }],
  [["-it", "b"], { terminal: true, openStdin: true, attachStdin: true }],
  [["-e", "A=1", "-e", "HOME", "-e", "NONE", "b"], { env: ["A=1", "HOME=/home/me", "NONE"] }],
  [["-a", "stderr", "b"], { attachStdin: false, attachStdout: false, attachStderr: true }],
  [["--entrypoint", "", "b"], { entrypoint: [""] }],
  [["--net", "host", "b"], { network: "host" }],
  [["--network", "default", "b"], { network: "bridge" }],
  [
    ["-m", "64m", "--memory-swap", "-1", "--cpus", ".5"],
    { resources: { memory: 64 << 20, memorySwap: -1, nanoCpus: 5e8 } },
  ],
  [
    ["-c", "512", "--pids-limit=9", "--cpuset-cpus=0"],
    { resources: { cpuShares: 512, pidsLimit: 9, cpusetCpus: "0" } },
  ],
  [["-m", "0", "b"], { resources: {} }],
  [["--label", "a=b=c", "-l", "x", "b"], { labels: { a: "b=c", x: "" } }],
  [["--ulimit", "nofile=1:2", "b"], { ulimits: [{ name: "nofile", soft: 1, hard: 2 }] }],
  [["--ulimit", "core=0", "b"], { ulimits: [{ name: "core", soft: 0, hard: 0 }] }],
  [["--add-host", "a:1.2.3.4", "--add-host", "b=::1", "b"], { extraHosts: ["a:1.2.3.4", "b:::1"] }],
  [["--add-host", "up=host-gateway", "b"], { extraHosts: ["up:host-gateway"] }],
  [["--sysctl", "net.ipv4.ip_forward=1", "b"], { sysctls: { "net.ipv4.ip_forward": "1" } }],
  [["--security-opt", "no-new-privileges:true", "b"], { securityOpt: ["no-new-privileges"] }],
  [
    ["--tmpfs", "/t:size=1m,ro", "--tmpfs", "/u", "b"],
    {
      tmpfs: [
        { target: "/t", options: ["size=1m", "ro"] },
        { target: "/u", options: [] },
      ],
    },
  ],
  [
    ["--mount", "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770", "b"],
    { tmpfs: [{ target: "/t", options: ["size=1048576", "mode=1770"] }] },
  ],
  [
    ["-v", "./x:/y:ro", "b"],
    {
      volumes: [
        {
          kind: "bind",
          source: "/project/x",
          target: "/y",
          readonly: true,
          propagation: "rprivate",
          createSource: true,
          noCopy: false,
        },
      ],
    },
  ],
  [
    ["--mount", "type=bind,src=/x,target=/y,readonly", "b"],
    { volumes: [{ kind: "bind", source: "/x", target: "/y", readonly: true, createSource: false, noCopy: false }] },
  ],
  [
    ["--mount", "target=/y,volume-nocopy", "b"],
    { volumes: [{ kind: "volume", target: "/y", readonly: false, createSource: false, noCopy: true }] },
  ],
])("%j", (argv, expected) => {
  expect(request(argv)).toMatchObject(expected);
});

test("a detached container is attached to nothing", () => {
  expect(request(["-i", "b"], true)).toMatchObject({ openStdin: true, attachStdin: false, attachStdout: false });
});

test.each([
  [["--mount", "foo"], `invalid argument "foo" for "--mount" flag: invalid field 'foo' must be a key=value pair`],
  [["--mount", "type=bind,source=/x"], 'for "--mount" flag: target is required'],
  [["--mount", "type=bind,target=/x"], "source is required"],
  [["--mount", "type=what,target=/x"], 'mount type unknown: "what"'],
  [["--mount", "target=/x,foo=bar"], "unexpected key 'foo' in 'foo=bar'"],
  [["-e", ""], 'invalid argument "" for "-e, --env" flag: invalid environment variable: '],
  [["--ulimit=a"], 'invalid argument "a" for "--ulimit" flag: invalid ulimit argument: a'],
  [
    ["--ulimit", "nofile=a"],
    'invalid argument "nofile=a" for "--ulimit" flag: strconv.ParseInt: parsing "a": invalid syntax',
  ],
  [["--ulimit", "nofile=2:1"], "ulimit soft limit must be less than or equal to hard limit: 2 > 1"],
  [["--ulimit", "what=2"], "invalid ulimit type: what"],
  [["--add-host", "foo"], 'invalid argument "foo" for "--add-host" flag: bad format for add-host: "foo"'],
  [["--add-host", "a:b"], 'invalid IP address in add-host: "b"'],
  [["--dns", "foo"], 'invalid argument "foo" for "--dns" flag: IP address is not correctly formatted: foo'],
  [["-a", "foo"], 'invalid argument "foo" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR'],
  [["--sysctl", "foo"], `invalid argument "foo" for "--sysctl" flag: sysctl 'foo' is not allowed`],
  [["--pull", "foo"], `invalid pull option: 'foo': must be one of "always", "missing" or "never"`],
  [["-p", "80:80"], `invalid argument "80:80" for "-p, --publish" flag: berth doesn't have this flag yet`],
  [
    ["--disable-content-trust=false"],
    'invalid argument "false" for "--disable-content-trust" flag: berth doesn\'t sign or verify images yet',
  ],
  [["--init"], "berth doesn't have this flag yet"],
  [["--restart", "always"], "berth doesn't restart containers yet"],
  [["--network", "mine"], "none of your own yet"],
  [["--security-opt", "label=type:x"], "berth takes seccomp, apparmor, no-new-privileges and label=disable"],
  [["--security-opt", "seccomp="], 'Invalid --security-opt: "seccomp="'],
  [
    ["--security-opt", "seccomp=/none"],
    "opening seccomp profile (/none) failed: open /none: no such file or directory",
  ],
  [["--security-opt", "seccomp=/etc/passwd"], "compacting json for seccomp profile (/etc/passwd) failed: "],
  [["-v", "a:b:c:d", "b"], "invalid volume specification: 'a:b:c:d'"],
  [["--env-file", "/nonexist", "b"], "open /nonexist: no such file or directory"],
])("%j is refused", (argv, message) => {
  expect(() => request(argv)).toThrow(message);
});

test.each([
  ["", "invalid empty volume spec"],
  [":/data", "invalid spec: :/data: empty section between colons"],
  ["/a::ro", "invalid spec: /a::ro: empty section between colons"],
  ["/a:/b:", "invalid spec: /a:/b:: empty section between colons"],
  ["/a:/b:ro:z", "invalid spec: /a:/b:ro:z: too many colons"],
  ["/a:/b:ro:", "invalid spec: /a:/b:ro:: too many colons"],
])("the volume %j is refused before an engine sees it: %s", (text, message) => {
  const refused = expect.objectContaining({ name: "CliError", message });
  expect(() => request(["-v", text, "b"])).toThrow(refused);
});

test("an environment file has comments, bare names and values with signs of their own", () => {
  const path = file("env", "# comment\n\nA=1 # kept\n  B=x=y\nHOME\nNONE\n");
  expect(request(["--env-file", path, "-e", "A=2", "b"]).env).toEqual(["A=1 # kept", "B=x=y", "HOME=/home/me", "A=2"]);
});

test.each([
  ["A B=1", "variable 'A B' contains whitespaces"],
  ["=1", "no variable name on line '=1'"],
])("the environment file %j is refused", (text, message) => {
  const path = file("bad-env", text);
  expect(() => request(["--env-file", path, "b"])).toThrow(`invalid env file (${path}): ${message}`);
});

test("a label file is read", () => {
  expect(request(["--label-file", file("labels", "a=b\n#no\nc"), "b"]).labels).toEqual({ a: "b", c: "" });
});
