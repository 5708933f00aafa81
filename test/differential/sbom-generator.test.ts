import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { attestedIn, parsed } from "../support/attested-layout.ts";
import { dockerOf } from "../support/docker.ts";
import { generator, scannedDockerfile } from "../support/sbom-generator.ts";
import { openTwins } from "../support/twins.ts";

// Only the store of containerd has a place for attestations.
const twins = await openTwins(dockerOf("forky"), ["--feature", "containerd-snapshotter=true", "-s", "native"]);
afterAll(() => twins?.[Symbol.asyncDispose]());

test.skipIf(twins === undefined)(
  "a generator is shown what BuildKit shows it, and its lists lie where they lie there",
  async () => {
    if (twins === undefined) return;
    const files = { Dockerfile: scannedDockerfile, status: "status", unused: "unused" };
    const [scanner, context] = [
      await twins.berth.files("scanner", generator),
      await twins.berth.files("scanned", files),
    ];
    const said = async (engine: "berth" | "docker"): Promise<unknown> => {
      const layout = join(twins.berth.directory, `layout-${engine}`);
      const asked = ["--sbom", "generator=generator,depth=7", "--build-arg", "BUILDKIT_SBOM_SCAN_CONTEXT=1"];
      const output = ["-o", `type=oci,tar=false,dest=${layout}`, "-t", "one:1"];
      for (const args of [
        ["-t", "generator", scanner],
        [...asked, "--provenance=true", ...output, context],
      ]) {
        const { code, stderr } = await twins[engine].run([
          ...(engine === "docker" ? ["buildx"] : []),
          "build",
          "-q",
          ...args,
        ]);
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      }
      const { entries, texts } = attestedIn(layout);
      const [image, attestation] = entries;
      return {
        types: [attestation?.mediaType, attestation?.platform, attestation?.annotations?.["vnd.docker.reference.type"]],
        isAbout: attestation?.annotations?.["vnd.docker.reference.digest"] === image?.digest,
        statements: parsed(texts).map(({ predicateType, subject, predicate }) => ({
          predicateType: predicateType.replace(/v[\d.]+$/, ""),
          subject: subject.map(({ name }) => name),
          predicate: predicateType.startsWith("https://slsa.dev/") ? {} : predicate,
        })),
      };
    };
    const docker = await said("docker");
    expect(await said("berth")).toEqual(docker);
  },
);
