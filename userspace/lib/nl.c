// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The netlink side of AF_OCKAM, on libmnl. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <libmnl/libmnl.h>

#include "nl.h"

#define REQUEST_MAX	65536
#define RECEIVE_MAX	32768
#define GROUPS_MAX	8
#define DUMP_TRIES	16

union object {
	struct ockam_nl_node	node;
	struct ockam_nl_worker	worker;
	struct ockam_nl_link	link;
	struct ockam_nl_channel	channel;
	struct ockam_nl_hop	hop;
	struct ockam_nl_policy	policy;
};

static const struct {
	size_t	size;
	uint8_t	get;
} kinds[OCKAM_NL_OBJECTS] = {
	[OCKAM_NL_NODE] = { sizeof(struct ockam_nl_node),
			    OCKAM_CMD_NODE_GET },
	[OCKAM_NL_WORKER] = { sizeof(struct ockam_nl_worker),
			      OCKAM_CMD_WORKER_GET },
	[OCKAM_NL_LINK] = { sizeof(struct ockam_nl_link),
			    OCKAM_CMD_LINK_GET },
	[OCKAM_NL_CHANNEL] = { sizeof(struct ockam_nl_channel),
			       OCKAM_CMD_CHANNEL_GET },
	[OCKAM_NL_HOP] = { sizeof(struct ockam_nl_hop),
			   OCKAM_CMD_HOP_GET },
	[OCKAM_NL_POLICY] = { sizeof(struct ockam_nl_policy),
			      OCKAM_CMD_POLICY_GET },
};

static const struct {
	uint8_t			cmd;
	enum ockam_nl_object	kind;
	bool			gone;
} notifications[] = {
	{ OCKAM_CMD_NODE_NTF,		OCKAM_NL_NODE,		false },
	{ OCKAM_CMD_LINK_NTF,		OCKAM_NL_LINK,		false },
	{ OCKAM_CMD_LINK_DEL_NTF,	OCKAM_NL_LINK,		true },
	{ OCKAM_CMD_CHANNEL_NTF,	OCKAM_NL_CHANNEL,	false },
	{ OCKAM_CMD_CHANNEL_DEL_NTF,	OCKAM_NL_CHANNEL,	true },
	{ OCKAM_CMD_HOP_NTF,		OCKAM_NL_HOP,		false },
	{ OCKAM_CMD_HOP_DEL_NTF,	OCKAM_NL_HOP,		true },
	{ OCKAM_CMD_POLICY_NTF,		OCKAM_NL_POLICY,	false },
	{ OCKAM_CMD_POLICY_DEL_NTF,	OCKAM_NL_POLICY,	true },
};

/**
 * struct ockam_nl - a netlink socket
 * @sock: libmnl's
 * @family: number of the genetlink family
 * @seq: of the last request
 * @ngroups: multicast groups that are known
 * @group: their names and numbers
 * @bad: attribute that was wrong or missing, or NULL
 * @error: what went wrong, for people
 * @req: the request, which errors refer to by offset
 * @buf: what was received
 */
struct ockam_nl {
	struct mnl_socket	*sock;
	uint16_t		family;
	uint32_t		seq;
	unsigned int		ngroups;
	struct {
		char		name[16];
		uint32_t	id;
	} group[GROUPS_MAX];
	const char		*bad;
	char			error[256];
	union {
		struct nlmsghdr	hdr;
		char		data[REQUEST_MAX];
	} req;
	char			buf[RECEIVE_MAX]
				__attribute__((aligned(NLMSG_ALIGNTO)));
};

/* ---- errors ---- */

const char *ockam_nl_error(const struct ockam_nl *nl)
{
	return nl->error;
}

const char *ockam_nl_bad_attribute(const struct ockam_nl *nl)
{
	return nl->bad;
}

static int nl_fail(struct ockam_nl *nl, int err, const char *what)
{
	snprintf(nl->error, sizeof(nl->error), "%s: %s", what,
		 strerror(-err));
	return err;
}

