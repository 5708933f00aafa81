import { createHash } from "node:crypto";

/** An image for one platform as a registry has it. */
export interface RegistryImage {
  /** Of its manifest. */
  readonly digest: string;
  /** Its config and its layers, each once. */
  readonly blobs: readonly { readonly digest: string; readonly size: number }[];
}

/**
 * Look at the image that a repository has under a tag.
 *
 * @param url of the repository: `http://127.0.0.1:5000/v2/team/app`
 * @throws when it isn't there, or one of its blobs isn't what its digest says
 */
export async function imageAt(url: string, tag: string): Promise<RegistryImage> {
  const manifest = await bytesAt(`${url}/manifests/${tag}`);
  const { config, layers } = JSON.parse(manifest.toString()) as {
    readonly config: RegistryImage["blobs"][number];
    readonly layers: RegistryImage["blobs"];
  };
  const blobs = [...new Map([config, ...layers].map((blob) => [blob.digest, blob])).values()];
  for (const { digest } of blobs) {
    const found = digestOf(await bytesAt(`${url}/blobs/${digest}`));
    if (found !== digest) throw new Error(`the registry has ${found} as ${digest}`);
  }
  return { digest: digestOf(manifest), blobs };
}

async function bytesAt(url: string): Promise<Buffer> {
  const answer = await fetch(url, { headers: { Accept: "application/vnd.oci.image.manifest.v1+json" } });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
