// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* What Prometheus is told: userspace/ockamctl/metrics.c */
#include <ctype.h>

#include <jansson.h>

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

/* ---- the dashboard for Grafana ---- */

#define DASHBOARD	VECTORS_DIR "/../../userspace/examples/grafana.json"

/* A sample of the metric @name whose labels have @with. */
static bool printed(const char *name, const char *with)
{
	size_t n = strlen(name);
	const char *at, *end;

	for (at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, name, n) || !strchr("{ ", at[n]))
			continue;
		end = strchr(at, '\n');
		if (!with || memmem(at, end - at, with, strlen(with)))
			return true;
	}
	printf("# %s is not printed with '%s'\n", name, with ? with : "");
	return false;
}

/* The values of event=~"one|another" and the like; instance is Prometheus's. */
static bool labels_printed(const char *name, const char *expr)
{
	char label[32], values[256], one[320], *value, *save;
	const char *at = strchr(expr, '{');

	while (at && sscanf(at, "%*[{,]%31[a-z]%*[=~]\"%255[^\"]\"", label,
			    values) == 2) {
		for (value = strtok_r(values, "|", &save);
		     strcmp(label, "instance") && value;
		     value = strtok_r(NULL, "|", &save)) {
			snprintf(one, sizeof(one), "%s=\"%s\"", label, value);
			CHECK(printed(name, one));
		}
		at = strchr(at + 1, ',');
	}
	return true;
}

static bool target_printed(const json_t *target)
{
	const char *expr = json_string_value(json_object_get(target, "expr"));
	const char *legend = json_string_value(json_object_get(target,
							       "legendFormat"));
	char name[128], label[64], with[72];
	const char *at;

	CHECK(expr && legend && json_object_get(target, "refId"));
	at = strstr(expr, "ockam_");
	CHECK(at && sscanf(at, "%127[a-z_]", name) == 1);
	CHECK(!strstr(at + strlen(name), "ockam_"));
	CHECK(printed(name, NULL));
	CHECK(labels_printed(name, at));
	at = strstr(legend, "{{");
	if (at && sscanf(at, "{{%63[a-z]}}", label) == 1) {
		snprintf(with, sizeof(with), "%s=\"", label);
		CHECK(printed(name, with));
	}
	return true;
}

/* As Grafana wants it: a place of its own on 24 columns, a source. */
static bool panel_good(const json_t *panel)
{
	const json_t *at = json_object_get(panel, "gridPos");
	const json_t *source = json_object_get(panel, "datasource");
	json_int_t x = json_integer_value(json_object_get(at, "x"));
	json_int_t w = json_integer_value(json_object_get(at, "w"));

	CHECK(json_is_string(json_object_get(panel, "title")));
	CHECK(json_is_string(json_object_get(panel, "type")));
	CHECK(x >= 0 && w > 0 && x + w <= 24);
	CHECK(json_integer_value(json_object_get(at, "h")) > 0);
	CHECK(json_integer_value(json_object_get(at, "y")) >= 0);
	CHECK(!strcmp(json_string_value(json_object_get(source, "uid")),
		      "${source}"));
	return true;
}

static bool test_dashboard(void)
{
	const json_t *panels, *panel, *target;
	unsigned long long ids = 0;
	static json_t *all;
	json_int_t id;
	size_t i, j;

	print_all(true);
	all = json_load_file(DASHBOARD, JSON_REJECT_DUPLICATES, NULL);
	panels = json_object_get(all, "panels");
	CHECK(json_integer_value(json_object_get(all, "schemaVersion")) >= 37);
	CHECK(json_is_string(json_object_get(all, "title")));
	CHECK(json_array_size(panels) > 0);
	json_array_foreach(panels, i, panel) {
		id = json_integer_value(json_object_get(panel, "id"));
		CHECK(id > 0 && id < 64 && !(ids >> id & 1));
		ids |= 1ULL << id;
		CHECK(panel_good(panel));
		CHECK(json_array_size(json_object_get(panel, "targets")) > 0);
		json_array_foreach(json_object_get(panel, "targets"), j, target)
			CHECK(target_printed(target));
	}
	json_decref(all);
	return true;
}

static const struct tap_test tests[] = {
	{ "values and labels", test_values },
	{ "what needs rights is left out without", test_no_rights },
	{ "quotes, backslashes and newlines in names", test_labels },
	{ "each metric once, behind its help and type", test_format },
	{ "promtool has nothing to complain about", test_promtool },
	{ "the dashboard asks for what is printed", test_dashboard },
};

TAP_MAIN(tests)
