#!/bin/sh
# The last fan-in of the demonstration: the `words` of all files in one sum, after a look whether the
# files still are those of the manifest, which is the result of many lines.
set -eu
cd "$FF_UPSTREAM_DIR"
awk '$2 != "success" { exit 1 } { print $3 }' index >"$FF_DIR/names"
xargs cat <"$FF_DIR/names" >"$FF_DIR/lines"
grep -E '^[0-9a-f]{64}  ' "$FF_DIR/lines" >"$FF_DIR/manifest"
sha256sum --check --quiet "$FF_DIR/manifest" >&2
awk 'length($1) != 64 { files++; words += $1 }
    END { printf "%d files, %d words, as approved\n", files, words }' "$FF_DIR/lines"
