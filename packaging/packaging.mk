# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Included by the top Makefile: installing, and Debian packages. Installing needs
# no network, no apt and no root beyond the right to write below DESTDIR.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
KERNELRELEASE ?= $(shell uname -r)
KERNELDIR ?= /lib/modules/$(KERNELRELEASE)/build
MODDIR ?= /lib/modules/$(KERNELRELEASE)/extra
AUTOLOAD ?=

.PHONY: install
install: install-userspace install-module ##- Install all (PREFIX, LIBDIR, DESTDIR; KERNELRELEASE=)

.PHONY: install-module
install-module: ##- Only the module (KERNELRELEASE=, KERNELDIR=; AUTOLOAD=1)
	@KERNELRELEASE='$(KERNELRELEASE)' KERNELDIR='$(KERNELDIR)' \
		MODDIR='$(MODDIR)' DESTDIR='$(DESTDIR)' AUTOLOAD='$(AUTOLOAD)' \
		packaging/install-module.sh

.PHONY: install-userspace
install-userspace: ##- Only libockam, ockamd, ockamctl, units, manuals
	$(SUBMAKE) -C userspace O=$(BUILD)/userspace -j$(JOBS) \
		PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' DESTDIR='$(DESTDIR)' install

.PHONY: install-check
install-check: ##- What make install leaves, and that two builds are equal
	@packaging/install-check.sh

.PHONY: deb
deb: ##- Debian packages, in build/deb
	@$(VM)/deps.sh debhelper dh-dkms dh-python lintian
	@packaging/deb.sh

.PHONY: deb-check
deb-check: ##- Install them in a fresh Debian 12, boot it with systemd
	@$(VM)/deps.sh debhelper dh-dkms dh-python lintian mmdebstrap e2fsprogs
	@packaging/deb.sh
	@$(VM)/deb.sh

.PHONY: docs
docs: ##- Documentation in HTML, in build/docs; warnings are errors
	@$(VM)/deps.sh python3-sphinx mandoc
	@$(VM)/docs.sh