static const struct ockam_nl_field *field_of(enum ockam_nl_object kind,
					     int attr)
{
	const struct ockam_nl_field *f;
	size_t n;

	for (f = ockam_nl_fields(kind, &n); n; f++, n--)
		if (f->attr == attr)
			return f;
	return NULL;
}

/* Type of the attribute at an offset of the request. */
static int attr_at(const struct ockam_nl *nl, uint32_t offset)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, &nl->req.hdr, sizeof(struct genlmsghdr))
		if ((const char *)a - nl->req.data == (ptrdiff_t)offset)
			return mnl_attr_get_type(a);
	return -1;
}

static void read_extack(struct ockam_nl *nl, const struct nlmsghdr *nlh,
			unsigned int offset, enum ockam_nl_object kind, int err)
{
	const struct ockam_nl_field *f = NULL;
	const char *text = NULL;
	const struct nlattr *a;

	nl->bad = NULL;
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS) {
		mnl_attr_for_each(a, nlh, offset) {
			switch (mnl_attr_get_type(a)) {
			case NLMSGERR_ATTR_MSG:
				if (mnl_attr_validate(a,
						      MNL_TYPE_NUL_STRING) >= 0)
					text = mnl_attr_get_str(a);
				break;
			case NLMSGERR_ATTR_OFFS:
				if (mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
					f = field_of(kind, attr_at(nl,
							mnl_attr_get_u32(a)));
				break;
			case NLMSGERR_ATTR_MISS_TYPE:
				if (mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
					f = field_of(kind,
						     mnl_attr_get_u32(a));
				break;
			}
		}
	}

	if (f)
		nl->bad = f->name;
	if (text && f)
		snprintf(nl->error, sizeof(nl->error), "%s (%s): %s", text,
			 f->name, strerror(-err));
	else if (text)
		snprintf(nl->error, sizeof(nl->error), "%s: %s", text,
			 strerror(-err));
	else if (f)
		snprintf(nl->error, sizeof(nl->error), "%s: %s", f->name,
			 strerror(-err));
	else
		snprintf(nl->error, sizeof(nl->error), "%s", strerror(-err));
}

/* ---- structures from and to attributes ---- */

static void *field_at(void *object, const struct ockam_nl_field *f)
{
	return (char *)object + f->offset;
}

static int put_field(struct nlmsghdr *nlh, const struct ockam_nl_field *f,
		     void *p)
{
	struct ockam_nl_address *address = p;
	struct ockam_nl_ranges *ranges = p;
	struct ockam_nl_route *route = p;
	struct ockam_nl_bytes *bytes = p;
	struct ockam_nl_ip *ip = p;
	bool ok;

	switch (f->type) {
	case OCKAM_NL_U8:
		ok = mnl_attr_put_u8_check(nlh, REQUEST_MAX, f->attr,
					   *(uint8_t *)p);
		break;
	case OCKAM_NL_U16:
		ok = mnl_attr_put_u16_check(nlh, REQUEST_MAX, f->attr,
					    htons(*(uint16_t *)p));
		break;
	case OCKAM_NL_U32:
		ok = mnl_attr_put_u32_check(nlh, REQUEST_MAX, f->attr,
					    *(uint32_t *)p);
		break;
	case OCKAM_NL_U64:
		ok = mnl_attr_put_u64_check(nlh, REQUEST_MAX, f->attr,
					    *(uint64_t *)p);
		break;
	case OCKAM_NL_FLAG:
		ok = mnl_attr_put_check(nlh, REQUEST_MAX, f->attr, 0, NULL);
		break;
	case OCKAM_NL_ADDRESS:
		ok = mnl_attr_put_check(nlh, REQUEST_MAX, f->attr,
					address->len, address->data);
		break;
	case OCKAM_NL_ROUTE:
	case OCKAM_NL_NAMES:
		ok = mnl_attr_put_check(nlh, REQUEST_MAX, f->attr, route->len,
					route->data);
		break;
	case OCKAM_NL_IP:
		ok = mnl_attr_put_check(nlh, REQUEST_MAX, f->attr, ip->len,
					ip->data);
		break;
	case OCKAM_NL_RANGES:
		ok = mnl_attr_put_check(nlh, REQUEST_MAX, f->attr,
					ranges->n * sizeof(ranges->range[0]),
					ranges->range);
		break;
	case OCKAM_NL_BYTES:
		ok = mnl_attr_put_check(nlh, REQUEST_MAX, f->attr, bytes->len,
					bytes->data);
		break;
	case OCKAM_NL_SECRET:
	case OCKAM_NL_IDENTIFIER:
		ok = mnl_attr_put_check(nlh, REQUEST_MAX, f->attr, 32, p);
		break;
	default:
		return -EINVAL;
	}
	return ok ? 0 : -EMSGSIZE;
}

/* The attributes whose bit in @present is set. */
static int put_object(struct nlmsghdr *nlh, enum ockam_nl_object kind,
		      const void *object, uint64_t present)
{
	const struct ockam_nl_field *f;
	size_t n;
	int err;

	for (f = ockam_nl_fields(kind, &n); n; f++, n--) {
		if (!(present >> f->attr & 1))
			continue;
		err = put_field(nlh, f, field_at((void *)object, f));
		if (err)
			return err;
	}
	return 0;
}

static bool get_bytes(const struct nlattr *a, uint16_t *len, uint8_t *data,
		      size_t size)
{
	if (mnl_attr_get_payload_len(a) > size)
		return false;
	*len = mnl_attr_get_payload_len(a);
	memcpy(data, mnl_attr_get_payload(a), *len);
	return true;
}

/* Counters are numbered from 2 (1 is padding); newer kernels may have more. */
static void get_counters(const struct nlattr *nest, uint64_t *value, size_t n)
{
	const struct nlattr *a;
	unsigned int i;

	mnl_attr_for_each_nested(a, nest) {
		i = mnl_attr_get_type(a) - 2;
		if (i < n && mnl_attr_validate(a, MNL_TYPE_U64) >= 0)
			value[i] = mnl_attr_get_u64(a);
	}
}

static bool get_field(const struct nlattr *a, const struct ockam_nl_field *f,
		      void *p)
{
	struct ockam_nl_address *address = p;
	struct ockam_nl_ranges *ranges = p;
	struct ockam_nl_route *route = p;
	struct ockam_nl_ip *ip = p;

	switch (f->type) {
	case OCKAM_NL_U8:
		if (mnl_attr_validate(a, MNL_TYPE_U8) < 0)
			return false;
		*(uint8_t *)p = mnl_attr_get_u8(a);
		return true;
	case OCKAM_NL_U16:
		if (mnl_attr_validate(a, MNL_TYPE_U16) < 0)
			return false;
		*(uint16_t *)p = ntohs(mnl_attr_get_u16(a));
		return true;
	case OCKAM_NL_U32:
		if (mnl_attr_validate(a, MNL_TYPE_U32) < 0)
			return false;
		*(uint32_t *)p = mnl_attr_get_u32(a);
		return true;
	case OCKAM_NL_U64:
		if (mnl_attr_validate(a, MNL_TYPE_U64) < 0)
			return false;
		*(uint64_t *)p = mnl_attr_get_u64(a);
		return true;
	case OCKAM_NL_FLAG:
		return true;
	case OCKAM_NL_ADDRESS:
		return get_bytes(a, &address->len, address->data,
				 sizeof(address->data));
	case OCKAM_NL_ROUTE:
	case OCKAM_NL_NAMES:
		return get_bytes(a, &route->len, route->data,
				 sizeof(route->data));
	case OCKAM_NL_IP:
		return get_bytes(a, &ip->len, ip->data, sizeof(ip->data));
	case OCKAM_NL_RANGES:
		if (mnl_attr_get_payload_len(a) > sizeof(ranges->range))
			return false;
		ranges->n = mnl_attr_get_payload_len(a) /
			    sizeof(ranges->range[0]);
		memcpy(ranges->range, mnl_attr_get_payload(a),
		       ranges->n * sizeof(ranges->range[0]));
		return true;
	case OCKAM_NL_IDENTIFIER:
		if (mnl_attr_get_payload_len(a) != OCKAM_IDENTIFIER_LEN)
			return false;
		memcpy(p, mnl_attr_get_payload(a), OCKAM_IDENTIFIER_LEN);
		return true;
	case OCKAM_NL_TAG:
		if (mnl_attr_get_payload_len(a) != 8)
			return false;
		memcpy(p, mnl_attr_get_payload(a), 8);
		return true;
	case OCKAM_NL_NEST:
		if (mnl_attr_validate(a, MNL_TYPE_NESTED) < 0)
			return false;
		if (f->attr == OCKAM_A_NODE_STATS)
			get_counters(a, p, __OCKAM_STAT_MAX);
		else
			get_counters(a, p, __OCKAM_DROP_MAX);
		return true;
	default:
		return false;
	}
}

/* Attributes that are unknown are skipped: the kernel may be newer. */
static int get_object(const struct nlmsghdr *nlh, enum ockam_nl_object kind,
		      void *object)
{
	const struct ockam_nl_field *f;
	const struct nlattr *a;
	uint64_t present = 0;

	memset(object, 0, kinds[kind].size);
	mnl_attr_for_each(a, nlh, sizeof(struct genlmsghdr)) {
		f = field_of(kind, mnl_attr_get_type(a));
		if (!f)
			continue;
		if (!get_field(a, f, field_at(object, f)))
			return -EBADMSG;
		present |= 1ULL << f->attr;
	}
	/* @present is the first member of every structure. */
	*(uint64_t *)object = present;
	return 0;
}

/* ---- requests ---- */

static struct nlmsghdr *begin(struct ockam_nl *nl, uint16_t type, uint8_t cmd,
			      uint16_t flags)
{
	struct genlmsghdr *genl;
	struct nlmsghdr *nlh;

	nl->bad = NULL;
	nl->error[0] = 0;
	nlh = mnl_nlmsg_put_header(nl->req.data);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++nl->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = OCKAM_FAMILY_VERSION;
	return nlh;
}

/*
 * Wait for what answers the request: the next message is at *@nlh, the rest of
 * the datagram has *@left bytes.
 */
static int receive(struct ockam_nl *nl, struct nlmsghdr **nlh, int *left)
{
	ssize_t n;

	do {
		n = mnl_socket_recvfrom(nl->sock, nl->buf, sizeof(nl->buf));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return nl_fail(nl, -errno, "netlink");
	*nlh = (struct nlmsghdr *)nl->buf;
	*left = n;
	return 0;
}

static bool is_answer(const struct ockam_nl *nl, const struct nlmsghdr *nlh)
{
	return nlh->nlmsg_seq == nl->seq &&
	       nlh->nlmsg_pid == mnl_socket_get_portid(nl->sock);
}

/* The result inside an NLMSG_ERROR, 0 for an acknowledgement. */
static int answer_error(struct ockam_nl *nl, const struct nlmsghdr *nlh,
			enum ockam_nl_object kind)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t offset = sizeof(*e);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
		return nl_fail(nl, -EBADMSG, "netlink");
	if (!e->error)
		return 0;
	/* The request is echoed, if the kernel does not know NETLINK_CAP_ACK */
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED) &&
	    e->msg.nlmsg_len > sizeof(e->msg))
		offset += MNL_ALIGN(e->msg.nlmsg_len - sizeof(e->msg));
	read_extack(nl, nlh, offset, kind, e->error);
	return e->error;
}

