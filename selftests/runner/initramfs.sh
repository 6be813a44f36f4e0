# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Sourced by run.sh: puts the VM's root directory together.

# Stock modules that tests may use; what they depend on comes along. Loaded by
# the kernel on demand, or by a test with modprobe.
vm_modules=(
	veth dummy bridge tun macvlan nlmon
	tls wireguard udp_tunnel ip6_udp_tunnel
	aesni_intel ghash_clmulni_intel aes_x86_64 aes_generic gcm ctr ccm
	cryptd crypto_simd ghash_generic seqiv authenc echainiv
	chacha20poly1305 chacha_generic chacha_x86_64 poly1305_generic
	poly1305_x86_64 libchacha20poly1305 curve25519_x86_64 sha256_ssse3
	sha256_generic hmac drbg jitterentropy_rng
	algif_aead algif_hash algif_skcipher crypto_user
	sch_netem sch_tbf sch_fq sch_prio sch_ingress
	cls_bpf cls_u32 cls_matchall act_mirred act_bpf act_gact
	inet_diag tcp_diag udp_diag unix_diag packet_diag netlink_diag af_packet
	ipv6 failover
)

# vm_tree ROOT KERNELDIR [module names]: directories, busybox, ip, kmod, modules
vm_tree() {
	local root=$1 kdir=$2 release

	shift 2
	release=$(cat "$kdir/release")
	mkdir -p "$root"/{bin,dev,etc,proc,sys,tmp,run,root,ockam/{bin,lib,tests,out}} \
		"$root/lib/modules/$release"
	cp "$VMDIR/init" "$root/init"
	cp "$VMDIR/tap.awk" "$VMDIR/ktap.sh" "$root/ockam/"
	cp "$(command -v busybox)" "$root/bin/busybox"
	printf '%s\n' root:x:0:0:root:/root:/bin/sh ockam:x:990:990::/:/bin/sh \
		user:x:1000:1000::/tmp:/bin/sh other:x:1001:1001::/tmp:/bin/sh \
		www-data:x:33:33::/:/bin/sh nobody:x:65534:65534::/:/bin/false >"$root/etc/passwd"
	printf '%s\n' root:x:0: ockam:x:990: user:x:1000: other:x:1001: \
		nogroup:x:65534: >"$root/etc/group"
	echo '127.0.0.1 localhost' >"$root/etc/hosts"
	# Busybox as a shell runs its own ip and tc whatever PATH says.
	vm_program "$root" "$(readlink -f /bin/dash)" /bin
	vm_program "$root" "$(readlink -f /bin/bash)" /bin
	ln -sfn dash "$root/bin/sh"
	for tool in ip ss tc kmod setpriv; do
		vm_program "$root" "$(PATH=$PATH:/sbin:/usr/sbin command -v "$tool")" \
			/usr/local/bin
	done
	mkdir -p "$root/sbin"
	for link in modprobe rmmod insmod lsmod; do
		ln -s ../usr/local/bin/kmod "$root/sbin/$link"
	done
	vm_modules_into "$root" "$kdir/lib/modules/$release" "$release" \
		"${vm_modules[@]}" "$@"
}

# vm_program ROOT FILE DIRECTORY: a program and the libraries it is linked with
vm_program() {
	local root=$1 file=$2 to=$3

	[ -e "$root$to/${file##*/}" ] || install -D "$file" "$root$to/${file##*/}"
	vm_libs "$root" "$file"
}

vm_libs() {
	local root=$1 file=$2 lib dest

	# Scripts and static programs have none.
	{ ldd "$file" 2>/dev/null || true; } |
		sed -n 's/.*=> \(\/[^ ]*\) (.*/\1/p; s/^[ \t]*\(\/[^ ]*\) (.*/\1/p;
			s/^[ \t]*\([^ ]*\) => not found/MISSING \1/p' |
		while read -r lib missing; do
			[ "$lib" != MISSING ] || die "$file: no library $missing"
			dest=$lib
			# Where the loader looks without being told.
			case "$lib" in
			/lib*|/usr/lib*) ;;
			*) dest=/usr/lib/x86_64-linux-gnu/${lib##*/} ;;
			esac
			[ -e "$root$dest" ] || install -D "$lib" "$root$dest"
		done
}

# vm_modules_into ROOT MODULEDIR RELEASE NAME...: modules with dependencies
vm_modules_into() {
	local root=$1 from=$2 release=$3 to=$1/lib/modules/$3 f

	shift 3
	printf '%s\n' "$@" | tr - _ | awk -v dep="$from/modules.dep" '
		function name(path) {
			sub(/.*\//, "", path); sub(/\.ko.*/, "", path)
			gsub(/-/, "_", path)
			return path
		}
		BEGIN {
			while ((getline line < dep) > 0) {
				n = split(line, part, /:? +|:$/)
				path[name(part[1])] = line
			}
		}
		$1 in path {
			n = split(path[$1], part, /[: ]+/)
			for (i = 1; i <= n; i++)
				if (part[i] != "" && !seen[part[i]]++)
					print part[i]
		}' |
	while read -r f; do
		install -D -m 644 "$from/$f" "$to/$f"
	done
	for f in modules.builtin modules.builtin.modinfo modules.order; do
		[ ! -e "$from/$f" ] || cp "$from/$f" "$to/"
	done
}

# vm_python ROOT: the interpreter, its library, yaml and jsonschema
vm_python() {
	local root=$1 py=/usr/bin/python3 lib f

	py=$(readlink -f "$py")
	lib=/usr/lib/$(basename "$py")
	vm_program "$root" "$py" /usr/bin
	ln -sfn "${py##*/}" "$root/usr/bin/python3"
	mkdir -p "$root$lib" "$root/usr/lib/python3/dist-packages"
	# With their times: compiled files of another time would not be used.
	tar -C "$lib" -c --exclude=test --exclude=idlelib \
		--exclude=tkinter --exclude=lib2to3 --exclude=ensurepip \
		--exclude=pydoc_data --exclude='config-*' . |
		tar -C "$root$lib" -x
	for f in yaml _yaml jsonschema attr attrs pyrsistent _pyrsistent_version.py \
		pvectorc.cpython-*.so; do
		for f in /usr/lib/python3/dist-packages/$f; do
			[ ! -e "$f" ] || cp -a "$f" "$root/usr/lib/python3/dist-packages/"
		done
	done
	cp -r "$TOP/userspace/python/ockam" "$root/usr/lib/python3/dist-packages/"
	find "$root$lib/lib-dynload" "$root/usr/lib/python3" -name '*.so' |
		while read -r f; do vm_libs "$root" "$f"; done
}

# vm_pack ROOT FILE. Not compressed: unpacking costs more than reading.
vm_pack() {
	(cd "$1" && find . -print0 | cpio --null -o -H newc -R 0:0 --quiet) >"$2"
}
