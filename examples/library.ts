// Build an image, run it, change it, commit it: `node examples/library.ts`, with Node 26 and no flags.
// It needs root and the image busybox:latest, which `npm start` makes.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultRequest, openEngine } from "berth-engine";

const context = await mkdtemp(join(tmpdir(), "berth-example-"));
await writeFile(join(context, "Dockerfile"), 'FROM busybox\nRUN echo hello > /greeting\nCMD ["cat", "/greeting"]\n');

await using engine = await openEngine();
const { image } = await engine.build({
  context,
  tags: ["library-example"],
  signal: AbortSignal.timeout(60_000),
  report: (event) => {
    if (event.kind === "step") console.log(`${event.status.padEnd(8)}${event.name}`);
  },
});
console.log(`built ${image.id} of ${image.size} bytes`);

const { id } = await engine.containers.create({
  ...defaultRequest("library-example"),
  command: ["sh", "-c", "cat /greeting; echo again >> /greeting"],
  network: "none",
});
const attachment = await engine.containers.start(id, {
  attach: { onOutput: (stream, data) => console.log(`${stream}: ${Buffer.from(data).toString().trim()}`) },
});
await attachment?.ended;
console.log(`exit code ${await engine.containers.wait(id)}`);
for (const { kind, path } of await engine.containers.diff(id)) console.log(`${kind} ${path}`);

const committed = await engine.containers.commit(id, { pause: true, message: "greet twice" });
console.log(`committed ${committed.id}`);
for (const step of engine.images.history(committed.id)) console.log(`${step.size} bytes\t${step.createdBy}`);

await engine.containers.remove(id);
await engine.images.remove(committed.id);
await engine.images.remove("library-example");
await rm(context, { recursive: true });
