// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Making sockets of the family, and calls that mean nothing to it. */
#include <sys/mman.h>
#include <linux/sockios.h>

#include "kselftest_harness.h"
#include "ockam_test.h"

#define MANY	200

/* Sockets of the family in this namespace, from /proc/net/protocols. */
static int inuse(void)
{
	char line[256], name[32];
	int n = -ENOENT, sockets;
	FILE *f;

	f = fopen("/proc/self/net/protocols", "r");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%31s %*d %d", name, &sockets) == 2 &&
		    !strcmp(name, "OCKAM"))
			n = sockets;
	fclose(f);
	return n;
}

FIXTURE(refused) {
	struct ot_nl nl;
};

FIXTURE_VARIANT(refused) {
	int type;
	int protocol;
	int err;
};

#define REFUSED(name_, type_, protocol_, err_)				\
FIXTURE_VARIANT_ADD(refused, name_) {					\
	.type = type_, .protocol = protocol_, .err = err_,		\
}

REFUSED(stream, SOCK_STREAM, 0, -ESOCKTNOSUPPORT);
REFUSED(seqpacket, SOCK_SEQPACKET, 0, -ESOCKTNOSUPPORT);
REFUSED(raw, SOCK_RAW, 0, -ESOCKTNOSUPPORT);
REFUSED(rdm, SOCK_RDM, 0, -ESOCKTNOSUPPORT);
REFUSED(dccp, SOCK_DCCP, 0, -ESOCKTNOSUPPORT);
REFUSED(packet, SOCK_PACKET, 0, -ESOCKTNOSUPPORT);
REFUSED(type_0, 0, 0, -ESOCKTNOSUPPORT);
REFUSED(type_beyond, SOCK_PACKET + 1, 0, -EINVAL);
REFUSED(unknown_flag, SOCK_DGRAM | 0x10000, 0, -EINVAL);
REFUSED(protocol_1, SOCK_DGRAM, 1, -EPROTONOSUPPORT);
REFUSED(protocol_family, SOCK_DGRAM, AF_OCKAM, -EPROTONOSUPPORT);
REFUSED(protocol_255, SOCK_DGRAM, 255, -EPROTONOSUPPORT);
REFUSED(protocol_negative, SOCK_DGRAM, -1, -EPROTONOSUPPORT);
REFUSED(protocol_max, SOCK_DGRAM, INT_MAX, -EPROTONOSUPPORT);
/* The type is looked at first. */
REFUSED(type_and_protocol, SOCK_STREAM, 1, -ESOCKTNOSUPPORT);

FIXTURE_SETUP(refused)
{
	OT_NODE(&self->nl);
}

FIXTURE_TEARDOWN(refused)
{
	ot_nl_close(&self->nl);
}

TEST_F(refused, with_errno)
{
	int i;

	for (i = 0; i < 20; i++)
		ASSERT_EQ(variant->err, OT_ERR(socket(AF_OCKAM, variant->type,
						      variant->protocol)));
	EXPECT_EQ(0, inuse());
}

FIXTURE(sock) {
	struct ot_nl nl;
	int fd;
};

