import { digestOf } from "../../oci/digest.ts";
import { blobsIn } from "../../oci/image-index.ts";
import { fullName, parseReference, type Reference } from "../../oci/reference.ts";
import { planTree } from "../../registry/copy-tree.ts";
import type { Registries } from "../../registry/registries.ts";
import type { PlannedBlob } from "../../registry/send.ts";
import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { bool } from "../flags/kinds.ts";
import { copyPlanText, eachOnce } from "../list/copy-plan.ts";
import { type ImageManifest, listText } from "../manifest/image-manifest.ts";
import { listName, localLists, noSuchList } from "../manifest/local-lists.ts";
import { remoteOf } from "../remote.ts";
import { asStreamed } from "./pull-image.ts";

/** `berth manifest push` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] MANIFEST_LIST",
  arity: { min: 1, max: 1 },
  flags: {
    insecure: bool("Allow push to an insecure registry"),
    plan: bool("Say what would be sent, and send nothing"),
    purge: bool("Remove the local manifest list after push", { short: "p" }),
  },
  examples: ["manifest push registry.example/app:1", "manifest push --plan registry.example/app:1"],
  run: async ({ values: { insecure, plan, purge }, args: [name = ""], io }) => {
    const list = listName(name);
    const lists = localLists(io.env);
    const images = lists.all(list);
    if (images === undefined) throw noSuchList(list);
    if (images.length === 0) throw new CliError(`${fullName(list)} not found`);
    checkImages(images, list);
    await using lazy = remoteOf(io, insecure ? [list.domain] : []);
    const { registries, parallelUploads } = await lazy.open();
    try {
      const bytes = Buffer.from(listText(images));
      if (plan) {
        const blobs = await planImages(registries, images, { list, concurrent: parallelUploads });
        io.stdout.write(copyPlanText({ digest: digestOf(bytes), ...eachOnce(blobs) }));
        return 0;
      }
      for (const image of images) io.stdout.write(await pushImage(registries, image, list));
      const { mediaType } = JSON.parse(bytes.toString()) as { readonly mediaType: string };
      const repository = registries.repository(list, { isWritten: true });
      await repository.putManifest(list.tag ?? digestOf(bytes), { bytes, mediaType });
      io.stdout.write(`${digestOf(bytes)}\n`);
    } catch (error) {
      throw asStreamed(error);
    }
    if (purge) lists.remove(list);
    return 0;
  },
});

/** @throws {CliError} in Docker's words */
function checkImages(images: readonly ImageManifest[], list: Reference): void {
  for (const { ref, platform } of images) {
    if (!platform?.architecture || !platform.os) {
      throw new CliError(`manifest ${ref} must have an OS and Architecture to be pushed to a registry`);
    }
    const { domain } = parseReference(ref);
    if (domain === list.domain) continue;
    const why = "cannot use source images from a different registry than the target image";
    throw new CliError(`${why}: ${domain} != ${list.domain}`);
  }
}

/** What {@link pushImage} would do with the blobs of each image. */
async function planImages(
  registries: Registries,
  images: readonly ImageManifest[],
  { list, concurrent }: { readonly list: Reference; readonly concurrent: number },
): Promise<readonly PlannedBlob[]> {
  const to = registries.repository(list);
  const blobs: PlannedBlob[] = [];
  for (const { ref, digest } of images) {
    const { domain, path } = parseReference(ref);
    if (path === list.path) continue;
    const ends = { from: registries.repository({ domain, path }), to, mountFrom: path };
    blobs.push(...(await planTree(ends, { digest }, { concurrent })));
  }
  return blobs;
}

/** Bring an image to the list's repository, where it isn't from there: its blobs are mounted. @returns what is said of it */
async function pushImage(registries: Registries, image: ImageManifest, list: Reference): Promise<string> {
  const { domain, path } = parseReference(image.ref);
  if (path === list.path) return "";
  const [source, target] = [registries.repository({ domain, path }), registries.repository(list, { isWritten: true })];
  for (const blob of blobsIn(image.bytes)) {
    const body = (): ReturnType<Parameters<typeof target.upload>[0]["body"]> => {
      return { bytes: source.blob(blob), digest: () => blob.digest };
    };
    await target.upload({ digest: blob.digest, size: blob.size, mountFrom: path, body });
  }
  await target.putManifest(image.digest, image);
  const { digest } = image;
  const pushed = fullName({ domain: list.domain, path: list.path, digest });
  return `Pushed ref ${pushed} with digest: ${digest}\n`;
}
