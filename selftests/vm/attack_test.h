/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * For the tests that attack: two nodes, each with plain TCP sockets at the other
 * end of its links, so that the test is the relay between them: it has every
 * frame in its hands, and can keep, change, copy and move it.
 *
 * To be included behind channel_test.h.
 */
#ifndef ATTACK_TEST_H
#define ATTACK_TEST_H

/**
 * struct at_frame - a frame as it is on the wire
 * @data: length, head and payload
 * @len: bytes of it
 * @body: where the payload begins: the nonce, if it is a ciphertext
 */
struct at_frame {
	uint8_t		*data;
	uint32_t	len;
	uint32_t	body;
};

/* What a node of the test has. */
struct at_side {
	struct lt_node	node;
	struct lt_wire	w[2];		/* links "l0" and "l1" */
	struct ockam_nl	*ev;		/* events of channels */
	int		fd;		/* its worker */
};

/*
 * a: worker "app", channel E1 and D1 by l0; b: worker "echoer", E2 and D2.
 */
struct at_pair {
	struct at_side	a;
	struct at_side	b;
	struct ct_keys	keys;
	uint32_t	next;		/* number of a's next message */
};

/* Bytes of a CBOR head; @v gets its value. */
OT uint32_t at_head(const uint8_t *p, uint32_t *v)
{
	switch (p[0] & 31) {
	case 24:
		*v = p[1];
		return 2;
	case 25:
		*v = p[1] << 8 | p[2];
		return 3;
	case 26:
		*v = (uint32_t)p[1] << 24 | p[2] << 16 | p[3] << 8 | p[4];
		return 5;
	default:
		*v = p[0] & 31;
		return 1;
	}
}

/* Where the payload of a frame begins, as this kernel writes it. */
OT uint32_t at_body(const uint8_t *data)
{
	uint32_t at = 4, v, hops;
	int i;

	at += at_head(data + at, &v);
	for (i = 0; i < 2; i++) {
		at += at_head(data + at, &hops);
		while (hops--) {
			at += at_head(data + at, &v);
			at += at_head(data + at, &v);
			at += at_head(data + at, &v);
			at += v;
		}
	}
	return at + at_head(data + at, &v);
}

OT void at_free(struct at_frame *f)
{
	free(f->data);
	f->data = NULL;
}

OT bool at_read(int peer, struct at_frame *f)
{
	uint8_t head[4];
	uint32_t len;

	f->data = NULL;
	if (!lt_read(peer, head, 4))
		return false;
	len = (uint32_t)head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];
	f->len = 4 + len;
	f->data = malloc(f->len);
	if (!f->data)
		return false;
	memcpy(f->data, head, 4);
	if (!lt_read(peer, f->data + 4, len))
		return false;
	f->body = at_body(f->data);
	return true;
}

OT bool at_write(int peer, const struct at_frame *f)
{
	return lt_write(peer, f->data, f->len);
}

OT uint64_t at_nonce(const struct at_frame *f)
{
	uint64_t n = 0;
	int i;

	for (i = 0; i < 8; i++)
		n = n << 8 | f->data[f->body + i];
	return n;
}

OT void at_set_nonce(struct at_frame *f, uint64_t n)
{
	int i;

	for (i = 7; i >= 0; i--, n >>= 8)
		f->data[f->body + i] = n;
}

OT const uint8_t *at_cipher(const struct at_frame *f)
{
	return f->data + f->body;
}

OT uint32_t at_cipher_len(const struct at_frame *f)
{
	return f->len - f->body;
}

/* A payload by another route, "a>b"; without a return route. */
OT bool at_tell(int peer, const char *route, const uint8_t *p, uint32_t len)
{
	struct ot_route onward = {}, ret = {};
	struct lt_buf b = {};
	bool good;

	onward.len = ct_flat(onward.data, route);
	for (onward.nhops = 1; *route; route++)
		onward.nhops += *route == '>';
	lt_put_frame(&b, &onward, &ret, p, len);
	good = lt_write(peer, b.data, b.len);
	lt_buf_free(&b);
	return good;
}

OT int at_side(struct at_side *s, const char *worker, uint32_t scope)
{
	int err;

	s->fd = s->w[0].peer = s->w[1].peer = -1;
	s->ev = NULL;
	err = lt_node_new(&s->node) ?:
	      lt_wire(&s->node, &s->w[0], lt_conf(.name = "l0")) ?:
	      lt_wire(&s->node, &s->w[1], lt_conf(.name = "l1")) ?:
	      ockam_nl_open(&s->ev) ?: ockam_nl_subscribe(s->ev, "channel");
	if (err)
		return err;
	s->fd = lt_worker(worker, scope);
	return s->fd < 0 ? s->fd : 0;
}

OT int at_pair(struct at_pair *p)
{
	int err;

	memset(p, 0, sizeof(*p));
	p->b.node.ns = p->a.node.ns = -1;
	ct_keys(&p->keys);
	err = at_side(&p->a, "app", 0) ?:
	      ct_new(p->a.node.nl, &p->keys, true, "E1", "D1", -1, "l0>D2");
	if (err)
		return err;
	err = at_side(&p->b, "echoer", OCKAM_ACCEPT_CHANNELS);
	return err ?: ct_new(p->b.node.nl, &p->keys, false, "E2", "D2", -1,
			     "l0>D1");
}

OT void at_side_free(struct at_side *s)
{
	close(s->fd);
	close(s->w[0].peer);
	close(s->w[1].peer);
	ockam_nl_close(s->ev);
	lt_node_free(&s->node);
}

