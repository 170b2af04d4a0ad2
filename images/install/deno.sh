# Deno's own cache is of no use here, since a sandbox has its in a directory of its own. Deno also looks for modules
# beside the configuration file that it finds above a program: npm packages in /node_modules, all others in /vendor.

export HOME=/tmp/home TMPDIR=/tmp/home DENO_DIR=/tmp/home/deno NO_COLOR=1
mkdir "$HOME"
cd /
settings() { printf '{ "nodeModulesDir": "%s", "vendor": %s, "lock": false }\n' "$@" > deno.json; }
settings auto true
deno cache "$@"
# From now on, what is there is what is used, for whichever version range a program names. Where there is nothing of
# one kind, Deno goes on fetching that kind as it always does.
packages=none; if [[ -d node_modules ]]; then packages=manual; fi
vendored=false; if [[ -d vendor ]]; then vendored=true; fi
settings "$packages" "$vendored"
rm -rf "$HOME"