typedef int (*reply_cb)(struct ockam_nl *nl, const struct nlmsghdr *nlh,
			void *arg);

/* Send the request and wait for its end. */
static int transact(struct ockam_nl *nl, enum ockam_nl_object kind,
		    reply_cb reply, void *arg)
{
	struct nlmsghdr *nlh;
	int err, left;

	nl->req.hdr.nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl->sock, nl->req.data,
			      nl->req.hdr.nlmsg_len) < 0)
		return nl_fail(nl, -errno, "netlink");

	for (;;) {
		err = receive(nl, &nlh, &left);
		if (err)
			return err;
		for (; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			if (!is_answer(nl, nlh))
				continue;
			if (nlh->nlmsg_type == NLMSG_ERROR)
				return answer_error(nl, nlh, kind);
			if (nlh->nlmsg_type < NLMSG_MIN_TYPE || !reply)
				continue;
			err = reply(nl, nlh, arg);
			if (err)
				return err;
		}
	}
}

struct reply_to {
	enum ockam_nl_object	kind;
	void			*object;
};

static int reply_object(struct ockam_nl *nl, const struct nlmsghdr *nlh,
			void *arg)
{
	struct reply_to *to = arg;
	int err = get_object(nlh, to->kind, to->object);

	return err ? nl_fail(nl, err, "reply of the kernel") : 0;
}

