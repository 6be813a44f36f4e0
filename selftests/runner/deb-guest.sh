#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Runs in the machine of deb.sh, as a service, at each of two boots: is what the
# packages installed what an operator expects? Prints TAP.

state=/var/lib/ockam-test
mkdir -p $state
num=$(cat $state/num 2>/dev/null || echo 0)
stage=$(cat $state/stage 2>/dev/null || echo 1)

ok() {	# what, command...
	what=$1
	shift
	num=$((num + 1))
	if "$@" >/tmp/out 2>&1; then
		echo "ok $num $what"
	else
		echo "not ok $num $what"
		sed 's/^/# /' /tmp/out
	fi
}
fails() { ! "$@"; }
property() { systemctl show --value -p "$2" "$1"; }
is() { [ "$1" = "$2" ] || { echo "'$1', not '$2'"; return 1; }; }
says() {	# words, command...
	w=$1
	shift
	"$@" 2>&1 | tee /tmp/says | grep -qF -- "$w" || { cat /tmp/says; return 1; }
}
soon() {	# command...: within ten minutes of the clock of this machine
	i=0
	until "$@" >/tmp/soon 2>&1; do
		i=$((i + 1))
		[ $i -lt 600 ] || { cat /tmp/soon; return 1; }
		sleep 1
	done
}
status_is() { is "$(property "$1" StatusText)" "$2"; }
as_nobody() {
	setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps=-all \
		--bounding-set=-all "$@"
}

first_boot() {
	ok "the module is loaded at boot" test -d /sys/module/ockam
	ok "it is the one that DKMS built" says updates/dkms modinfo -n ockam
	ok "DKMS has it installed" says installed dkms status ockam
	ok "there is a user ockam" id ockam
	ok "the service is enabled" systemctl is-enabled ockamd
	ok "without a configuration it did not start" \
		is "$(property ockamd ConditionResult)" no
	ok "and did not fail" fails systemctl is-failed ockamd
	ok "the doctor finds nothing bad" ockamctl doctor
	ok "manuals are there" test -s /usr/share/man/man8/ockamctl.8.gz

	cp /usr/share/doc/ockam/examples/ockamd.conf.example \
		/etc/ockam/ockamd.conf
	ok "the example is a configuration" ockamd -t
	ok "start returns" systemctl start ockamd
	ok "and it serves" status_is ockamd serving
	ok "requests are answered at once" ockamctl listener list \
		daemon-uid "$(id -u ockam)"
	pid=$(property ockamd MainPID)
	ok "as user ockam" is \
		"$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")" "$(id -u ockam)"
	ok "with two capabilities" is \
		"$(awk '/^CapEff:/ { print $2 }' "/proc/$pid/status")" 0000000000001400
	ok "and a filter of system calls" is \
		"$(awk '/^Seccomp:/ { print $2 }' "/proc/$pid/status")" 2
	for unit in ockamd.service ockamd@blue.service ockam-metrics@0.service; do
		ok "$unit is exposed less than 2.5" systemd-analyze security \
			--no-pager --threshold=24 $unit
	done
	ok "many files may be open" is \
		"$(awk '/^Max open files/ { print $4 }' "/proc/$pid/limits")" 1048576
	ok "the store is the user's" is "$(stat -c %U:%a /var/lib/ockam)" ockam:700

	ok "root makes an identity in the store" ockamctl identity create second
	ok "which is the user's" is \
		"$(stat -c %U /var/lib/ockam/second.identity)" ockam
	echo 'identity "second" { }' >>/etc/ockam/ockamd.conf
	ok "reload" systemctl reload ockamd
	ok "it serves with the new one" soon status_is ockamd serving
	ok "and has read the identity" soon says "identity second is" \
		journalctl -u ockamd
	cp /etc/ockam/ockamd.conf /tmp/good
	echo 'nonsense {' >>/etc/ockam/ockamd.conf
	systemctl reload ockamd
	ok "a wrong configuration is refused, and status says so" soon says \
		"old configuration stays" systemctl status ockamd
	ok "the service goes on" systemctl is-active ockamd
	cp /tmp/good /etc/ockam/ockamd.conf
	ok "the right one again" systemctl reload ockamd
	ok "and is in force" soon status_is ockamd serving

	kill -9 "$(property ockamd MainPID)"
	ok "killed, it comes back" soon status_is ockamd serving
	ok "as another process" fails test "$pid" = "$(property ockamd MainPID)"

	metrics
	two_nodes
	programs
	the_guide
	cp /var/lib/ockam/default.identity $state/
	systemctl enable ockamd@blue 2>/dev/null
}

