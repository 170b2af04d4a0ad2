// A CommonJS program.
import isol8 = require("isol8");

export const engine: isol8.Isol8Engine = new isol8.DockerIsol8();
isol8.logger.info(isol8.VERSION);
