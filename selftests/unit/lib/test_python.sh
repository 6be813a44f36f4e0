#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# What python3-ockam says of libockam's structures and constants is what the compiler
# makes of the headers.

top=$(cd "$(dirname "$0")/../../.." && pwd)
python=$top/userspace/python/ockam
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# Without the library: only what is said of it.
python3 -B - "$python" >"$tmp/test.c" <<'PY'
import ast, ctypes, re, sys

def module(name, **known):
    tree = ast.parse(open(f"{sys.argv[1]}/{name}").read())
    keep = [n for n in tree.body if not (
        isinstance(n, (ast.Assign, ast.Expr)) and "_call(" in ast.unparse(n) or
        "CDLL" in ast.unparse(n) or isinstance(n, ast.ImportFrom) and n.level)]
    space = dict(known, __name__=name)
    exec(compile(ast.Module(keep, []), name, "exec"), space)
    return space

lib = module("_lib.py")
print("#include <stddef.h>\n#include <ockam/ockam.h>")

def same(what, number):
    print(f'_Static_assert({what} == {number}, "{what} is not {number}");')

for name, c in {"Sockaddr": "sockaddr_ockam", "Path": "ockam_path",
                "PeerChannel": "ockam_peer_channel", "Sender": "ockam_sender",
                "Info": "ockam_info", "ChannelOptions": "ockam_secure_channel_options",
                "SecureChannel": "ockam_secure_channel"}.items():
    kind = lib[name]
    same(f"sizeof(struct {c})", ctypes.sizeof(kind))
    for field, _ in kind._fields_:
        member = {"from_": "from"}.get(field, ("sok_" if name == "Sockaddr" else "") + field)
        same(f"offsetof(struct {c}, {member})", getattr(kind, field).offset)
for name in ("ROUTE_MAX", "IDENTIFIER_LEN", "CHANNELS_MAX", "IDENTIFIER_TEXT"):
    same(f"OCKAM_{name}", lib[name])

socket = open(f"{sys.argv[1]}/socket.py").read()
for kind, prefix in {"Accept": "ACCEPT", "Origin": "ORIGIN", "SenderFlags": "PEER"}.items():
    body = re.search(rf"class {kind}\(.*?(?=\n\n\n)", socket, re.S).group()
    for name, value in re.findall(r"^    ([A-Z_]+) = (.+)$", body, re.M):
        same(f"OCKAM_{prefix}_{name}", eval(value))
everything = re.search(r"^_EVERYTHING = (\w+)", socket, re.M).group(1)
same("(1 << OCKAM_RECV_ONWARD | 1 << OCKAM_RECV_RETURN | 1 << OCKAM_RECV_TOKEN | "
     "1 << OCKAM_RECV_PEER)", eval(everything))
PY
status=$?
echo "1..2"
if [ $status -eq 0 ] && [ "$(grep -c _Static_assert "$tmp/test.c")" -gt 60 ]; then
	echo "ok 1 - there is something to compare"
else
	echo "not ok 1 - there is something to compare"
fi
if gcc -fsyntax-only -I"$top/include" -I"$top/include/uapi" "$tmp/test.c" 2>"$tmp/said"
then
	echo "ok 2 - as the compiler has it"
	exit $status
fi
echo "not ok 2 - as the compiler has it"
grep error: "$tmp/said" | sed 's/^/# /'
exit 1
