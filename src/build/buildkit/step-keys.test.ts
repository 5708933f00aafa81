import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openLinter } from "../../dockerfile/linter.ts";
import { parseDockerfile } from "../../dockerfile/parse.ts";
import { linux } from "../../host/syscalls.ts";
import { digestOf } from "../../oci/digest.ts";
import { contentRecord, operationRecord, type StepKey } from "../../remote-cache/step-key.ts";
import { dockerfileFrontend } from "../dockerfile/frontend.ts";
import { type Lowered, lower } from "../lower.ts";
import { directoryTree } from "../source-tree.ts";
import { type ContentSource, contentDigests, type Selector } from "./content-digest.ts";
import { openStepKeys } from "./step-keys.ts";
import { StillTree } from "./still-tree.ts";

const platform = { os: "linux", architecture: "amd64" };
const chainID = digestOf("layer");
const manifest = digestOf("manifest");

function lowered(text: string): Promise<Lowered> {
  return lower(dockerfileFrontend(parseDockerfile(text.startsWith("FROM ") ? text : `FROM busybox\n${text}\n`)), {
    linter: openLinter([]),
    ignores: () => false,
    buildArgs: new Map(),
    platform,
    network: "default",
    allowsHostNetwork: false,
    resolveImage: async (name) => ({
      id: digestOf(name),
      chainID,
      digest: manifest,
      name,
      config: { ...platform, config: { Cmd: ["sh"] }, rootfs: { type: "layers", diff_ids: [chainID] }, history: [] },
    }),
  });
}

let context = "";
/** Two directories, each with a file. */
let others = "";
beforeAll(() => {
  context = mkdtempSync(join(tmpdir(), "step-keys-"));
  mkdirSync(join(context, "dir/sub"), { recursive: true });
  const files = { "a.txt": "a\n", "b.txt": "b\n", "dir/x": "x\n", "dir/sub/y": "y\n", "archive.tar": "archive\n" };
  for (const [name, text] of Object.entries({ ...files, "script.sh": "#!/bin/sh\n" })) {
    writeFileSync(join(context, name), text);
    chmodSync(join(context, name), name === "script.sh" ? 0o755 : name === "dir/x" ? 0o600 : 0o644);
  }
  for (const name of ["dir", "dir/sub"]) chmodSync(join(context, name), 0o755);
  symlinkSync("x", join(context, "dir/link"));
  others = mkdtempSync(join(tmpdir(), "step-keys-"));
  for (const name of ["e", "f"]) {
    mkdirSync(join(others, name));
    writeFileSync(join(others, name, "file"), name);
  }
});
afterAll(() => {
  for (const directory of [context, others]) rmSync(directory, { recursive: true });
});

const contentSource = (directory: string = context): ContentSource => ({
  syscalls: linux,
  tree: directoryTree(directory),
  owner: { uid: 0, gid: 0 },
});

async function keyOf(text: string): Promise<StepKey> {
  const { graph, output } = await lowered(text);
  const key = openStepKeys(graph, async () => contentSource()).keyOf(output);
  if (key === undefined) throw new Error(`no key for ${text}`);
  return key;
}

