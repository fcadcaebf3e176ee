#!/usr/bin/env bash
# Runs the suite and the build on the oldest supported line of Node, in a clone of HEAD; arguments go to vitest.
set -euo pipefail

# Development runs .ts files as they are, which Node does without a flag since 22.18; what is published is JavaScript.
development=22.23.3
published=22.12.0 # the `engines` of package.json
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/livekitex-node22-XXXXXX")
trap 'rm -rf "$work"' EXIT

git clone -q "$here" "$work/clone"
cd "$work/clone"
npm ci --no-audit --no-fund

use_node() {
  npm install --no-save --no-audit --no-fund "node@$1"
  local found
  found=$(npm exec -- node --version)
  [ "$found" = "v$1" ] || { echo "expected node v$1, found $found"; return 1; }
}

use_node "$development"
npm run build
npm test -- "$@"

use_node "$published"
# shellcheck disable=SC2016
npm exec -- node --input-type=module -e '
  import { readFileSync } from "node:fs";
  const { name, exports } = JSON.parse(readFileSync("package.json", "utf8"));
  for (const path of Object.keys(exports).filter((path) => !path.endsWith(".json"))) {
    const entry = await import(name + path.slice(1));
    console.log(`node ${process.version} imports ${name + path.slice(1)}: ${Object.keys(entry).length} names`);
  }'
