import type { DockerIsol8 } from "isol8";
declare const isol8: DockerIsol8;
await isol8.putFile("/sandbox/data.csv", "col1,col2\n1,2");
const buf = await isol8.getFile("/sandbox/output.txt");
