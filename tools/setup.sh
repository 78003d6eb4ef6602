#!/bin/sh
# Prepares this checkout: `tools/setup.sh run` for the product, `tools/setup.sh test` for its tests too.
# Makes .venv, installs the pinned packages into it, and Debian's packages where this user may.
set -eu
cd "$(dirname "$0")/.."
what="${1:-run}"
lock=requirements.lock
packages="libzbar0"
if [ "$what" = test ]; then
    lock=requirements-dev.lock
    packages="libzbar0 chromium fonts-noto-cjk mosquitto"
fi

say() { printf 'setup: %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then sudo -n "$@"
    else return 1
    fi
}

debian() { # installs the Debian packages named, or says in plain words that it could not
    command -v apt-get >/dev/null 2>&1 || { say "this is no Debian: please install $* yourself"; return 1; }
    say "installing Debian's packages: $*"
    if as_root true; then
        as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    else
        say "this user may not install packages; ask an administrator to run: apt-get install $*"
        return 1
    fi
}

missing() { # prints those of the Debian packages named that are not installed
    for package in "$@"; do
        case $package in
            libzbar0) ldconfig -p 2>/dev/null | grep -q 'libzbar\.so\.0' || echo "$package" ;;
            chromium) command -v chromium >/dev/null 2>&1 || echo "$package" ;;
            mosquitto) [ -x /usr/sbin/mosquitto ] || echo "$package" ;;
            *) dpkg -s "$package" >/dev/null 2>&1 || echo "$package" ;;
        esac
    done
}

python=""
for candidate in python3.14 python3.13 python3.12 python3.11 python3; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python="$candidate"
        break
    fi
done
if [ -z "$python" ]; then
    debian python3 python3-venv || true
    python=python3
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        { say "Storebridge needs Python 3.11 or newer, and there is none here"; exit 1; }
fi

# shellcheck disable=SC2086 # the list is meant to be split
lacking=$(missing $packages | tr '\n' ' ')
if [ -n "$lacking" ]; then
    # shellcheck disable=SC2086
    debian $lacking || case " $lacking" in
        *" libzbar0 "*) say "without libzbar0 no code can be read, and nothing here works"; exit 1 ;;
        *) say "without $lacking the tests that need them are skipped" ;;
    esac
fi

stamp=".venv/.installed-$(cat "$lock" pyproject.toml | cksum | tr ' ' '-')"
if [ ! -e "$stamp" ]; then
    if ! "$python" -m venv .venv 2>/dev/null; then
        debian python3-venv || exit 1
        "$python" -m venv .venv
    fi
    say "installing the pinned packages of $lock (about a minute)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
    rm -f .venv/.installed-*
    : > "$stamp"
fi
say "ready"