# What scrapes gets it by HTTP, as often as it asks.
scraped() {
	python3 -c '
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:9418/metrics", timeout=60).read().decode())
' >/tmp/scraped 2>&1 && grep -q "^$1" /tmp/scraped || {
		cat /tmp/scraped
		return 1
	}
}
metrics() {
	ok "a socket for metrics" systemctl start ockam-metrics.socket
	ok "metrics" scraped "ockam_links "
	ok "and again, with what needs rights" scraped ockam_drops_total
}

start_blue() {
	systemctl start ockamd@blue || {
		journalctl -u ockamd@blue --no-pager | tail -n 20
		return 1
	}
}

# A channel between the node of the machine and that of a namespace.
two_nodes() {
	ip netns add blue
	ip link add here type veth peer name there netns blue
	ip addr add 10.9.0.1/24 dev here
	ip link set here up
	ip -n blue addr add 10.9.0.2/24 dev there
	ip -n blue link set there up
	ip -n blue link set lo up
	cat >/etc/ockam/blue.conf <<-CONF
		identity "default" { create = true }
		link "in" { listen = "10.9.0.2:4000" }
		listener "api" { identity = "default" trust = { "anyone" } }
	CONF
	ok "the service of a namespace starts" start_blue
	ok "and serves" status_is ockamd@blue serving
	ok "with a store of its own" test -s /var/lib/ockam-blue/default.identity
	cat >>/etc/ockam/ockamd.conf <<-CONF
		link "up" { connect = "10.9.0.2:4000" }
		channel "hq" {
			identity = "default"
			route = "up => api"
			trust = { "anyone" }
		}
	CONF
	ok "reload with a link and a channel" systemctl reload ockamd
	ok "the channel comes up" soon says " up " ockamctl channel list
	ok "and at the other node" soon says " up " \
		ip netns exec blue ockamctl channel list
	ok "a restart closes neither" systemctl restart ockamd
	ok "the channel is up" says " up " ockamctl channel list
}

# With libockam-dev alone.
programs() {
	cd /usr/local/src || return
	for p in *.c; do
		p=${p%.c}
		ok "$p builds" gcc -o /usr/local/bin/$p $p.c -lockam
	done
	as_nobody echoer >/dev/null 2>&1 &
	echoer=$!
	soon ockamctl worker show echoer
	ok "the guide's first step, without privilege" says "Received: Hello" \
		as_nobody 01-worker
	ok "and from Python" says "Received: Hello" as_nobody python3 -c '
import ockam
app = ockam.Socket()
app.send("echoer", b"Hello")
print("Received:", app.recv().data.decode())'
	kill $echoer
	cd /
}

# Each block of its commands, at a node that nothing else is on.
the_guide() {
	systemctl stop ockamd
	ockamctl flush
	ok "there is a user for the guide" useradd user
	/ockam/guide.sh >/tmp/guide 2>&1
	grep -E '^(not )?ok [0-9]+ - ' /tmp/guide | while read -r line; do
		result=${line%% [0-9]*}
		what=${line#*[0-9] - }
		num=$((num + 1))
		echo "$result $num the guide: $what"
		echo $num >/tmp/guide.num
	done
	num=$(cat /tmp/guide.num)
	ok "the guide was run to its end" grep -q '^1\.\.1[0-9]$' /tmp/guide
	grep -q '^not ok' /tmp/guide && sed 's/^/# /' /tmp/guide
	ok "the service starts again" systemctl start ockamd
}

second_boot() {
	ok "after a reboot: the module" test -d /sys/module/ockam
	ok "the service" systemctl is-active ockamd
	ok "serves" status_is ockamd serving
	ok "with the same identity" cmp /var/lib/ockam/default.identity \
		$state/default.identity
	ok "no namespace, no service of it, no failure" is \
		"$(property ockamd@blue ActiveState)" inactive
	ok "no unit has failed" is "$(systemctl --failed --plain --no-legend | wc -l)" 0
	ok "the packages go" dpkg --purge python3-ockam ockam ockam-dkms libockam-dev libockam0
	ok "and their module" fails modinfo ockam
	ok "the keys stay" test -s /var/lib/ockam/default.identity
	ok "the configuration stays" test -s /etc/ockam/ockamd.conf
}

if [ "$stage" = 1 ]; then
	echo "TAP version 13"
	first_boot
	echo "$num" >$state/num
	echo 2 >$state/stage
	echo "# reboot"
	sync
	systemctl reboot
else
	second_boot
	echo "1..$num"
	echo "# all done"
	sync
	systemctl poweroff
fi
