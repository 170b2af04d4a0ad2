// The Docker engine as other people's programs see it: through dockerode and the docker command.

import Docker from 'dockerode';

export const docker = new Docker();

/** Marks everything that this bench makes itself. */
export const LABEL = 'isol8.bench';
export const LABELS = { [LABEL]: String(process.pid) };

/** Removes all containers that this process has made through the API or the command. */
export async function removeOurs() {
  const filters = { label: [`${LABEL}=${process.pid}`] };
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker
      .getContainer(Id)
      .remove({ force: true })
      .catch((error) => {
        // Gone, or on its way.
        if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
      });
  }
}
