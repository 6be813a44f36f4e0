/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The service manager; nothing where none has asked for it. */
#ifndef OCKAMD_SERVICE_MANAGER_H
#define OCKAMD_SERVICE_MANAGER_H

/* Started, or done with a reload; @status is for people. */
void manager_ready(const char *status);
void manager_reloading(void);
void manager_stopping(void);

#endif /* OCKAMD_SERVICE_MANAGER_H */
