#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# module-tree.sh DIR: the module's sources as they build on their own, for DKMS
# and for make install: kmod/ and the uapi headers below it.

set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
dir=${1:?directory}

mkdir -p "$dir/include/uapi/linux"
cp -r "$top"/kmod/. "$dir/"
cp "$top"/include/uapi/linux/*.h "$dir/include/uapi/linux/"
chmod -R u=rwX,go=rX "$dir"
