// The engine of a program: in its process, or at the server of the test that started it.
import { DockerIsol8, RemoteIsol8 } from 'isol8';

export function engineWith(options) {
  const place = process.env.ISOL8_TEST_SERVER;
  return place ? new RemoteIsol8(JSON.parse(place), options) : new DockerIsol8(options);
}
