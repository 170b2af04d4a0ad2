# What has been written where nothing can be written.
found = []
for directory in ("/etc", "/usr/local/bin", "/"):
    found += [f"{directory}/{name}" for name in os.listdir(directory) if name.startswith("isol8-raced")]
print(json.dumps(found))
