// Servers for the tests of one file, in a process of their own. A message with options starts one, one without ends it.
import { createServer } from 'isol8';

const servers = new Map();

process.on('message', async ({ id, options }) => {
  try {
    if (options) {
      const server = await createServer(options);
      servers.set(id, server);
      process.send({ id, port: server.port });
    } else {
      await servers.get(id)?.shutdown();
      servers.delete(id);
      process.send({ id });
    }
  } catch (error) {
    process.send({ id, failure: String(error) });
  }
});

process.on('disconnect', () => process.exit());
