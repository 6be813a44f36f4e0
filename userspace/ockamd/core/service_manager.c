// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Tells the service manager how we are, as sd_notify(3) does, if it asked for
 * it with NOTIFY_SOCKET.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "core/service_manager.h"

static void tell(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (!len)
		return;
	if ((path[0] != '/' && path[0] != '@') || len >= sizeof(to.sun_path)) {
		log_warn("NOTIFY_SOCKET=%s: neither a path nor an abstract name",
			 path);
		return;
	}
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, text, strlen(text), MSG_NOSIGNAL,
			     (struct sockaddr *)&to,
			     offsetof(struct sockaddr_un, sun_path) + len) < 0)
		log_warn("the service manager at %s: %s", path,
			 strerror(errno));
	if (fd >= 0)
		close(fd);
}

void manager_ready(const char *status)
{
	char text[256];

	snprintf(text, sizeof(text), "READY=1\nSTATUS=%s", status);
	tell(text);
}

/* It takes the time for which of several reloads this is. */
void manager_reloading(void)
{
	char text[128];
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	snprintf(text, sizeof(text),
		 "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=reading the configuration",
		 t.tv_sec * 1000000ULL + t.tv_nsec / 1000);
	tell(text);
}

void manager_stopping(void)
{
	tell("STOPPING=1\nSTATUS=ending; channels and links stay");
}
