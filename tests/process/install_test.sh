#!/bin/sh
# install_test.sh BUILD SOURCE: what `make install` installs is enough for the examples: the worker in
# C builds with pkg-config, the plugin with the include folder, and the configuration is accepted.
set -eu
build=$1 source=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

cmake --install "$build" --prefix "$root" >"$root/log" || { cat "$root/log"; exit 1; }
pc=$(dirname "$(find "$root" -name flowfabric.pc)")
flags=$(PKG_CONFIG_PATH=$pc pkg-config --define-variable=prefix="$root" --cflags --libs flowfabric)

# shellcheck disable=SC2086
cc -o "$root/worker" "$source/examples/worker.c" $flags
cc -shared -fPIC -I "$root/include/flowfabric" -o "$root/shout.so" "$source/examples/plugin.c"
c++ -fsyntax-only -x c++ -I "$root/include/flowfabric" "$root/include/flowfabric/workers/plugin.h"

conf=$(find "$root" -name flowfabric.conf -path '*examples*')
FF_STATE_DIR=$root/state FF_RUNTIME_DIR=$root/run "$root/bin/flowfabricd" check-config "$conf" >/dev/null
echo "installed, built against, accepted"
