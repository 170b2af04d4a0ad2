# Into /node_modules: programs below any directory find what is there, with `import` as well as with `require`.

export HOME=/tmp/home TMPDIR=/tmp/home
mkdir "$HOME"
# Not right into the root directory, which npm cannot do.
npm install --prefix "$HOME/install" --no-package-lock --loglevel=error -- "$@"
mv "$HOME/install/node_modules" /
rm -rf "$HOME"
