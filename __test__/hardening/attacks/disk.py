# On to the host's disk: 1 MiB in every directory of the image's file system, for as long as it takes to look.
attempts = 0
for directory, names, _ in os.walk("/"):
    names[:] = [name for name in names if os.path.join(directory, name) not in ("/proc", "/sys", "/dev", "/sandbox", "/tmp")]
    if attempts < 3000 and directory.count("/") <= 4:
        attempts += 1

        def write():
            path = os.path.join(directory, ".isol8-written")
            with open(path, "wb") as file:
                os.unlink(path)
                file.write(bytes(1 << 20))
        answer = verdict(write)
        ANSWERS[answer] = ANSWERS.get(answer, 0) + 1
tell()
