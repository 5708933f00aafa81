import type { MachineImage } from "./image.ts";
import { startMachine } from "./machine.ts";

/** What {@link endToEnd} takes. */
export interface EndToEndOptions {
  readonly scratch: string;
  readonly init: "systemd" | "plain";
  /** Arguments of vitest: files, `-t` with a name. */
  readonly tests: readonly string[];
}

/** The addresses that qemu's network has. */
const network = `modprobe virtio_net
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
echo nameserver 10.0.2.3 > /etc/resolv.conf`;

/** The whole of it takes some 20 times as long as without emulation. */
const seconds = 3600;

/**
 * Run end-to-end tests inside a machine; its output goes to stdout, and ends with `N passed, N failed`.
 *
 * @returns the exit code
 */
export async function endToEnd(image: MachineImage, options: EndToEndOptions): Promise<number> {
  const tests = options.tests.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const job = `${network}
berth_report=/run/report.json NO_COLOR=1
export NO_COLOR
bin/berth doctor
set -o pipefail
vitest run --project e2e --no-file-parallelism --reporter=default --reporter=json --outputFile.json=$berth_report ${tests} </dev/null 2>&1 | cat || code=$?
touch $berth_report
node scripts/test-summary.ts $berth_report || code=1
exit "\${code:-0}"`;
  await using machine = startMachine(image, {
    scratch: options.scratch,
    init: options.init,
    job,
    network: true,
    seconds,
  });
  let code: number | undefined;
  for await (const line of machine.lines) {
    const ended = /^exit code: (\d+)$/.exec(line);
    if (ended === null) process.stdout.write(`${line}\n`);
    else code = Number(ended[1]);
  }
  const inTime = await machine.ended();
  if (code !== undefined) return code;
  process.stdout.write(
    `${machine.console()}\n*** ${inTime ? "the machine ended early" : `nothing after ${seconds} s`} ***\n`,
  );
  process.stdout.write("0 passed, 1 failed\n");
  return 1;
}