// What the caches of live builders had: Docker 26.1 (BuildKit 0.13), and where they have others Docker 28.5 (0.25) and BuildKit 0.32. For
// `--parents`, the older two had the frontend of 0.25 with what is experimental in it.
const steps: readonly (readonly [text: string, ...names: string[]])[] = [
  ["RUN echo one > /one", "b94f89e81344044945ad3b2fc4490a95fbad95b5da0a25bd340847dc26e7c7e3"],
  [
    'ENV A=1 B="two & <x>"\nARG C=3\nARG D=4\nWORKDIR /w\nRUN echo $A > a',
    "51454a0b55bfabb08a2e6dc8341d72e6e7d03f6dea6bd6003241b67ca388967a",
  ],
  [
    'ENV A=1 B="two words"\nARG C=3\nWORKDIR /w\nUSER 1:2\nSHELL ["/bin/sh", "-ec"]\nRUN echo $A $C',
    "0327684e83d4b9b7d37fd56739de910dd9cd86a528277547d70d4ebd2ae33aed",
  ],
  ["RUN --network=none id", "5cb8bbd9d79f5a70f98906ebd041223f6309103cd75c8a8d11f20cf89e4b0a1c"],
  ["RUN <<EOF\necho hi\necho ho\nEOF", "22730ef0fe27591fa8b8faec19df72f93a5a969827aade56cdf6e6dae61eb5b4"],
  [
    "RUN <<EOF\n#!/bin/sh\necho hi\nEOF",
    "3a967743bee0cf0791cc36e3dcc5d9130fe141ebeba29d768b00696c1f7f1566",
    "a9588b2b15263f8bebe70e2bd80d6e0a9c1180e36b93acd5bf59210ddb5bc532",
  ],
  [
    "RUN --mount=target=/context ls /context",
    "3fbc2f6f5198a98b2e8585d92b9f8d25056619bf4d2f7d0d7cdc3c2585815e37",
    "d38e7e8771fae1cecd4c920a7795129a19f206d09b1dd8e200ce77fa060012f3",
  ],
  [
    "RUN --mount=source=dir,target=/dir,rw touch /dir/new",
    "89f52c085ade2d9ad77cc0f8ad4373c6f99a894ca98e0b9798b0ee87e8fb576a",
    "b6c3c51424bb53a07478294074239b5cb9e723511ab4b66bd1dd7019a0b6bbf9",
  ],
  [
    "RUN --mount=type=cache,target=/root/.cache ls",
    "48575b953c108fb636cc6a7eca0b88d2c7cd97b0163ffe38e1a251241dafdc7d",
    "b2f5665beb2fd50009d75750cc1aae97ae1bdca953e014a44bd8d8dcf827c04c",
  ],
  [
    "RUN --mount=type=cache,id=named,target=/c,sharing=locked ls",
    "026fe1346ef242f8809475b08e3b4db6fbd3729a73dec4697582254d2576a553",
    "80fd8c4ef4e3f48155a0152f88690848b374fc558901dbd1867da02655b68ac0",
  ],
  [
    "RUN --mount=type=cache,target=/c,uid=5,mode=0700 ls",
    "e5777afb6535b9b7d04a7abe9e94c6eba650c3d80c48e3d2d4338164fea37088",
    "9bfd8ff92165c5436d40542757f1b6a29218aa579e41c87cb9031bbafe35bb7b",
  ],
  [
    "RUN --mount=type=tmpfs,target=/t,size=1m ls",
    "c07bb73cea28d3ca94aeb52b4f84677793d62d477d9ce18b0d9a74553dd407bb",
    "062c8e200de2eead8334783c501c3d8fd57c500867e5898a59b85a9913b8b62e",
  ],
  [
    "RUN --mount=type=secret,id=s,target=/s,uid=3,mode=0444 ls",
    "ab31b4862871a33cb0b45168358fe83591196f56194aed92501e6d010d98cec5",
    "3c16ca9516bebdfa73970f92bd07243f0e7d615efffaa30d9927267f98e45509",
  ],
  [
    "RUN --mount=type=ssh ls",
    "d8f427fbdba1f28fe1b184a636c07ac60dc05b6d739f61dcc9f8869836764a73",
    "5e2fcfe914bbb923dafa235384b74011e9c0a5a1ca41ab4e5a2b873aee813549",
  ],
  ["WORKDIR /a/b", "cc0582361a8bbe0afbadf5424284a685013d9974e8739dc6bcf8f50be29b7903"],
  [
    "USER 7\nWORKDIR /a",
    "7efe27cb38124c2b1b53f37ebcdc6f7c59cb73a625802278b27d789b00324c7b",
    "14eb5336628d7450900feeab04adf7d152bbfea00f6b53b3fc1df00b785618ec",
  ],
  [
    "USER nobody\nWORKDIR /a",
    "67ace456e9d5ef2db9f72d4630a5357eedd269f734ede473300e6574676ec00d",
    "1d183b536e87c6cc500741fe76decf433cf16f7b5532e8a174144921bac459f5",
  ],
  ["COPY a.txt /", "06249723acae38af938912d21fc63f450be31e13b2f7d2f7572c56e3bbb8b5da"],
  ["WORKDIR /w\nCOPY a.txt b.txt ./", "d4d4a5f4d8627dbda329bfde861fd8707f48730c77fbfb2ff0b0cc5cd64f9ed0"],
  ["COPY dir /dir", "e6ee387b1f3a4c26bfec4e4c3ef03264291dd25d10c2ca2f71f42111c787f2a1"],
  ["COPY . /all", "4be93e6dab0a2ce34020cb661ba4379d414001305a54d9b432de1eb563523f7c"],
  ["COPY *.txt /texts/", "b281bf666b207004ef289e136efa791cb6595a1edbddc7d0afe13ed585df5eeb"],
  [
    "COPY --chown=1000:1000 a.txt /",
    "4646cb16e1acce4c0dd396d32c43e9e2b91e3c19d0d47458e751b28db37a177f",
    "4d240d035a56d397489c949fe98ba04506a860b733ec9477e10a5f469b7466dd",
  ],
  [
    "COPY --chown=nobody a.txt /",
    "162070ff3171a9b63da8385ac19774749b58c54a24568857ab98c8a7f75f3927",
    "1057b4965058b0c375edaf0b95f92d63a52b761858f2bd78b455823e78547765",
  ],
  ["COPY --chown=root --chmod=640 a.txt /", "bfb3a528d9a2d1d0cd4c19eed8949cefee826b4b32e84888b221595cf149cc3e"],
  [
    "COPY --link a.txt /",
    "24b141c485de433886b0991051173916792b1b037c9a7f9520234a390d95e8c8",
    "5dbfbafede47210a7bd7363461bc885ec7310febe761daffdf666bfdae5970ff",
  ],
  ["COPY <<EOF /f\nhello\nEOF", "00b9ec89ccd2859888ea9720355eab33658d7b98f448a55ce92fea485ffbf8f6"],
  ["COPY <<one <<two /d/\n1\none\n2\ntwo", "12d63889e4473d2db715879f921d23d57f5f89282eb1e35eb20048640f36562a"],
  ["ADD archive.tar /x/", "4e908e00b6cac4dedcc9e16f00a2478606636dc6f77cc03f1855bc69ae05d041"],
  ["ADD https://example.com/owner/name.git /r/", "7a375d7769e064dfd737bed37daf87ec6f622b468b621468d94b18dcae64487c"],
  ["ADD https://example.com/some/file.txt /d/", "7c2effe13634a1592e83b26f46a48181f8312609cbd4a45c72c1c51e447fa773"],
  [
    "COPY --parents dir/x /",
    "10eb383a719acc27274b2ad041584c69c3dc747bad4a4433672c66a9a89e1c53",
    "734110acc843323874d414c1ec222d8bb5687a40d10561bd11f1a0816e7a2aad",
  ],
  [
    "COPY --parents dir/./sub/y b.txt /out/",
    "3e153dd8987bf4b31e491c56099176bafc5292087a96238ad07c38ceee7532cb",
    "004710d9556913cc332db64bd0a42145e4026e9b9607a1be67435ae9c01e17da",
  ],
  ["COPY --parents dir/s*/y *.txt /out/", "9f05b864d99be7461434593c7fd747d046fe8c5091ff76882b5573f9b54668ae"],
  [
    "COPY --parents ./dir/./sub/y /p/",
    "b28b27922a3266304a2dd49db131733b1c913259294645ee5f4e44dd0b92dfcd",
    "1aadd0a3c22d478a88560c62b1b1da1f1ef152d43b6eff2fc904a4326ad57479",
  ],
  [
    "COPY --parents --exclude=*.txt ./dir/**/z lone /out/",
    "ba64e4c183e30b4081f07bc9391cc575a24a04c3655d429d154b5e8c6364ee91",
    "7ab852b6b578dc2b92fabf8966dee7400927d5cce759a2eb87157ac2163b7be1",
  ],
  ["FROM scratch\nCOPY a.txt /", "f3a558d739056fa38f45ada99819bccd2714e7847991333b5e6d1de73889bbee"],
];

