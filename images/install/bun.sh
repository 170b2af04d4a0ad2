# Into /node_modules, as for Node.

export HOME=/tmp/home TMPDIR=/tmp/home NO_COLOR=1
mkdir "$HOME"
cd /
bun add --linker=hoisted --no-progress -- "$@"
rm -rf "$HOME" /package.json /bun.lock