/* @reply may be @request, or NULL. */
static int request(struct ockam_nl *nl, uint8_t cmd, enum ockam_nl_object kind,
		   const void *object, void *reply)
{
	struct reply_to to = { kind, reply };
	uint64_t present = object ? *(const uint64_t *)object : 0;
	struct nlmsghdr *nlh;
	int err;

	nlh = begin(nl, nl->family, cmd, 0);
	err = put_object(nlh, kind, object, present);
	if (err)
		return nl_fail(nl, err, "request");
	return transact(nl, kind, reply ? reply_object : NULL, &to);
}

/* ---- the family ---- */

static void read_group(struct ockam_nl *nl, const struct nlattr *nest)
{
	const struct nlattr *a;
	const char *name = NULL;
	uint32_t id = 0;

	mnl_attr_for_each_nested(a, nest) {
		if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_NAME &&
		    mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
			name = mnl_attr_get_str(a);
		if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_ID &&
		    mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
			id = mnl_attr_get_u32(a);
	}
	if (!name || nl->ngroups == GROUPS_MAX ||
	    strlen(name) >= sizeof(nl->group[0].name))
		return;
	strcpy(nl->group[nl->ngroups].name, name);
	nl->group[nl->ngroups++].id = id;
}

static int read_family(struct ockam_nl *nl, const struct nlmsghdr *nlh,
		       void *arg)
{
	const struct nlattr *a, *group;

	(void)arg;
	mnl_attr_for_each(a, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID &&
		    mnl_attr_validate(a, MNL_TYPE_U16) >= 0)
			nl->family = mnl_attr_get_u16(a);
		if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GROUPS &&
		    mnl_attr_validate(a, MNL_TYPE_NESTED) >= 0)
			mnl_attr_for_each_nested(group, a)
				read_group(nl, group);
	}
	return 0;
}

