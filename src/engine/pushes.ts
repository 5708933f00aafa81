import type { Operation } from "../base/operation.ts";
import type { PushDeps, PushedImage, PushedName, PushOptions } from "../image/push.ts";
import type { PushPlan } from "../image/push-plan.ts";
import type { ImageForm } from "../image/shipped-image.ts";
import type { Digest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import { parseReference } from "../oci/reference.ts";

/** What {@link Pushes.push} takes beside the name. */
export interface PushRequest extends Operation {
  /** Every tag of the repository. */
  readonly all?: boolean;
  /** The image for it alone, without its index. */
  readonly platform?: Platform;
  /** What the image is to be at the registry: how its layers are compressed, whose media types its manifest has. */
  readonly form?: ImageForm;
  /** Leave the tag alone. */
  readonly byDigest?: boolean;
  /** What is pushed under the name, by its ID or an index's digest: the store needn't call it so. */
  readonly image?: string;
}

/** Images on their way to registries. */
export interface Pushes {
  /** Push an image under its name to the registry that the name says. Tells of each tag when the registry has it. */
  push(name: string, request?: PushRequest): AsyncIterable<PushedImage>;
  /** What {@link Pushes.push} would send; nothing is sent. */
  planPush(name: string, request?: PushRequest): AsyncIterable<PushPlan>;
}

/** The pushes of an engine. @param openPush what they work with, opened when they need it */
export function openPushes(openPush: () => Promise<PushDeps>): Pushes {
  async function* each<T>(
    name: string,
    { all = false, image, ...options }: PushRequest,
    work: (deps: PushDeps, name: PushedName, options: PushOptions) => Promise<T>,
  ): AsyncGenerator<T> {
    const { namePushed, namesPushed } = await import("../image/push.ts");
    const deps = await openPush();
    const reference = parseReference(name);
    const names = image === undefined ? namesPushed(deps, reference, { all }) : [namePushed(deps, reference, image)];
    for (const one of names) yield await work(deps, one, options);
  }
  return {
    push: async function* (name, request = {}) {
      const { pushImage } = await import("../image/push.ts");
      yield* each(name, request, pushImage);
    },
    planPush: async function* (name, request = {}) {
      const { planBehind, planPush } = await import("../image/push-plan.ts");
      const sent = new Set<Digest>();
      for await (const plan of each(name, request, planPush)) yield planBehind(plan, sent);
    },
  };
}
