// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* What the whole daemon has once. */
#include "core/daemon.h"

struct daemon the = { .tx = -1 };
