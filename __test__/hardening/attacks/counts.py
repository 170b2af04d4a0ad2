# As many as there can be of what KIND says, up to TARGET. Prints how many there were at a time.
import threading
import time


def processes():
    for number in range(TARGET):
        if os.fork() == 0:
            signal.pause()
        yield number + 1


def threads():
    for number in range(TARGET):
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        yield number + 1


def zombies():
    """Children that have ended, and that nobody asks after."""
    for number in range(TARGET):
        if os.fork() == 0:
            os._exit(0)
        yield number + 1


def dead():
    """How many processes have ended and are still listed."""
    found = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                found += file.read().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            pass
    return found


def orphans():
    """Those whose parent has ended before them, which are PID 1's to ask after."""
    for _ in range(TARGET):
        if (child := os.fork()) == 0:
            if os.fork() == 0:
                os._exit(0)
            os._exit(0)
        os.waitpid(child, 0)
    time.sleep(0.3)
    yield dead()


count = 0
try:
    for count in {"processes": processes, "threads": threads, "zombies": zombies, "orphans": orphans}[KIND]():
        pass
except (OSError, RuntimeError):
    pass
print(count, flush=True)
os._exit(0)