static int find_family(struct ockam_nl *nl)
{
	struct nlmsghdr *nlh;
	int err;

	nlh = begin(nl, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, OCKAM_FAMILY_NAME);
	err = transact(nl, OCKAM_NL_NODE, read_family, NULL);
	if (err)
		return err;
	return nl->family ? 0 : -ENOENT;
}

int ockam_nl_open(struct ockam_nl **out)
{
	struct ockam_nl *nl;
	int one = 1;
	int err;

	nl = calloc(1, sizeof(*nl));
	if (!nl)
		return -ENOMEM;
	nl->sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!nl->sock || mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID)) {
		err = -errno;
		goto fail;
	}
	/* Old kernels lack some of these, and work without. */
	mnl_socket_setsockopt(nl->sock, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(nl->sock, NETLINK_CAP_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(nl->sock, NETLINK_GET_STRICT_CHK, &one,
			      sizeof(one));
	nl->seq = time(NULL);
	err = find_family(nl);
	if (err)
		goto fail;
	*out = nl;
	return 0;

fail:
	ockam_nl_close(nl);
	return err;
}

void ockam_nl_close(struct ockam_nl *nl)
{
	if (!nl)
		return;
	if (nl->sock)
		mnl_socket_close(nl->sock);
	free(nl);
}

int ockam_nl_fd(const struct ockam_nl *nl)
{
	return mnl_socket_get_fd(nl->sock);
}

/* ---- operations ---- */

int ockam_nl_node_get(struct ockam_nl *nl, struct ockam_nl_node *node)
{
	return request(nl, OCKAM_CMD_NODE_GET, OCKAM_NL_NODE, NULL, node);
}

int ockam_nl_node_set(struct ockam_nl *nl, const struct ockam_nl_node *node)
{
	return request(nl, OCKAM_CMD_NODE_SET, OCKAM_NL_NODE, node, NULL);
}

int ockam_nl_worker_get(struct ockam_nl *nl, struct ockam_nl_worker *worker)
{
	return request(nl, OCKAM_CMD_WORKER_GET, OCKAM_NL_WORKER, worker,
		       worker);
}

int ockam_nl_link_new(struct ockam_nl *nl, struct ockam_nl_link *link)
{
	return request(nl, OCKAM_CMD_LINK_NEW, OCKAM_NL_LINK, link, link);
}

int ockam_nl_link_get(struct ockam_nl *nl, struct ockam_nl_link *link)
{
	return request(nl, OCKAM_CMD_LINK_GET, OCKAM_NL_LINK, link, link);
}

int ockam_nl_link_set(struct ockam_nl *nl, const struct ockam_nl_link *link)
{
	return request(nl, OCKAM_CMD_LINK_SET, OCKAM_NL_LINK, link, NULL);
}

int ockam_nl_link_del(struct ockam_nl *nl, const struct ockam_nl_link *link)
{
	return request(nl, OCKAM_CMD_LINK_DEL, OCKAM_NL_LINK, link, NULL);
}

int ockam_nl_link_flush(struct ockam_nl *nl)
{
	return request(nl, OCKAM_CMD_LINK_FLUSH, OCKAM_NL_LINK, NULL, NULL);
}

int ockam_nl_channel_new(struct ockam_nl *nl, struct ockam_nl_channel *ch)
{
	int err;

	err = request(nl, OCKAM_CMD_CHANNEL_NEW, OCKAM_NL_CHANNEL, ch, ch);
	explicit_bzero(nl->req.data, nl->req.hdr.nlmsg_len);
	/* A kernel that does not know NETLINK_CAP_ACK may have echoed it. */
	explicit_bzero(nl->buf, sizeof(nl->buf));
	return err;
}

int ockam_nl_channel_get(struct ockam_nl *nl, struct ockam_nl_channel *ch)
{
	return request(nl, OCKAM_CMD_CHANNEL_GET, OCKAM_NL_CHANNEL, ch, ch);
}

int ockam_nl_channel_set(struct ockam_nl *nl,
			 const struct ockam_nl_channel *ch)
{
	return request(nl, OCKAM_CMD_CHANNEL_SET, OCKAM_NL_CHANNEL, ch, NULL);
}

int ockam_nl_channel_del(struct ockam_nl *nl,
			 const struct ockam_nl_channel *ch)
{
	return request(nl, OCKAM_CMD_CHANNEL_DEL, OCKAM_NL_CHANNEL, ch, NULL);
}

int ockam_nl_channel_flush(struct ockam_nl *nl)
{
	return request(nl, OCKAM_CMD_CHANNEL_FLUSH, OCKAM_NL_CHANNEL, NULL,
		       NULL);
}

int ockam_nl_hop_new(struct ockam_nl *nl, struct ockam_nl_hop *hop)
{
	return request(nl, OCKAM_CMD_HOP_NEW, OCKAM_NL_HOP, hop, hop);
}

int ockam_nl_hop_get(struct ockam_nl *nl, struct ockam_nl_hop *hop)
{
	return request(nl, OCKAM_CMD_HOP_GET, OCKAM_NL_HOP, hop, hop);
}

int ockam_nl_hop_set(struct ockam_nl *nl, const struct ockam_nl_hop *hop)
{
	return request(nl, OCKAM_CMD_HOP_SET, OCKAM_NL_HOP, hop, NULL);
}

int ockam_nl_hop_del(struct ockam_nl *nl, const struct ockam_nl_hop *hop)
{
	return request(nl, OCKAM_CMD_HOP_DEL, OCKAM_NL_HOP, hop, NULL);
}

int ockam_nl_hop_flush(struct ockam_nl *nl)
{
	return request(nl, OCKAM_CMD_HOP_FLUSH, OCKAM_NL_HOP, NULL, NULL);
}

int ockam_nl_policy_new(struct ockam_nl *nl, struct ockam_nl_policy *policy)
{
	return request(nl, OCKAM_CMD_POLICY_NEW, OCKAM_NL_POLICY, policy,
		       policy);
}

int ockam_nl_policy_get(struct ockam_nl *nl, struct ockam_nl_policy *policy)
{
	return request(nl, OCKAM_CMD_POLICY_GET, OCKAM_NL_POLICY, policy,
		       policy);
}

int ockam_nl_policy_del(struct ockam_nl *nl,
			const struct ockam_nl_policy *policy)
{
	return request(nl, OCKAM_CMD_POLICY_DEL, OCKAM_NL_POLICY, policy, NULL);
}

/* ---- dumps ---- */

/**
 * struct chunk - a datagram of a dump
 * @next: the one after it
 * @len: bytes
 * @data: the messages
 */
struct chunk {
	struct chunk	*next;
	int		len;
	char		data[] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static void free_chunks(struct chunk *c)
{
	struct chunk *next;

	for (; c; c = next) {
		next = c->next;
		free(c);
	}
}

static int keep_chunk(struct ockam_nl *nl, struct chunk ***tail, int len)
{
	struct chunk *c;

	c = malloc(sizeof(*c) + len);
	if (!c)
		return nl_fail(nl, -ENOMEM, "dump");
	c->next = NULL;
	c->len = len;
	memcpy(c->data, nl->buf, len);
	**tail = c;
	*tail = &c->next;
	return 0;
}

/* 1: done.  0: go on.  Otherwise -errno. */
static int check_chunk(struct ockam_nl *nl, enum ockam_nl_object kind,
		       bool *torn, int left)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)nl->buf;
	int *result;
	int err;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (!is_answer(nl, nlh))
			continue;
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			*torn = true;
		if (nlh->nlmsg_type == NLMSG_ERROR) {
			err = answer_error(nl, nlh, kind);
			return err ? err : 1;
		}
		if (nlh->nlmsg_type != NLMSG_DONE)
			continue;
		if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*result))
			return 1;
		result = mnl_nlmsg_get_payload(nlh);
		if (*result >= 0)
			return 1;
		read_extack(nl, nlh, sizeof(*result), kind, *result);
		return *result;
	}
	return 0;
}

