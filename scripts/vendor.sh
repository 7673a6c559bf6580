#!/usr/bin/env bash
# Fetch the vendored files of static/vendor/ again, from npm packages of exact versions,
# and hold them against SHA256SUMS. The files are committed: nobody needs npm to run the site.
#
#   scripts/vendor.sh            fetch, compare, copy
#   scripts/vendor.sh --update   after changing a version here: fetch, copy, write new sums
set -euo pipefail

htmx=4.0.1
inter=5.3.0

vendor=$(cd "$(dirname "$0")/../static/vendor" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fetch() { # package, version, then pairs: file in the package, file here
    local package=$1 version=$2 archive
    shift 2
    archive=$(npm pack --silent "$package@$version")
    mkdir -p unpacked
    tar -xzf "$archive" -C unpacked
    while [ $# -gt 0 ]; do
        cp "unpacked/package/$1" "fresh/$2"
        shift 2
    done
    rm -rf unpacked
}

mkdir fresh
fetch htmx.org "$htmx" \
    dist/htmx.min.js htmx.min.js \
    LICENSE htmx.LICENSE.txt
fetch @fontsource-variable/inter "$inter" \
    files/inter-latin-wght-normal.woff2 inter-latin.woff2 \
    LICENSE inter.LICENSE.txt

cd fresh
if [ "${1:-}" = --update ]; then
    sha256sum -- * >"$vendor/SHA256SUMS"
fi
sha256sum --check --strict "$vendor/SHA256SUMS"
install -m 644 -- * "$vendor/"
