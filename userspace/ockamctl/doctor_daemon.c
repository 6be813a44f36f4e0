// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl doctor: ockamd, its configuration and its key store. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ockam/ockam.h>

#include "doctor.h"
#include "ockamctl.h"
#include "request.h"

#define CONFIG		"/etc/ockam/ockamd.conf"
#define STORE		"/var/lib/ockam"
#define CHECK_CONFIG	"ockamd -t -f " CONFIG " 2>&1"

static bool is_there(struct doctor *d, uint32_t *uid)
{
	struct ockam_nl_worker worker = {};

	if (arg_field(OCKAM_NL_WORKER, &worker, OCKAM_A_WORKER_ADDRESS,
		      REQUEST_WORKER) ||
	    ockam_nl_worker_get(d->ctl->nl, &worker))
		return false;
	*uid = worker.uid;
	return true;
}

/* ---- its lists, line by line ---- */

/* The number behind a word. */
static unsigned long long number_of(const char *line, const char *word)
{
	const char *at = strstr(line, word);

	return at ? strtoull(at + strlen(word), NULL, 10) : 0;
}

static const char *why_of(const char *line)
{
	const char *why = strstr(line, " why ");

	return why ? why + 5 : "its log says why";
}

static void each_listener(struct doctor *d, const char *line)
{
	int len = strcspn(line, " ");

	if (number_of(line, " full "))
		doctor_report(d, "listener", NOTE,
			      "%.*s had no room for %llu handshakes: somebody floods it, or max-handshakes is too low",
			      len, line, number_of(line, " full "));
	if (number_of(line, " too-long "))
		doctor_report(d, "listener", NOTE,
			      "%.*s got %llu messages that are longer than any of a handshake: somebody tries what it takes",
			      len, line, number_of(line, " too-long "));
	if (number_of(line, " expired "))
		doctor_report(d, "listener", NOTE,
			      "%.*s: %llu peers did not end their handshake: do they trust the identity that it shows?",
			      len, line, number_of(line, " expired "));
	if (number_of(line, " refused "))
		doctor_report(d, "listener", NOTE,
			      "%.*s refused %llu handshakes, the last one: %s",
			      len, line, number_of(line, " refused "),
			      why_of(line));
}

static void each_channel(struct doctor *d, const char *line)
{
	int len = strcspn(line, " ");

	if (strstr(line, " verified yes"))
		return;
	doctor_report(d, "kept", BAD, "%.*s: %s", len, line,
		      strstr(line, " why ") ? why_of(line) :
		      strstr(line, " state up") ?
		      "made, but nothing has come from the peer: does it trust our identity? Its listener's list there says whom it refused" :
		      "not made yet; ockamctl trace along its route shows how far it gets");
}

static bool each_line(struct doctor *d,
		      int (*ask)(const struct ockam_secure_channel_options *,
				 char **text),
		      void (*each)(struct doctor *d, const char *line))
{
	const struct ockam_secure_channel_options opt = { .timeout_ms = 5000 };
	char *text, *line, *rest;

	if (ask(&opt, &text))
		return false;
	rest = text;
	while ((line = strsep(&rest, "\n")))
		if (*line)
			each(d, line);
	free(text);
	return true;
}

/* ---- files ---- */

/* The last line that ockamd says of its configuration. */
static void check_config(struct doctor *d)
{
	char line[512] = "", last[512] = "";
	FILE *f;
	int rc;

	if (access(CONFIG, R_OK)) {
		doctor_report(d, "config", NOTE, errno == ENOENT ?
			      "there is no " CONFIG ": ockamd does not start without one (an example is with the documentation)" :
			      CONFIG " is not for this user: try as root");
		return;
	}
	f = popen(CHECK_CONFIG, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		if (*line != '\n')
			strcpy(last, line);
	rc = pclose(f);
	last[strcspn(last, "\n")] = 0;
	if (!rc)
		doctor_report(d, "config", GOOD, CONFIG);
	else if (WIFEXITED(rc) && WEXITSTATUS(rc) == 127)
		doctor_report(d, "config", NOTE,
			      "not checked: there is no ockamd in this user's PATH");
	else
		doctor_report(d, "config", BAD, "%s", *last ? last :
			      "ockamd -t does not accept " CONFIG);
}

static void check_store(struct doctor *d, bool running, uint32_t uid)
{
	struct dirent *e;
	struct stat st;
	DIR *dir;

	if (stat(STORE, &st))
		return;
	if (st.st_mode & 077)
		doctor_report(d, "store", BAD,
			      STORE " is open to others: chmod 700 " STORE);
	if (running && st.st_uid != uid)
		doctor_report(d, "store", NOTE,
			      STORE " is of uid %u, ockamd runs as uid %u: it uses another store, or cannot read this one",
			      st.st_uid, uid);
	dir = opendir(STORE);
	if (!dir) {
		doctor_report(d, "store", NOTE, STORE ": %s",
			      strerror(errno));
		return;
	}
	while ((e = readdir(dir))) {
		if (!strstr(e->d_name, ".identity") ||
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (!S_ISREG(st.st_mode) || st.st_mode & 077)
			doctor_report(d, "store", BAD,
				      STORE "/%s is open to others: chmod 600, and give the identity a new key (ockamctl identity rotate)",
				      e->d_name);
	}
	closedir(dir);
}

void doctor_daemon(struct doctor *d)
{
	uint32_t uid = 0;
	bool running = is_there(d, &uid);

	check_config(d);
	check_store(d, running, uid);
	if (!running) {
		doctor_report(d, "daemon", NOTE,
			      "no ockamd here (or not for this user to see): channels and portals need one, a relay does not; systemctl start ockamd");
		return;
	}
	if (!each_line(d, request_listeners, each_listener)) {
		doctor_report(d, "daemon", BAD, "of uid %s, but: %s",
			      user_text(uid), ockam_error());
		return;
	}
	doctor_report(d, "daemon", GOOD, "of uid %s, answers",
		      user_text(uid));
	each_line(d, request_channels, each_channel);
}