OT void at_pair_free(struct at_pair *p)
{
	at_side_free(&p->a);
	at_side_free(&p->b);
}

/* a sends its next message; the relay gets it. */
OT bool at_take(struct at_pair *p, struct at_frame *f)
{
	struct sockaddr_ockam sa = ct_sa("E1>echoer");
	uint32_t n = p->next++;

	f->data = NULL;
	return ot_sendx(p->a.fd, ot_out(.name = &sa), &n, 4) == 4 &&
	       at_read(p->a.w[0].peer, f);
}

/* Does b hear message @n now, and no other? */
OT bool at_heard(struct at_pair *p, uint32_t n, struct ot_in *in)
{
	struct ot_in none = {};
	uint32_t got = ~n;

	return ot_recvx(p->b.fd, in ?: &none, &got, 4, 0) == 4 && got == n;
}

/* b answers on the route that the last message came by. */
OT bool at_answer(struct at_pair *p, const struct ot_in *in, uint32_t n)
{
	return ot_sendx(p->b.fd, ot_out(.name = &in->from), &n, 4) == 4;
}

/* One message from a to b, by the relay and as it is. */
OT bool at_pass(struct at_pair *p)
{
	struct at_frame f;
	bool good;

	good = at_take(p, &f) && at_write(p->b.w[0].peer, &f) &&
	       at_heard(p, p->next - 1, NULL);
	at_free(&f);
	return good;
}

/* And back: a whole round trip. */
OT bool at_round(struct at_pair *p, struct at_frame *there,
		 struct at_frame *back)
{
	struct ot_in in = {};
	uint32_t n = p->next, got = ~n;

	back->data = NULL;
	return at_take(p, there) && at_write(p->b.w[0].peer, there) &&
	       at_heard(p, n, &in) && at_answer(p, &in, n) &&
	       at_read(p->b.w[0].peer, back) &&
	       at_write(p->a.w[0].peer, back) &&
	       ot_recv(p->a.fd, &got, 4, 0) == 4 && got == n;
}

/* Channel @enc once nothing is going on behind it: keys are prepared ahead. */
OT int at_settled(const struct at_side *s, const char *enc,
		  struct ockam_nl_channel *ch)
{
	struct ockam_nl_channel before = {};
	int i, err, calm = 0;

	/* A machine that stood still for one interval has not for several. */
	for (i = 0; i < 600; i++) {
		err = ct_get(s->node.nl, enc, ch);
		if (err)
			return err;
		calm = i && ch->derivations == before.derivations ? calm + 1 :
								    0;
		if (calm == 4)
			return 0;
		before = *ch;
		usleep(50000);
	}
	return -ETIMEDOUT;
}

/* Is nothing different but the counters of what was refused? */
OT bool at_unchanged(struct __test_metadata *_metadata,
		     const struct ockam_nl_channel *was,
		     const struct ockam_nl_channel *is)
{
	const struct { const char *name; uint64_t was, is; } v[] = {
		{ "state", was->state, is->state },
		{ "reason", was->reason, is->reason },
		{ "rx-msgs", was->rx_msgs, is->rx_msgs },
		{ "tx-msgs", was->tx_msgs, is->tx_msgs },
		{ "rx-bytes", was->rx_bytes, is->rx_bytes },
		{ "derivations", was->derivations, is->derivations },
		{ "carrier-kind", was->carrier_kind, is->carrier_kind },
		{ "carrier", was->carrier, is->carrier },
		{ "owner", was->owner, is->owner },
	};
	bool good = was->route.len == is->route.len &&
		    !memcmp(was->route.data, is->route.data, was->route.len);
	unsigned int i;

	if (!good)
		TH_LOG("the route changed");
	for (i = 0; i < sizeof(v) / sizeof(*v); i++) {
		if (v[i].was == v[i].is)
			continue;
		TH_LOG("%s was %llu, is %llu", v[i].name,
		       (unsigned long long)v[i].was,
		       (unsigned long long)v[i].is);
		good = false;
	}
	return good;
}

OT bool at_route_is(const struct at_side *s, const char *enc, const char *want)
{
	struct ockam_nl_channel ch;
	uint8_t flat[1024];
	uint16_t len = ct_flat(flat, want);

	return !ct_get(s->node.nl, enc, &ch) && ch.route.len == len &&
	       !memcmp(ch.route.data, flat, len);
}

/* Since @before, how many were dropped for a reason. */
OT uint64_t at_drops(const struct at_side *s,
		     const struct ockam_nl_node *before, enum ockam_drop why)
{
	return lt_drop(&s->node, why) - before->drops[why];
}

/* And for all of them. */
OT uint64_t at_all_drops(const struct at_side *s,
			 const struct ockam_nl_node *before)
{
	uint64_t sum = lt_drops(&s->node);
	int i;

	for (i = 0; i < __OCKAM_DROP_MAX; i++)
		sum -= before->drops[i];
	return sum;
}

struct at_events {
	uint32_t	event;
	unsigned int	n;
};

OT int at_take_event(const struct ockam_nl_event *ev, void *arg)
{
	const struct ockam_nl_channel *ch = ev->object;
	struct at_events *e = arg;

	e->n += ev->kind == OCKAM_NL_CHANNEL && !ev->gone &&
		ch->event == e->event;
	return 0;
}

/* How many such events have come since the last call. */
OT unsigned int at_events(struct at_side *s, uint32_t event)
{
	struct at_events e = { .event = event };

	while (ot_poll(ockam_nl_fd(s->ev), POLLIN, 0) > 0)
		ockam_nl_events(s->ev, at_take_event, &e);
	return e.n;
}

#endif /* ATTACK_TEST_H */
