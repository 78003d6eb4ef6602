#!/bin/sh
# Prepares this checkout: `tools/setup.sh run` for the product, `tools/setup.sh test` for its tests too.
# Makes .venv, installs the pinned packages into it, and Debian's packages where this user may.
set -eu
cd "$(dirname "$0")/.."
what="${1:-run}"
case $what in
    run) lock=requirements.lock packages="libzbar0" ;;
    test)
        lock=requirements-dev.lock
        packages="libzbar0 chromium libatomic1 fonts-noto-cjk mosquitto npm ffmpeg python3-gi"
        # a real RTSP server
        packages="$packages gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base"
        packages="$packages gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly"
        ;;
    *) echo "usage: tools/setup.sh run|test" >&2; exit 2 ;;
esac

say() { printf 'setup: %s\n' "$*"; }

fail() { say "$*" >&2; exit 1; }

quietly() { # runs a command, and shows what it said only if it failed
    said=$("$@" 2>&1) || { printf '%s\n' "$said" >&2; return 1; }
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then sudo -n "$@"
    else return 1
    fi
}

debian() { # installs the Debian packages named, or says in plain words that it could not
    command -v apt-get >/dev/null 2>&1 || { say "this is no Debian: please install $* yourself"; return 1; }
    as_root true || {
        say "this user may not install packages; ask an administrator to run: apt-get install $*"
        return 1
    }
    say "installing Debian's packages: $*"
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
        quietly as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -q --no-install-recommends "$@" ||
        { say "they could not be installed; what stands above says why"; return 1; }
}

can_make_venv="import ensurepip, venv"
find_python() { # prints the newest Python here that is new enough
    for candidate in python3.14 python3.13 python3.12 python3.11 python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

ldconfig_knows() { PATH="$PATH:/usr/sbin:/sbin" ldconfig -p 2>/dev/null | grep -q "$1"; }

missing() { # prints those of the Debian packages named that are not installed, in one line
    for package in "$@"; do
        case $package in
            libzbar0) ldconfig_knows 'libzbar\.so\.0' ;;
            chromium | npm | ffmpeg) command -v "$package" >/dev/null 2>&1 ;;
            mosquitto) [ -x /usr/sbin/mosquitto ] || command -v mosquitto >/dev/null 2>&1 ;;
            libatomic1) ldconfig_knows 'libatomic\.so\.1' ;; # the driver of the browser needs it
            *) dpkg -s "$package" >/dev/null 2>&1 ;;
        esac || printf '%s ' "$package"
    done
}

# What is installed carries the sums of what it was installed from, and where; the tests' packages
# hold the product's.
locks=$({ pwd; cat requirements.lock requirements-dev.lock; } | cksum | cut -d ' ' -f 1)
project=$(cksum < pyproject.toml | cut -d ' ' -f 1)
# shellcheck disable=SC2086,SC2012 # `*` stands for any
installed() { ls .venv/.installed-$1-"$locks"-$2 >/dev/null 2>&1 && .venv/bin/python -c '' 2>/dev/null; }
ready() { installed test "$project" || installed "$what" "$project"; }

# shellcheck disable=SC2086 # the list is meant to be split
lacking=$(missing $packages)
python=""
if ! installed '*' '*'; then
    python=$(find_python)
    if [ -z "$python" ]; then
        lacking="python3 python3-venv $lacking"
    elif ! "$python" -c "$can_make_venv" 2>/dev/null; then
        lacking="$python-venv $lacking"
    fi
fi
if [ -n "$lacking" ]; then
    # shellcheck disable=SC2086
    debian $lacking || true
    # shellcheck disable=SC2086
    lacking=$(missing $packages)
    case $lacking in
        "") ;;
        *libzbar0*) fail "without libzbar0 no code can be read, and nothing here works" ;;
        *) say "the tests that need these are skipped, or fail where CI is set: $lacking" ;;
    esac
fi

if ! ready; then
    if ! installed '*' '*'; then # what other locks installed goes: two packages may bring one module
        python=$(find_python)
        [ -n "$python" ] || fail "Storebridge needs Python 3.11 or newer, and there is none here"
        "$python" -c "$can_make_venv" 2>/dev/null ||
            fail "$python cannot make a virtual environment without Debian's $python-venv"
        quietly "$python" -m venv --clear .venv ||
            fail "the folder .venv could not be made; what stands above says why"
    fi
    say "installing the pinned packages of $lock into .venv (about a minute)"
    pip() { .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"; }
    { pip --require-hashes -r "$lock" && pip --no-deps --no-build-isolation --editable .; } ||
        fail "the packages could not be installed; what stands above says why (is a registry in reach?)"
    rm -f .venv/.installed-*
    : > ".venv/.installed-$what-$locks-$project"
fi
say "ready"
