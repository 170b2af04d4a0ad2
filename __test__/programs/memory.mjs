// The resident memory of this process, watched from now on.

const MIB = 1 << 20;

export function residentMiB() {
  globalThis.gc?.();
  return process.memoryUsage.rss() / MIB;
}

export function watchMemory() {
  const before = residentMiB();
  let most = before;
  const sample = () => {
    most = Math.max(most, process.memoryUsage.rss() / MIB);
  };
  const timer = setInterval(sample, 10);
  return {
    /** How far it has been above what it was at first. */
    grownMiB() {
      clearInterval(timer);
      sample();
      return Math.round(most - before);
    },
  };
}
