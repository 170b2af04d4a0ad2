# Whoever is still there of those that `spinners` has started. Counted, and then ended.
found = 0
for name in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{name}/cmdline") as file:
            if "isol8-spinner" in file.read():
                found += 1
                os.kill(int(name), signal.SIGKILL)
    except OSError:
        pass
print(found)
