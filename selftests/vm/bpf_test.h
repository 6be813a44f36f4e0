/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * For the tests of policy programs: BPF programs, written instruction by
 * instruction, and maps.
 *
 * To be included behind ockam_test.h; what attaches them behind link_test.h.
 */
#ifndef BPF_TEST_H
#define BPF_TEST_H

#include <linux/bpf.h>

#define BI(c, d, s, o, i) ((struct bpf_insn){				\
	.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define BI_MOV(d, s)		BI(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define BI_SET(d, i)		BI(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define BI_ADD(d, i)		BI(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define BI_LOAD(d, s, o)	BI(BPF_LDX | BPF_MEM | BPF_W, d, s, o, 0)
#define BI_STORE(d, s, o)	BI(BPF_STX | BPF_MEM | BPF_W, d, s, o, 0)
#define BI_STOREI(d, o, i)	BI(BPF_ST | BPF_MEM | BPF_W, d, 0, o, i)
#define BI_IF_EQ(d, i, o)	BI(BPF_JMP | BPF_JEQ | BPF_K, d, 0, o, i)
#define BI_IF_NE(d, i, o)	BI(BPF_JMP | BPF_JNE | BPF_K, d, 0, o, i)
#define BI_IF_NER(d, s, o)	BI(BPF_JMP | BPF_JNE | BPF_X, d, s, o, 0)
#define BI_ABS(off)		BI(BPF_LD | BPF_ABS | BPF_W, 0, 0, 0, off)
#define BI_CALL(f)		BI(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define BI_EXIT()		BI(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* Two instructions. */
#define BI_MAP(d, fd)							\
	BI(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_FD, 0, fd),	\
	BI(0, 0, 0, 0, 0)

OT int bt_bpf(int cmd, union bpf_attr *attr)
{
	return OT_ERR((int)syscall(SYS_bpf, cmd, attr, sizeof(*attr)));
}

OT int bt_load_as(uint32_t type, const struct bpf_insn *insn, size_t n)
{
	static char log[65536];
	union bpf_attr attr = {
		.prog_type = type,
		.insns = (uintptr_t)insn,
		.insn_cnt = n,
		.license = (uintptr_t)"GPL",
		.log_buf = (uintptr_t)log,
		.log_size = sizeof(log),
		.log_level = 1,
	};
	int fd = bt_bpf(BPF_PROG_LOAD, &attr);

	if (fd < 0)
		fprintf(stderr, "# bpf: %d: %s\n", fd, log);
	return fd;
}

#define bt_load(insn)							\
	bt_load_as(BPF_PROG_TYPE_SOCKET_FILTER, insn,			\
		   sizeof(insn) / sizeof((insn)[0]))

/* Returns @verdict whatever it sees. */
OT int bt_verdict(int32_t verdict)
{
	struct bpf_insn insn[] = { BI_SET(0, verdict), BI_EXIT() };

	return bt_load(insn);
}

OT int bt_map(uint32_t type, uint32_t key, uint32_t value, uint32_t n)
{
	union bpf_attr attr = {
		.map_type = type,
		.key_size = key,
		.value_size = value,
		.max_entries = n,
	};

	return bt_bpf(BPF_MAP_CREATE, &attr);
}

OT int bt_map_set(int fd, uint32_t key, const void *value)
{
	union bpf_attr attr = {
		.map_fd = fd,
		.key = (uintptr_t)&key,
		.value = (uintptr_t)value,
	};

	return bt_bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

OT int bt_map_get(int fd, uint32_t key, void *value)
{
	union bpf_attr attr = {
		.map_fd = fd,
		.key = (uintptr_t)&key,
		.value = (uintptr_t)value,
	};

	return bt_bpf(BPF_MAP_LOOKUP_ELEM, &attr);
}

/* Is there still a program with this id?  Its memory goes with it. */
OT bool bt_prog_lives(uint32_t id)
{
	union bpf_attr attr = { .prog_id = id };
	int fd = bt_bpf(BPF_PROG_GET_FD_BY_ID, &attr);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/**
 * struct bt_probe - value of a map: what a program has seen, what it answers
 * @verdict: its answer
 * @runs: how often it ran
 * @skb_len: length of the packet
 * @at: from where @there is read
 * @there_err: 0 if that worked
 * @front_err: 0 if @front could be read
 * @ctx: what it was told
 * @front: bytes behind that
 * @there: bytes at @at
 */
struct bt_probe {
	uint32_t		verdict;
	uint32_t		runs;
	uint32_t		skb_len;
	uint32_t		at;
	int32_t			there_err;
	int32_t			front_err;
	struct ockam_policy_ctx	ctx;
	uint8_t			front[4];
	uint8_t			there[4];
};

#define BT_AT(field)	offsetof(struct bt_probe, field)
#define BT_LOAD(where, bytes)						\
	BI_MOV(1, 6), BI_MOV(3, 7), BI_ADD(3, BT_AT(where)),		\
	BI_SET(4, bytes), BI_CALL(BPF_FUNC_skb_load_bytes)

/* A program that writes down what it sees; @map gets its map. */
OT int bt_probe(int *map, uint32_t verdict)
{
	struct bt_probe value = {
		.verdict = verdict,
		.at = sizeof(struct ockam_policy_ctx),
	};
	int fd = bt_map(BPF_MAP_TYPE_ARRAY, 4, sizeof(value), 1);
	struct bpf_insn insn[] = {
		BI_MOV(6, 1),
		BI_STOREI(10, -4, 0),
		BI_MAP(1, fd),
		BI_MOV(2, 10),
		BI_ADD(2, -4),
		BI_CALL(BPF_FUNC_map_lookup_elem),
		BI_IF_NE(0, 0, 1),
		BI_EXIT(),
		BI_MOV(7, 0),
		BI_LOAD(1, 7, BT_AT(runs)),
		BI_ADD(1, 1),
		BI_STORE(7, 1, BT_AT(runs)),
		BI_LOAD(1, 6, offsetof(struct __sk_buff, len)),
		BI_STORE(7, 1, BT_AT(skb_len)),
		BI_SET(2, 0),
		BT_LOAD(ctx, sizeof(struct ockam_policy_ctx)),
		BI_SET(2, sizeof(struct ockam_policy_ctx)),
		BT_LOAD(front, 4),
		BI_STORE(7, 0, BT_AT(front_err)),
		BI_LOAD(2, 7, BT_AT(at)),
		BT_LOAD(there, 4),
		BI_STORE(7, 0, BT_AT(there_err)),
		BI_LOAD(0, 7, BT_AT(verdict)),
		BI_EXIT(),
	};

	*map = fd;
	if (fd < 0 || bt_map_set(fd, 0, &value))
		return -EIO;
	return bt_load(insn);
}

/* What it has seen so far. */
OT struct bt_probe bt_seen(int map)
{
	struct bt_probe p;

	if (bt_map_get(map, 0, &p))
		memset(&p, 0xee, sizeof(p));
	return p;
}

OT int bt_answer(int map, uint32_t verdict)
{
	struct bt_probe p = bt_seen(map);

	p.verdict = verdict;
	return bt_map_set(map, 0, &p);
}

#ifdef LINK_TEST_H
/* A policy program; @attr says what @object is.  The id, or -errno. */
OT int lt_policy(const struct lt_node *node, int attr, uint32_t object,
		 int prog)
{
	struct ockam_nl_policy p = {
		.link = object, .channel = object, .fd = prog
	};
	int err;

	ockam_nl_mark(&p, attr);
	ockam_nl_mark(&p, OCKAM_A_POLICY_FD);
	err = ockam_nl_policy_new(node->nl, &p);
	return err ?: (int)p.id;
}
#endif

#endif /* BPF_TEST_H */
