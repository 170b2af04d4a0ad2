/** How suites are run (`vitest.config.mts`). */

/**
 * Suites of the library that are by their nature about this process, with the reason. All others run twice: with
 * `DockerIsol8`, and with `RemoteIsol8` (`any-engine.ts`).
 */
export const LOCAL: Record<string, string> = {
  adapters: 'JavaScript alone: what a command looks like',
  'audit-log': 'files of a log, which the process writes that has the containers',
  cleanup: 'asks the Docker engine of this machine, without an engine of ours',
  config: 'reads a file',
  crash: 'the process that has the containers ends',
  'custom-images': 'builds images on this machine',
  'custom-runtimes': 'runtimes are registered in this process; those of a server are its own',
  daemon: 'a Docker engine that is not there, or is restarted',
  endurance: 'the memory of the process that has the containers',
  exports: 'names, without an engine',
  images: 'builds images on this machine',
  'image-choice': 'which of this machine’s images fits; a server asks the same code',
  logger: 'JavaScript alone',
  'network/http': 'what programs and the proxy say to each other, of which a client hears nothing',
  'network/tunnels': 'the same',
  'network/websocket': 'the same',
  package: 'what is in the package',
  pool: 'how many sandboxes stand ready; of a server, that is its operator’s affair',
  registry: 'runtimes are registered in this process',
  semaphore: 'JavaScript alone',
  storm: 'the memory, files and threads of the process that has the containers',
};

/** Suites that are about time: no other suite runs at the same time. */
export const ALONE = [
  'library/abort',
  'library/crash',
  'library/lifecycle',
  'library/live-stdin',
  'library/streaming',
  'library/timeouts',
];