test.each(steps.map(([text, ...names]) => ({ text, names })))("$text has BuildKit's name", async ({ text, names }) => {
  const { forms } = await keyOf(text);
  expect(forms.map(({ operation }) => operationRecord(operation))).toEqual(names.map((name) => `sha256:${name}`));
});

// The same builders' names for what was read of a directory.
test.each([
  ["RUN --mount=target=/context ls /context", "22e45649fea2376002bf25621b9c13e1e8681cd9127c56ca4567623543a472b7"],
  [
    "RUN --mount=source=dir,target=/dir,rw touch /dir/new",
    "44bfb65f13155c4d3c1d69ae18f2237f733636c2f2e57bd16551e33d9aecc7f5",
  ],
  ["COPY a.txt /", "d9bbc07d27ae5f69fef43f29e6b42b3cb97b88c514516b9e4166bf30bc1a355e"],
  ["WORKDIR /w\nCOPY a.txt b.txt ./", "d923e6d7a8c532149c3ad0755511ffbbed20ee92d1c9dfe9de4dde921383369c"],
  ["COPY *.txt /texts/", "7d85d0a617c3efcff4b725b1bb396bfcebd49806ffaa845ba643a2379a55d552"],
  ["ADD archive.tar /x/", "d5900814a2e4be9b2895bd16004726a551cbc5d630d8b9657476c3931d72674b"],
] as const)("what %s reads has BuildKit's name", async (text, expected) => {
  const { forms } = await keyOf(text);
  const inputs = forms
    .flatMap((form) => form.inputs)
    .flatMap(({ step, content }) => content ?? step?.forms[0]?.inputs[0]?.content ?? []);
  const digests = await Promise.all(inputs.map((content) => content()));
  expect(digests.flat().map(contentRecord)).toContain(`sha256:${expected}`);
});

