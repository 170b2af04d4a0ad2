# What lies in wait for whoever reads and writes files of a sandbox from outside.
import shutil
import socket

SECRET = "/etc/shadow"
shutil.rmtree("/sandbox/bait", ignore_errors=True)
os.makedirs("/sandbox/bait/real")
os.chdir("/sandbox/bait")

LINKS = {
    "secret": SECRET,
    "over-secret": SECRET,
    "environment": "/proc/1/environ",
    "memory": "/proc/1/mem",
    "own-environment": "/proc/self/environ",
    "own-map": "/proc/self/maps",
    "own-descriptor": "/proc/self/fd/0",
    "thread": "/proc/thread-self/stack",
    "cell": "/sys/kernel/uevent_seqnum",
    "zeroes": "/dev/zero",
    "chance": "/dev/random",
    "terminal": "/dev/ptmx",
    "guest": "/usr/local/bin/isol8-init",
    "passwd": "/etc/passwd",
    "order-of-killing": "/proc/self/oom_score_adj",
    "root": "/proc/1/root/etc/shadow",
    "elsewhere": "/etc",
    "loop": "loop",
}
for name, target in LINKS.items():
    os.symlink(target, name)
for number in range(60):
    os.symlink(f"chain-{number + 1}", f"chain-{number}")
open("chain-60", "w").write("the end")
os.mkfifo("fifo", 0o666)
server = socket.socket(socket.AF_UNIX)
server.bind("socket")
os.makedirs("directory")
with open("hole", "wb") as file:
    file.truncate(1 << 40)
with open("mine", "w") as file:
    file.write("mine")
os.symlink("mine", "good-link")
try:
    os.chdir("directory")
    for _ in range(300):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    open("deep", "w").close()
except OSError:
    pass
print("planted")
