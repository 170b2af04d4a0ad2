#!/bin/sh
# build-addon.sh TARGET: builds the addon in a container of the Linux system that it has to load on: one with glibc
# 2.28, which is the oldest that Node.js 20 itself runs on, or one with musl. ISOL8_GUEST_BINARY names the guest.
# Runs as root in almalinux:8 or alpine, at the root of a checkout.

set -eu

if [ -e /etc/alpine-release ]; then
  apk add --no-cache build-base curl nodejs npm
else
  dnf --assumeyes --quiet module install nodejs:20/minimal
  dnf --assumeyes --quiet install gcc gcc-c++ make npm
fi
curl --proto '=https' --tlsv1.2 --silent --show-error --fail https://sh.rustup.rs |
  sh -s -- -y --profile minimal --default-toolchain stable --no-modify-path
export PATH="$HOME/.cargo/bin:$PATH"

npm ci --ignore-scripts --no-audit --no-fund
npm run build:addon -- --target "$1"
