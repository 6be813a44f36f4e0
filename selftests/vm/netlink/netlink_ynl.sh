#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The kernel's own netlink tool drives the family with nothing but its spec.
# Each start of the tool takes seconds in an emulated machine: hence --multi.

. /ockam/ktap.sh

spec=/ockam/ynl/Documentation/netlink/specs/ockam.yaml

# ynl ARGUMENT...: the tool's answers, one line of JSON each
ynl() {
	python3 /ockam/ynl/tools/net/ynl/cli.py --spec $spec --no-schema \
		--output-json "$@" 2>&1
}

# says TEXT... : does $answer contain each of them?
says() {
	for t; do
		case $answer in
		*"$t"*) ;;
		*)
			echo "'$t' is not in: $answer"
			return 1
			;;
		esac
	done
}

# silent TEXT: it was an answer, and $answer does not contain that
silent() {
	case $answer in
	*"$1"* | *Traceback* | *"Netlink error"*)
		echo "'$1', or an error, is in: $answer"
		return 1
		;;
	esac
}

# hex TEXT: as the tool wants binary values; hop TEXT: an address of type 0
hex() { printf '%s' "$1" | od -An -tx1 | tr -d ' \n'; }
hop() { printf '00%02x%s' ${#1} "$(hex "$1")"; }

if ! python3 -c 'import yaml' 2>/dev/null; then
	echo "TAP version 13"
	echo "1..0 # SKIP no python3 with yaml in this VM"
	exit 0
fi
# A node of our own, so that others' leavings do not count.
if [ -z "$OCKAM_YNL_NODE" ]; then
	OCKAM_YNL_NODE=1 exec unshare -n sh "$0"
fi
ip link set lo up

plan 28

answer=$(ynl --do node-get)
check "node-get: settings, family, counters, no switch" says \
	'"stall-ms": 10000' '"family": 18' '"no-worker": 0' '"forward": []'

answer=$(ynl --multi node-set \
		'{"stall-ms": 777, "forward": ["link-link", "channel-link"]}' \
	--multi node-get '{}')
check "node-set: a value" says '"stall-ms": 777'
check "node-set: flags by name" says '"link-link"' '"channel-link"'

answer=$(ynl --do node-set --json '{"stall-ms": 9999999}')
check "node-set: refused with errno, reason and attribute" says \
	'Numerical result out of range' 'the value is out of range' 'stall-ms'

answer=$(ynl \
	--multi hop-new "{\"address\": \"$(hop one)\", \"scope\": [\"local\", \"links\"]}" \
	--multi hop-new "{\"address\": \"$(hop two)\", \"route\": \"$(hop one)$(hop far)\"}" \
	--multi hop-get '{"id": 1}' \
	--multi hop-get "{\"address\": \"$(hop two)\"}" \
	--multi node-get '{}')
check "hop-new: ids" says '"id": 1' '"id": 2'
check "hop-get: by id, flags by name" says "$(hop one)" '"links"'
check "hop-get: by address, its route" says "$(hop one)$(hop far)"
check "node-get: two hops, the value set before" says '"hops": 2' \
	'"stall-ms": 777'

answer=$(ynl --dump hop-get)
check "hop dump: both" says "$(hop one)" "$(hop two)"

answer=$(ynl --do hop-new --json '{}')
check "hop-new: what is missing" says 'Invalid argument' \
	'the address is missing' 'address'
answer=$(ynl --do hop-new --json "{\"address\": \"$(hop one)\"}")
check "hop-new: what is taken" says 'Address already in use' \
	'the address is taken' '.address'

answer=$(ynl --multi hop-del '{"id": 2}' \
	--multi link-new "{\"mode\": \"listen\", \"name\": \"$(hop door)\", \"local-ip\": \"7f000001\", \"local-port\": 0}" \
	--multi node-get '{}')
check "link-new: the port chosen" says '"local-port"' "$(hop door)"
check "node-get: a hop and a link" says '"hops": 1' '"links": 1'
answer=$(ynl --dump hop-get)
check "hop dump: the deleted one is gone" silent "$(hop two)"
check "hop dump: the other one is there" says "$(hop one)"
answer=$(ynl --dump link-get)
check "link dump: names of values" says '"state": "listening"' \
	'"mode": "listen"' '"kind": "tcp"' '"local-ip": "127.0.0.1"'
answer=$(ynl --do link-new --json \
	'{"mode": "listen", "local-ip": "7f000001", "local-port": 0, "remote-ip": "7f000001", "remote-port": 1}')
check "link-new: what is wrong" says 'a listening link has no peer' 'remote-ip'

# A channel, whose keys nobody sees again.
key=$(hex 'thirty-two bytes to encrypt with')
answer=$(ynl --multi channel-new \
	"{\"role\": \"initiator\", \"decryptor\": \"$(hop dec)\", \"route\": \"$(hop far)\", \"tx-key\": \"$key\", \"rx-key\": \"$(hex 'another key: 32 bytes to decrypt')\", \"identifier\": \"$(hex 'thirty-two byte-long identifier.')\"}" \
	--multi link-flush '{}' --multi node-get '{}')
check "channel-new, link-flush" says '"channels": 1' '"links": 0'
answer=$(ynl --dump channel-get)
check "channel dump: the channel" says "$(hop dec)" '"initiator"'
check "channel dump: not its key" silent "$key"

# Policies: a program of the tool's own set, seen with YNL.
id=$(printf '%s' "$answer" | sed -n 's/.*"id": \([0-9]*\).*/\1/p')
check "a channel gets a policy" ockamctl policy add channel "$id" allow local
answer=$(ynl --dump policy-get)
policy=$(printf '%s' "$answer" | sed -n 's/.*"id": \([0-9]*\).*/\1/p')
check "policy dump: where it is, its program" says "\"channel\": $id" \
	'"program": ' '"tag": ' '"runs": 0' '"drops": 0'
answer=$(ynl --multi policy-get "{\"id\": $policy}" \
	--multi policy-del "{\"id\": $policy}")
check "policy-get by id, policy-del" says "\"id\": $policy" "\"channel\": $id"
answer=$(ynl --dump policy-get)
check "policy dump: it is gone" silent '"id"'
answer=$(ynl --do policy-get --json "{\"id\": $policy}")
check "policy-get: the attribute to blame" says 'No such file' '.id'
answer=$(ynl --do policy-new --json "{\"channel\": $id}")
check "policy-new: what is missing" says 'Invalid argument' 'fd'
answer=$(ynl --do policy-new --json "{\"channel\": $id, \"fd\": 0}")
check "policy-new: what is no program" says 'Netlink error' '.fd'
answer=$(ynl --do policy-new --json "{\"channel\": $id, \"link\": 1, \"fd\": 0}")
check "policy-new: one place" says 'Invalid argument'
finished
