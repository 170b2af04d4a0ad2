import { DockerIsol8 } from "isol8";
const isol8 = new DockerIsol8({
mode: "ephemeral", // or "persistent"
network: "none", // or "host" or "filtered"
memoryLimit: "512m",
cpuLimit: 1.0,
timeoutMs: 30000,
secrets: {}, // values masked in output
persist: false, // keep container after execution for debugging
debug: false, // enable internal debug logging
});
await isol8.start();
const result = await isol8.execute({
codeUrl: "https://raw.githubusercontent.com/user/repo/main/script.py",
codeHash: "<sha256>",
runtime: "python",
installPackages: ["numpy"], // optional
});
console.log(result.stdout); // captured output
console.log(result.exitCode); // 0 = success
console.log(result.durationMs);
await isol8.stop();
