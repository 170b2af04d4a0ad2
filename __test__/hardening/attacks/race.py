# Names that mean one thing when they are looked at, and another when they are used. Goes on for SECONDS, or until there
# is a file that stops it.
import random
import time

os.makedirs("/sandbox/race", exist_ok=True)
os.chdir("/sandbox/race")
if os.path.exists("stop"):
    os.unlink("stop")
os.makedirs("real", exist_ok=True)
open("mine", "w").write("mine")
os.mkfifo("pipe") if not os.path.lexists("pipe") else None
print("racing", flush=True)


def becomes(name, make):
    """Another thing in its place, without a moment in which there is none."""
    temporary = f"{name}.{os.getpid()}"
    # Where both are the same file, renaming does nothing and leaves both.
    if os.path.lexists(temporary):
        os.unlink(temporary)
    make(temporary)
    os.rename(temporary, name)


FILES = [
    lambda name: open(name, "w").write("mine"),
    lambda name: os.symlink("/etc/shadow", name),
    lambda name: os.symlink("/proc/1/environ", name),
    lambda name: os.mkfifo(name),
    lambda name: os.symlink("/dev/zero", name),
    lambda name: os.link("mine", name),
]
DIRECTORIES = ["real", "/etc", "/usr/local/bin", "/proc/1", "/", "real"]
end = time.monotonic() + SECONDS
while time.monotonic() < end and not os.path.exists("stop"):
    try:
        becomes("file", random.choice(FILES))
        becomes("directory", lambda name: os.symlink(random.choice(DIRECTORIES), name))
        with open("growing", "ab") as file:
            file.write(bytes(random.randrange(1 << 16)))
            if random.random() < 0.2:
                file.truncate(0)
    except OSError:
        pass
