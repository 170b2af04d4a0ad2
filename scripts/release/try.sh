#!/bin/sh
# try.sh TARBALLS PLATFORM [--execute]: installs the packages of a release into an empty folder, with an empty home
# directory, and loads them. With --execute, it also runs code in a sandbox, with the Docker engine of this machine.
# Needs Node.js with npm and nothing else, so that it runs on systems that nothing of ours was built on.

set -eu

tarballs=$1
platform=$2
how=${3:-}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/home" "$scratch/app"
export HOME="$scratch/home"
cd "$scratch/app"

npm install --no-audit --no-fund \
  "$tarballs"/isol8-addon-"$platform"-[0-9]*.tgz "$tarballs"/isol8-[0-9]*.tgz "$tarballs"/isol8-cli-*.tgz

node -e "console.log('require:', require('isol8').VERSION)"
node --input-type=module -e "import { VERSION } from 'isol8'; console.log('import:', VERSION)"
npx --no-install isol8 --version

if [ "$how" = --execute ]; then
  npx --no-install isol8 setup --only python
  [ "$(npx --no-install isol8 run -e 'print(2 ** 10)')" = 1024 ]
  echo 'execute: 1024'
fi
