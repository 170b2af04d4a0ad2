// Makes a server whose configuration has a key that means nothing.
import { createServer } from 'isol8';

const config = { server: { limts: { queue: 1 } } };
const server = await createServer({ port: 0, host: '127.0.0.1', apiKey: 'of-nobody', config });
await server.shutdown();
