# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""For sphinx-build; make docs calls it."""
project = "AF_OCKAM"
extensions = []
exclude_patterns = ["man", "netlink", "picture"]
html_theme = "alabaster"
highlight_language = "none"