test("a cache with an owner begins with a directory that is made in what it comes from", async () => {
  const { forms } = await keyOf(
    "FROM busybox AS one\nRUN true\nFROM busybox\nRUN --mount=type=cache,target=/c,from=one,uid=5,mode=0700 ls",
  );
  const begins = forms.map(({ inputs }) => inputs[1]?.step?.forms[0]);
  expect(begins.map((form) => form && operationRecord(form.operation))).toEqual([
    "sha256:bbdf21d5fcffa930afa566b5a1d5e6a885a12291f6159466aa83f65a4a5a5493",
    "sha256:71bda8f98625a4309b8824d2e9d34046bcd36a3cae11222bb1079e432e19c715",
  ]);
  expect(begins.map((form) => form?.inputs[0]?.step)).toEqual(Array(2).fill(await keyOf("FROM busybox\nRUN true")));
});

test("an image is named by its manifest and by its layers", async () => {
  const { graph, output } = await lowered("FROM busybox");
  const key = openStepKeys(graph, async () => undefined).keyOf(output);
  const name = digestOf(`{"Digest":"${manifest}","OS":"linux","Arch":"amd64"}`);
  expect(key).toEqual({
    forms: [name, chainID].map((each) => ({ operation: digestOf(`buildkit.source.v0:${each}`), inputs: [] })),
  });
});

const commit = "1".repeat(40);

