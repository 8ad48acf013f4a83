#!/bin/sh
# The first fan-in of the demonstration: the lines of all `digest` executions as one list, by path.
set -eu
cd "$FF_UPSTREAM_DIR"
awk '$2 != "success" { exit 1 } { print $3 }' index >"$FF_DIR/names"
xargs cat <"$FF_DIR/names" >"$FF_DIR/lines"
sort -k 2 "$FF_DIR/lines"
