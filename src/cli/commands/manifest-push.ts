import { digestOf } from "../../oci/digest.ts";
import { blobsIn } from "../../oci/image-index.ts";
import { fullName, parseReference, type Reference } from "../../oci/reference.ts";
import type { Registries } from "../../registry/registries.ts";
import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { bool } from "../flags/kinds.ts";
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
    purge: bool("Remove the local manifest list after push", { short: "p" }),
  },
  examples: ["manifest push registry.example/app:1", "manifest push --purge registry.example/app:1"],
  run: async ({ values: { insecure, purge }, args: [name = ""], io }) => {
    const list = listName(name);
    const lists = localLists(io.env);
    const images = lists.all(list);
    if (images === undefined) throw noSuchList(list);
    if (images.length === 0) throw new CliError(`${fullName(list)} not found`);
    checkImages(images, list);
    await using lazy = remoteOf(io, insecure ? [list.domain] : []);
    const { registries } = await lazy.open();
    try {
      for (const image of images) io.stdout.write(await pushImage(registries, image, list));
      const bytes = Buffer.from(listText(images));
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
