import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import type { Flag } from "../flags/flag.ts";
import { text } from "../flags/kinds.ts";
import type { WholePlatform } from "../manifest/image-manifest.ts";
import { listName, localLists } from "../manifest/local-lists.ts";

interface AnnotateValues {
  readonly arch: string | undefined;
  readonly os: string | undefined;
  readonly "os-features": readonly string[];
  readonly "os-version": string | undefined;
  readonly variant: string | undefined;
}

const osFeatures: Flag<readonly string[]> = {
  description: "Set operating system feature",
  valueName: "strings",
  initial: [],
  read: (given, before) => [...before, ...given.split(",")],
};

/** `berth manifest annotate` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] MANIFEST_LIST MANIFEST",
  arity: { min: 2, max: 2 },
  flags: {
    arch: text("Set architecture"),
    os: text("Set operating system"),
    "os-features": osFeatures,
    "os-version": text("Set operating system version"),
    variant: text("Set architecture variant"),
  },
  examples: ["manifest annotate --os linux --arch arm64 registry.example/app:1 registry.example/app:1-arm64"],
  run: async ({ values, args: [name = "", imageName = ""], io }) => {
    const list = listName(name, (reason) => `annotate: error parsing name for manifest list ${name}: ${reason}`);
    const image = listName(imageName, (reason) => `annotate: error parsing name for manifest ${imageName}: ${reason}`);
    const lists = localLists(io.env);
    const manifest = lists.get(list, image);
    if (manifest === undefined) throw new CliError(`manifest for image ${imageName} does not exist in ${name}`);
    const platform = annotated(manifest.platform ?? { architecture: "", os: "" }, values);
    if (!known.has(`${platform.os}/${platform.architecture}`)) {
      const { os = "", arch = "" } = values;
      throw new CliError(`manifest entry for image has unsupported os/arch combination: ${os}/${arch}`);
    }
    lists.save(list, image, { ...manifest, platform });
    return 0;
  },
});

function annotated(before: WholePlatform, values: AnnotateValues): WholePlatform {
  const { arch, os, variant, "os-version": version, "os-features": features } = values;
  const all = [...new Set([...(before["os.features"] ?? []), ...features])];
  return {
    ...before,
    ...(os ? { os } : {}),
    ...(arch ? { architecture: arch } : {}),
    ...(all.length > 0 ? { "os.features": all } : {}),
    ...(variant ? { variant } : {}),
    ...(version ? { "os.version": version } : {}),
  };
}

/** What Docker takes. @see Docker CLI, cli/command/manifest/util.go */
const known: ReadonlySet<string> = new Set(
  Object.entries({
    darwin: ["386", "amd64", "arm", "arm64"],
    dragonfly: ["amd64"],
    freebsd: ["386", "amd64", "arm"],
    linux: ["386", "amd64", "arm", "arm64", "ppc64le", "mips64", "mips64le", "riscv64", "s390x"],
    netbsd: ["386", "amd64", "arm"],
    openbsd: ["386", "amd64", "arm"],
    plan9: ["386", "amd64"],
    solaris: ["amd64"],
    windows: ["386", "amd64"],
  }).flatMap(([os, architectures]) => architectures.map((each) => `${os}/${each}`)),
);