test.each([
  { address: "#main", found: { name: "refs/heads/main" }, name: commit },
  { address: "#main:sub", found: { name: "refs/heads/main" }, name: `${commit}:sub` },
  { address: "?submodules=false", found: { name: undefined }, name: `${commit}(skip-submodules)` },
  {
    address: "?keep-git-dir&subdir=sub",
    found: { name: "refs/heads/main" },
    name: `${commit}.git#refs/heads/main:sub`,
  },
  { address: `?keep-git-dir#${commit}`, found: { name: undefined }, name: `${commit}.git` },
  // BuildKit doesn't do that with ADD.
  { address: "?mtime=commit", found: { name: undefined }, name: undefined },
])("a repository$address is named by its commit", async ({ address, found, name }) => {
  const { graph } = await lowered(`ADD https://example.com/name.git${address} /`);
  const [git] = [...graph.values()].flatMap(({ digest, op }) => (op.kind === "git" ? [digest] : []));
  if (git === undefined) throw new Error("no repository in the graph");
  expect(openStepKeys(graph, async () => undefined).keyOf(git)).toBeUndefined();
  const commits = new Map([[git, { commit, ...found }]]);
  const key = openStepKeys(graph, async () => undefined, commits).keyOf(git);
  expect(key?.forms.map(({ operation }) => operation)).toEqual(
    name === undefined ? undefined : [digestOf(`buildkit.source.v0:${name}`)],
  );
});

// The same builders' names.
test.each([
  ["v7 is the usual one", undefined, "383367efad73f0f1d1314eb9ed01f3ee7bf9dc9a1fa40149efe8f1ceb26f2221"],
  ["it is written with its number alone", "7", "383367efad73f0f1d1314eb9ed01f3ee7bf9dc9a1fa40149efe8f1ceb26f2221"],
  ["v6 is another", "v6", "8748e49a241c7dacfc773975599ace64d039f8234616c21cf3d4f8547ff24f41"],
] as const)("a step for 32-bit ARM has its variant in its name: %s", async (_, variant, name) => {
  const { graph, output } = await lowered("RUN echo hi > /x");
  const arm = { os: "linux", architecture: "arm", ...(variant && { variant }) };
  const source = { digest: manifest, platform: arm };
  const vertices = [...graph].map(([digest, vertex]) => {
    const labels = { architecture: "arm", ...(vertex.op.kind === "image" && { source }) };
    return [digest, { ...vertex, ...labels }] as const;
  });
  const key = openStepKeys(new Map(vertices), async () => undefined).keyOf(output);
  expect(key?.forms.map(({ operation }) => operationRecord(operation))).toEqual([`sha256:${name}`]);
  const [first] = key?.forms[0]?.inputs[0]?.step?.forms ?? [];
  const asked = `{"Digest":"${manifest}","OS":"linux","Arch":"arm","Variant":"${variant === "v6" ? "v6" : "v7"}"}`;
  expect(first?.operation).toBe(digestOf(`buildkit.source.v0:${digestOf(asked)}`));
});

test("a step has the devices in its name that it asks for", async () => {
  const { graph, output } = await lowered("RUN env > /x");
  const devices = ["thing=one", "none"].map((name) => ({ name: `vendor.test/${name}`, optional: true }));
  const vertices = new Map([...graph].map(([digest, vertex]) => [digest, { ...vertex, devices }]));
  const key = openStepKeys(vertices, async () => undefined).keyOf(output);
  expect(key?.forms.map(({ operation }) => operationRecord(operation))).toEqual([
    "sha256:ecdb1ad5ba766bb8026f4627b7dae483ee081897f4ec611d4016d36128b2eda2",
  ]);
});

test("nothing is read to name steps", async () => {
  const { graph, output } = await lowered("COPY . /\nRUN --mount=target=/context id");
  const read = async (): Promise<never> => {
    throw new Error("it was read");
  };
  expect(openStepKeys(graph, read).keyOf(output)).toBeDefined();
});

