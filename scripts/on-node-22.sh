#!/usr/bin/env bash
# Runs the suite and the build on the oldest supported line of Node, in a clone of HEAD; arguments go to vitest.
set -euo pipefail

# Development runs .ts files as they are, which Node does without a flag since 22.18. The published package needs 22.12 only.
version=22.23.3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/livekitex-node22-XXXXXX")
trap 'rm -rf "$work"' EXIT

git clone -q "$here" "$work/clone"
cd "$work/clone"
npm ci --no-audit --no-fund
npm install --no-save --no-audit --no-fund "node@$version"
found=$(npm exec -- node --version)
[ "$found" = "v$version" ] || { echo "expected node v$version, found $found"; exit 1; }
npm run build
npm test -- "$@"
