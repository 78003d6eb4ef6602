#!/bin/sh
# Installs what the tests of the screens need from npm (package.json); the product needs nothing of it.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }

[ node_modules/.package-lock.json -nt package-lock.json ] && exit 0
if ! command -v npm >/dev/null 2>&1; then
    say "there is no npm here; the tests that let axe-core look at the screens are skipped"
    exit 0
fi
say "installing axe-core from npm, for the tests of the screens"
if said=$(npm ci 2>&1); then
    touch node_modules/.package-lock.json
else
    printf '%s\n' "$said" >&2
    say "npm could not install it; the tests that let axe-core look at the screens are skipped"
fi
