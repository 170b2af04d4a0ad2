// What a caller's own code relies on.
import {
  DockerIsol8,
  type ExecutionRequest,
  type Isol8Engine,
  type Isol8ErrorCode,
  LABELS,
  PythonAdapter,
  type RuntimeAdapter,
  RuntimeRegistry,
} from "isol8";

export async function run(engine: Isol8Engine, request: ExecutionRequest): Promise<string> {
  const { stdout } = await engine.execute(request);
  return stdout;
}

/** Engines are interchangeable, and a detected runtime can be run. */
export async function main(file: string): Promise<string> {
  await using engine = new DockerIsol8({}, 2);
  return run(engine, { runtime: RuntimeRegistry.detect(file).name, code: "" });
}

const ruby: RuntimeAdapter = {
  name: "ruby",
  image: "ruby:slim",
  getCommand: (code, filePath) => (filePath ? ["ruby", filePath] : ["ruby", "-e", code]),
  getFileExtension: () => ".rb",
};
RuntimeRegistry.register(ruby, [".rake"]);

export const words: string[] = PythonAdapter.getCommand("print(1)");
export const key: string = LABELS.dockerHash;

export const retry = (code: Isol8ErrorCode): boolean => code === "SANDBOX_LOST";

// @ts-expect-error Labels are for good.
LABELS.runtime = "other";

// @ts-expect-error There is no such code.
export const never: Isol8ErrorCode = "NO_SUCH_CODE";