test.each([{ text: "COPY --parents dir/./ /" }, { text: "RUN id", architecture: "arm" }])(
  "$text has no name: BuildKit's isn't known",
  async ({ text, ...platformOf }) => {
    const { graph, output } = await lowered(text);
    const labelled = new Map([...graph].map(([digest, vertex]) => [digest, { ...vertex, ...platformOf }]));
    expect(openStepKeys(labelled, async () => undefined).keyOf(output)).toBeUndefined();
  },
);

const all: Selector = { path: "/", followsLinks: true, isPattern: false, exclude: [] };

test.each([
  { why: "a directory", selector: { ...all, path: "/dir" }, forms: 1 },
  {
    why: "files of a pattern: with paths, or with last names",
    selector: { ...all, path: "/*.txt", isPattern: true },
    forms: 2,
  },
  // Of a/x and b/y, last names don't say whether b is in a.
  {
    why: "a directory of a pattern that has another in it",
    selector: { ...all, path: "/di*", isPattern: true },
    forms: 1,
  },
  { why: "a directory less a file, with another in it", selector: { ...all, path: "/dir", exclude: ["x"] }, forms: 1 },
  // Where the directories are is in the operation.
  { why: "a file with its parents", selector: { ...all, include: "dir/sub/y" }, forms: 2 },
  { why: "a directory with another in it, with its parents", selector: { ...all, include: "dir" }, forms: 1 },
  { why: "a pattern of directories, with their parents", selector: { ...all, include: "d*/sub/y" }, forms: 1 },
  { why: "nothing with its parents", selector: { ...all, include: "dir/none" }, forms: 1 },
  { why: "a directory less another", selector: { ...all, path: "/dir", exclude: ["sub"] }, forms: 2 },
  { why: "exclusions with an exception", selector: { ...all, path: "/dir", exclude: ["sub", "!sub/y"] }, forms: 0 },
  { why: "what isn't there", selector: { ...all, path: "/none" }, forms: 0 },
])("content of $why has $forms names", async ({ selector, forms }) => {
  expect(await contentDigests(contentSource(), [selector])).toHaveLength(forms);
});

test("last names don't tell what is in a directory of a pattern, and what is beside it", async () => {
  for (const [path, forms] of [
    ["/e*", 2],
    ["/[ef]*", 1],
    // `file` may be beside `f` as well.
    ["/f*", 1],
  ] as const) {
    const found = await contentDigests(contentSource(others), [{ ...all, path, isPattern: true }]);
    expect(found).toHaveLength(forms);
  }
});

test.each([
  ["its bytes", () => writeFileSync(join(context, "dir/sub/y"), "z\n")],
  ["its mode", () => chmodSync(join(context, "dir/sub/y"), 0o755)],
  ["another file", () => writeFileSync(join(context, "dir/sub/new"), "")],
])("content counts with %s", async (_, change) => {
  const selectors = [{ ...all, path: "/dir" }];
  const before = await contentDigests(contentSource(), selectors);
  change();
  expect(await contentDigests(contentSource(), selectors)).not.toEqual(before);
});

test.each([
  ["a file", (): void => writeFileSync(join(context, "dir/x"), "changed\n")],
  ["a directory, which a file was in", (): void => rmSync(join(context, "b.txt"))],
])("%s that was changed since a build began has no name: steps saw another", async (_, change) => {
  await setTimeout(50);
  const startedAt = Date.now();
  const selector = { ...all, path: "/*", isPattern: true, exclude: ["none"] };
  const read = async (): Promise<readonly string[]> => {
    const tree = new StillTree(directoryTree(context), startedAt);
    return await contentDigests({ ...contentSource(), tree, isStill: () => tree.isStill }, [selector]);
  };
  expect(await read()).not.toEqual([]);
  change();
  expect(await read()).toEqual([]);
});
