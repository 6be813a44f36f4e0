// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* What Prometheus is told: userspace/ockamctl/metrics.c */
#include <ctype.h>

#include "metrics.h"
#include "tap.h"
#include "text.h"

static char *text;
static size_t text_len;

static void name_link(struct ockam_nl_link *l, const char *name)
{
	size_t len = strlen(name);

	l->name.len = 2 + len;
	l->name.data[1] = len;
	memcpy(l->name.data + 2, name, len);
}

static struct ockam_nl_link link_of(const char *name, bool up)
{
	struct ockam_nl_link l = {
		.present = ~0ULL, .kind = OCKAM_LINK_KIND_TCP,
		.mode = OCKAM_LINK_MODE_CONNECT, .rx_bytes = 1ULL << 40,
		.silent_ms = 1500,
	};

	name_link(&l, name);
	l.state = up ? OCKAM_LINK_STATE_UP : OCKAM_LINK_STATE_CONNECTING;
	return l;
}

/* Two links, of which one never had a message and has a name of evil. */
static void print_all(bool admin)
{
	static struct ockam_nl_link links[2];
	static struct ockam_nl_channel channel = {
		.present = ~0ULL, .state = OCKAM_CHANNEL_STATE_UP,
		.role = OCKAM_ROLE_RESPONDER, .tx_msgs = 7,
		.encryptor = { .len = 5, .data = { 0, 3, 'e', 'n', 'c' } },
		.identifier = { 0xab },
	};
	static struct metrics m;
	FILE *f;

	memset(&m, 0, sizeof(m));
	links[0] = link_of("up", true);
	links[1] = link_of("a\"b\\c\n", false);
	links[1].present &= ~(1ULL << OCKAM_A_LINK_SILENT_MS);
	m.link = links;
	m.n_links = 2;
	m.channel = &channel;
	m.n_channels = 1;
	m.node.links = 2;
	m.node.drops[OCKAM_DROP_NO_WORKER] = 3;
	if (admin)
		ockam_nl_mark(&m.node, OCKAM_A_NODE_STATS);
	free(text);
	f = open_memstream(&text, &text_len);
	MUST(f);
	metrics_print(f, &m);
	MUST(!fclose(f));
}

static bool has(const char *line)
{
	const char *at = strstr(text, line);

	return at && (at == text || at[-1] == '\n') &&
	       at[strlen(line)] == '\n';
}

static bool test_values(void)
{
	print_all(true);
	CHECK(has("ockam_links 2"));
	CHECK(has("ockam_drops_total{reason=\"no-worker\"} 3"));
	CHECK(has("ockam_events_total{event=\"sent\"} 0"));
	CHECK(has("ockam_link_up{link=\"0#up\",kind=\"tcp\",mode=\"connect\"} 1"));
	CHECK(has("ockam_link_received_bytes_total{link=\"0#up\",kind=\"tcp\",mode=\"connect\"} 1099511627776"));
	CHECK(has("ockam_link_silent_seconds{link=\"0#up\",kind=\"tcp\",mode=\"connect\"} 1.5"));
	CHECK(has("ockam_channel_sent_messages_total{channel=\"0#enc\",peer=\"Iab00000000000000000000000000000000000000000000000000000000000000\",role=\"responder\"} 7"));
	return true;
}

static bool test_no_rights(void)
{
	print_all(false);
	CHECK(has("ockam_links 2"));
	CHECK(!strstr(text, "drops_total"));
	return true;
}

/* The escapes of routes are escaped once more. */
static bool test_labels(void)
{
	print_all(true);
	CHECK(has("ockam_link_up{link=\"0#a\\\"b\\\\\\\\c\\\\x0a\",kind=\"tcp\",mode=\"connect\"} 0"));
	return true;
}

/* A metric once; its help and type first; counters, and only they, end so. */
static bool test_format(void)
{
	char *copy, *line, *save = NULL, name[128] = "", type[16] = "";
	char seen[8192] = "", word[132], *end;
	size_t n;

	print_all(true);
	copy = strdup(text);
	for (line = strtok_r(copy, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "# HELP %127s", name) == 1) {
			snprintf(word, sizeof(word), "\n%s\n", name);
			CHECK(!strstr(seen, word));
			strcat(seen, word);
			CHECK(line[strlen(line) - 1] == '.');
			type[0] = 0;
			continue;
		}
		if (!strncmp(line, "# TYPE ", 7)) {
			n = strlen(name);
			CHECK(!strncmp(line + 7, name, n));
			CHECK(sscanf(line + 7 + n, "%15s", type) == 1);
			CHECK((!strcmp(type, "counter")) ==
			      (n > 6 && !strcmp(name + n - 6, "_total")));
			continue;
		}
		n = strcspn(line, "{ ");
		CHECK(type[0] && n == strlen(name) && !memcmp(line, name, n));
		end = strrchr(line, ' ');
		CHECK(end && isdigit((unsigned char)end[1]));
	}
	free(copy);
	CHECK(text[text_len - 1] == '\n');
	return true;
}

/* What Prometheus itself has to say, if it is here. */
static bool test_promtool(void)
{
	FILE *f;
	int rc;

	if (system("command -v promtool >/dev/null")) {
		printf("# there is no promtool\n");
		return true;
	}
	print_all(true);
	f = popen("promtool check metrics >&2", "w");
	MUST(f);
	fwrite(text, 1, text_len, f);
	rc = pclose(f);
	CHECK(!rc);
	return true;
}

static const struct tap_test tests[] = {
	{ "values and labels", test_values },
	{ "what needs rights is left out without", test_no_rights },
	{ "quotes, backslashes and newlines in names", test_labels },
	{ "each metric once, behind its help and type", test_format },
	{ "promtool has nothing to complain about", test_promtool },
};

TAP_MAIN(tests)
