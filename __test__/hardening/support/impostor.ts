/**
 * Images in which another program is the guest. The engine puts its own guest into every image that it has not made
 * itself, so this takes what only the owner of a Docker engine can do: give an image the name of one that was made.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DockerIsol8 } from 'isol8';
import { build, docker, inspect } from '../../support/docker.js';

const run = promisify(execFile);
const GUEST_LABEL = 'org.isol8.guest';

/** An image whose sandboxes have the liar of `guest/liar.py` as their guest. */
export class Impostor {
  private constructor(
    /** What to give an engine as its `image`. */
    readonly image: string,
    private readonly prepared: string,
    private readonly disguised: string,
  ) {}

  /** `greeting` is how the liar greets. */
  static async make(greeting = ''): Promise<Impostor> {
    const id = randomUUID();
    const [image, disguised] = [`isol8-test:plain-${id}`, `isol8-test:liar-${id}`];
    await build(image, `FROM debian:trixie-slim\nLABEL isol8.test=${id}\n`);
    // Prepared as any other image is, by the engine itself.
    const engine = new DockerIsol8({ image });
    await engine.execute({ runtime: 'bash', code: ':' });
    await engine.stop();
    const prepared = await preparedFrom(image);
    const hash = (await inspect(prepared)).Config.Labels[GUEST_LABEL];
    await buildIn(
      disguised,
      `FROM isol8:python
COPY liar.py /usr/local/bin/isol8-init
RUN chmod 755 /usr/local/bin/isol8-init
ENV GREETING=${greeting}
LABEL ${GUEST_LABEL}=${hash}
`,
    );
    await docker(['tag', disguised, prepared]);
    return new Impostor(image, prepared, disguised);
  }

  async discard(): Promise<void> {
    await docker(['rmi', '--force', this.prepared, this.disguised, this.image]);
  }
}

/** The name of what was made of the image of this name. */
export async function preparedFrom(image: string): Promise<string> {
  const id = (await inspect(image)).Id.slice('sha256:'.length, 'sha256:'.length + 32);
  const format = '{{.Repository}}:{{.Tag}}';
  const listed = await docker(['images', '--format', format, '--filter', `reference=isol8:prepared-${id}-*`]);
  return listed.split('\n')[0] ?? '';
}

/** Builds with the directory of the liar as context. */
async function buildIn(tag: string, dockerfile: string): Promise<void> {
  const directory = fileURLToPath(new URL('../guest', import.meta.url));
  const env = { ...process.env, DOCKER_BUILDKIT: '0' };
  const args = ['build', '--quiet', '--network', 'none', '--tag', tag, '--file', '-', directory];
  const building = run('docker', args, { env });
  building.child.stdin?.end(dockerfile);
  await building;
}
