/** Waiting without a clock. */

/** Polls; throws, naming `what`, when it never becomes true. The limit only ends a hang. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  seconds = 60,
) {
  const end = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`in ${seconds} s it did not come to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