static int dump_once(struct ockam_nl *nl, enum ockam_nl_object kind,
		     const void *filter, struct chunk **chunks, bool *torn)
{
	uint64_t present = filter ? *(const uint64_t *)filter : 0;
	struct chunk **tail = chunks;
	struct nlmsghdr *nlh;
	int err, done, len;

	*torn = false;
	nlh = begin(nl, nl->family, kinds[kind].get, NLM_F_DUMP);
	err = put_object(nlh, kind, filter, present);
	if (err)
		return nl_fail(nl, err, "filter");
	if (mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len) < 0)
		return nl_fail(nl, -errno, "netlink");

	do {
		err = receive(nl, &nlh, &len);
		if (err)
			return err;
		done = check_chunk(nl, kind, torn, len);
		if (done < 0)
			return done;
		err = keep_chunk(nl, &tail, len);
		if (err)
			return err;
	} while (!done);
	return 0;
}

static int replay(struct ockam_nl *nl, enum ockam_nl_object kind,
		  struct chunk *c, ockam_nl_cb cb, void *arg)
{
	struct nlmsghdr *nlh;
	union object *object;
	int err = 0;
	int left;

	object = malloc(sizeof(*object));
	if (!object)
		return nl_fail(nl, -ENOMEM, "dump");
	for (; c && !err; c = c->next) {
		nlh = (struct nlmsghdr *)c->data;
		left = c->len;
		for (; mnl_nlmsg_ok(nlh, left) && !err;
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			if (!is_answer(nl, nlh) ||
			    nlh->nlmsg_type != nl->family)
				continue;
			err = get_object(nlh, kind, object);
			if (err)
				nl_fail(nl, err, "reply of the kernel");
			else
				err = cb(object, arg);
		}
	}
	free(object);
	return err;
}

