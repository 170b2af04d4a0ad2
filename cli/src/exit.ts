/** Exit codes of our own. Whatever else `isol8 run` exits with is the code of the program it ran. */
export const Exit = {
  Failed: 1,
  /** SIGINT: 128 + 2. */
  Interrupted: 130,
  /** Nobody reads our stdout any more: 128 + 13, what a shell reports for a program that SIGPIPE ended. */
  BrokenPipe: 141,
  /** SIGTERM: 128 + 15. */
  Terminated: 143,
} as const;
