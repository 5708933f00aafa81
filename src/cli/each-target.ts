/** Do the same to every target, one after the other; what fails doesn't stop the others. @throws {AggregateError} with every failure, at the end */
export async function eachTarget(targets: readonly string[], action: (target: string) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  for (const target of targets) {
    try {
      await action(target);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures);
}

/** {@link eachTarget}, side by side: for what takes its time, as stopping does. */
export async function eachAtOnce(targets: readonly string[], action: (target: string) => Promise<void>): Promise<void> {
  const outcomes = await Promise.allSettled(targets.map(action));
  const failures = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
  if (failures.length > 0) throw new AggregateError(failures);
}