int ockam_nl_dump(struct ockam_nl *nl, enum ockam_nl_object kind,
		  const void *filter, ockam_nl_cb cb, void *arg)
{
	struct chunk *chunks = NULL;
	int tries = 0;
	bool torn;
	int err;

	for (;;) {
		err = dump_once(nl, kind, filter, &chunks, &torn);
		if (err ? err != -EINTR : !torn)
			break;
		/* Changes of others must not keep us from seeing anything. */
		if (++tries == DUMP_TRIES)
			break;
		free_chunks(chunks);
		chunks = NULL;
	}
	if (!err)
		err = replay(nl, kind, chunks, cb, arg);
	free_chunks(chunks);
	return err;
}

/* ---- notifications ---- */

int ockam_nl_subscribe(struct ockam_nl *nl, const char *group)
{
	unsigned int i;

	for (i = 0; i < nl->ngroups; i++) {
		if (strcmp(nl->group[i].name, group))
			continue;
		if (mnl_socket_setsockopt(nl->sock, NETLINK_ADD_MEMBERSHIP,
					  &nl->group[i].id,
					  sizeof(nl->group[i].id)) < 0)
			return nl_fail(nl, -errno, group);
		return 0;
	}
	return nl_fail(nl, -ENOENT, group);
}

static int notify(struct ockam_nl *nl, const struct nlmsghdr *nlh,
		  union object *object, ockam_nl_event_cb cb, void *arg)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	struct ockam_nl_event ev = { .object = object };
	unsigned int i;
	int err;

	if (nlh->nlmsg_type != nl->family ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*genl))
		return 0;
	for (i = 0; i < sizeof(notifications) / sizeof(notifications[0]); i++) {
		if (notifications[i].cmd != genl->cmd)
			continue;
		ev.kind = notifications[i].kind;
		ev.gone = notifications[i].gone;
		err = get_object(nlh, ev.kind, object);
		if (err)
			return nl_fail(nl, err, "notification");
		return cb(&ev, arg);
	}
	return 0;
}

int ockam_nl_events(struct ockam_nl *nl, ockam_nl_event_cb cb, void *arg)
{
	struct nlmsghdr *nlh;
	union object *object;
	int err, left;

	err = receive(nl, &nlh, &left);
	if (err)
		return err;
	object = malloc(sizeof(*object));
	if (!object)
		return nl_fail(nl, -ENOMEM, "notification");
	for (; mnl_nlmsg_ok(nlh, left) && !err;
	     nlh = mnl_nlmsg_next(nlh, &left))
		err = notify(nl, nlh, object, cb, arg);
	free(object);
	return err;
}
