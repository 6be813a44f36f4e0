// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A library to preload into ockamd, for tests: kills the process with SIGKILL
 * at a chosen step of what it does with a first message.
 *
 *	KILL_AT=N	before the N-th call that somebody else could see: that
 *			syncs, renames or sends; 0: never
 *	KILL_LOG=FILE	the calls, one a line
 *
 * The count begins when a message with the name of X3DH in it was received.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define NAME	"OCKAM_X3DH_25519_AESGCM_SHA256_1"

static unsigned long calls;
static int begun;

#define REAL(fn)							\
	static __typeof__(fn) *real;					\
									\
	if (!real)							\
		real = (__typeof__(fn) *)dlsym(RTLD_NEXT, #fn)

static void step(const char *what)
{
	const char *at = getenv("KILL_AT"), *log = getenv("KILL_LOG");
	bool last;
	int fd;

	if (!begun)
		return;
	calls++;
	last = at && calls == strtoul(at, NULL, 10);
	fd = log ? open(log, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
	if (fd >= 0) {
		dprintf(fd, "%lu %s%s\n", calls, what, last ? " killed" : "");
		close(fd);
	}
	if (last)
		kill(getpid(), SIGKILL);
}

static void look(const struct iovec *iov, size_t n, ssize_t len)
{
	size_t i, part;

	for (i = 0; i < n && len > 0; i++) {
		part = iov[i].iov_len < (size_t)len ? iov[i].iov_len :
						      (size_t)len;
		if (memmem(iov[i].iov_base, part, NAME, sizeof(NAME) - 1))
			begun = 1;
		len -= part;
	}
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n;

	REAL(recvmsg);
	n = real(fd, msg, flags);
	look(msg->msg_iov, msg->msg_iovlen, n);
	return n;
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	REAL(sendmsg);
	step("sendmsg");
	return real(fd, msg, flags);
}

ssize_t sendto(int fd, const void *buf, size_t len, int flags,
	       __CONST_SOCKADDR_ARG to, socklen_t tolen)
{
	REAL(sendto);
	step("sendto");
	return real(fd, buf, len, flags, to, tolen);
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	REAL(send);
	step("send");
	return real(fd, buf, len, flags);
}

int fsync(int fd)
{
	REAL(fsync);
	step("fsync");
	return real(fd);
}

int renameat(int from, const char *old, int to, const char *new)
{
	REAL(renameat);
	step("renameat");
	return real(from, old, to, new);
}

int rename(const char *old, const char *new)
{
	REAL(rename);
	step("rename");
	return real(old, new);
}
