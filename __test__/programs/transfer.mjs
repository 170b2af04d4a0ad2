// Moves bytes between a program and the server at the given port, without end, and says `moving` once some have moved.
import { DockerIsol8 } from 'isol8';

const [port, what] = [Number(process.argv[2]), process.argv[3]];
const host = `127.0.0.1:${port}`;
const engine = new DockerIsol8({
  network: 'filtered',
  networkFilter: { ports: [port], allowPrivate: ['127.0.0.1'] },
});

const COMMANDS = {
  download: `curl --silent --no-buffer 'http://${host}/large?mib=100000'`,
  upload: `head -c 100G /dev/zero | curl --silent --no-buffer --upload-file - http://${host}/echo`,
  tunnel: `curl --silent --no-buffer --proxytunnel 'http://${host}/large?mib=100000'`,
};
const cmd = `${COMMANDS[what]} | { head -c 1000000 > /dev/null; echo moving; cat > /dev/null; }`;
for await (const { type, data } of engine.executeStream({ runtime: 'bash', cmd })) {
  if (type === 'stdout') process.stdout.write(data);
}