FIXTURE_SETUP(sock)
{
	OT_NODE(&self->nl);
	self->fd = ot_socket(0);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(sock)
{
	close(self->fd);
	ot_nl_close(&self->nl);
}

TEST_F(sock, describes_itself)
{
	EXPECT_EQ(SOCK_DGRAM, ot_get(self->fd, SOL_SOCKET, SO_TYPE));
	EXPECT_EQ(AF_OCKAM, ot_get(self->fd, SOL_SOCKET, SO_DOMAIN));
	EXPECT_EQ(0, ot_get(self->fd, SOL_SOCKET, SO_PROTOCOL));
	EXPECT_EQ(0, ot_get(self->fd, SOL_SOCKET, SO_ACCEPTCONN));
	EXPECT_EQ(0, ot_get(self->fd, SOL_SOCKET, SO_ERROR));
}

TEST_F(sock, nameless_at_first)
{
	struct sockaddr_ockam sa, none = { .sok_family = AF_OCKAM };
	socklen_t len = sizeof(sa);

	ASSERT_EQ(0, ot_getname(self->fd, &sa));
	EXPECT_EQ(0, memcmp(&sa, &none, sizeof(sa)));
	EXPECT_EQ(-ENOTCONN, OT_ERR(getpeername(self->fd,
						(struct sockaddr *)&sa, &len)));
	EXPECT_EQ(POLLOUT | POLLWRNORM,
		  ot_poll(self->fd, POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM,
			  0));
}

TEST_F(sock, calls_without_meaning)
{
	struct sockaddr_ockam sa;
	socklen_t len = sizeof(sa);
	int pair[2];

	EXPECT_EQ(-EOPNOTSUPP, OT_ERR(listen(self->fd, 5)));
	EXPECT_EQ(-EOPNOTSUPP, OT_ERR(accept(self->fd, (struct sockaddr *)&sa,
					     &len)));
	EXPECT_EQ(-EOPNOTSUPP, OT_ERR(socketpair(AF_OCKAM, SOCK_DGRAM, 0,
						 pair)));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED,
				   self->fd, 0));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-EINVAL, OT_ERR(shutdown(self->fd, 3)));
	EXPECT_EQ(-EINVAL, OT_ERR(shutdown(self->fd, -1)));
	EXPECT_EQ(1, inuse());
}

TEST_F(sock, ioctls)
{
	int n = -1;

	EXPECT_EQ(0, OT_ERR(ioctl(self->fd, SIOCINQ, &n)));
	EXPECT_EQ(0, n);
	n = -1;
	EXPECT_EQ(0, OT_ERR(ioctl(self->fd, SIOCOUTQ, &n)));
	EXPECT_EQ(0, n);
	EXPECT_EQ(-EFAULT, OT_ERR(ioctl(self->fd, SIOCINQ, NULL)));
	EXPECT_EQ(-EFAULT, OT_ERR(ioctl(self->fd, SIOCOUTQ, NULL)));
	EXPECT_EQ(-ENOTTY, OT_ERR(ioctl(self->fd, SIOCATMARK, &n)));
	EXPECT_EQ(-ENOTTY, OT_ERR(ioctl(self->fd, 0x89e0, &n)));
}

TEST_F(sock, flags_of_creation)
{
	char c;
	int fd;

	EXPECT_EQ(FD_CLOEXEC, fcntl(self->fd, F_GETFD));
	EXPECT_EQ(0, fcntl(self->fd, F_GETFL) & O_NONBLOCK);

	fd = OT_ERR(socket(AF_OCKAM, SOCK_DGRAM | SOCK_NONBLOCK, 0));
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fcntl(fd, F_GETFD));
	EXPECT_EQ(O_NONBLOCK, fcntl(fd, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(-EAGAIN, OT_ERR(read(fd, &c, 1)));
	close(fd);
}

TEST_F(sock, counted_in_proc)
{
	int fd[MANY], i;

	EXPECT_EQ(1, inuse());
	for (i = 0; i < MANY; i++) {
		fd[i] = ot_socket(0);
		ASSERT_LE(0, fd[i]);
		if (i % 2)
			ASSERT_EQ(0, ot_bind_sa(fd[i], &(struct sockaddr_ockam)
				{ .sok_family = AF_OCKAM }, OT_HEAD));
	}
	EXPECT_EQ(1 + MANY, inuse());
	for (i = 0; i < MANY; i++)
		close(fd[i]);
	EXPECT_EQ(1, inuse());
}

TEST_F(sock, without_privileges)
{
	int fd;

	ASSERT_EQ(0, ot_unroot());
	fd = ot_worker("anybody", 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, ot_say(fd, "anybody", "me"));
	EXPECT_TRUE(ot_hears(fd, "me"));
	close(fd);
}

TEST_HARNESS_MAIN
