/** Runtimes, as callers describe them. */

/** What a command may depend on besides the source text. */
export interface RuntimeCommandOptions {
  /** The script that holds the source text, if there is one. */
  filePath?: string;
  /** Extra flags of an agent, as the request has them. */
  agentFlags?: string;
}

/** How programs of one language are run. */
export interface RuntimeAdapter {
  /** Its name in requests and flags. */
  readonly name: string;
  /** The image that its programs run in. */
  readonly image: string;
  /** Program and arguments that run `code`, which is also in the file at `filePath` if that is given. */
  getCommand(code: string, filePath?: string): string[];
  /** The same with more to go by. Preferred where it is there. */
  getCommandWithOptions?(code: string, options: RuntimeCommandOptions): string[];
  /** Extension of its files, with the dot. */
  getFileExtension(): string;
}
