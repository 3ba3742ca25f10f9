/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The ceiling of the process. Caches have budgets of their own below it and
 * what one request may take is capped; this is the last line: new work is
 * refused before the system kills the process with all that is under way.
 */
#include "api/memory.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#define LOOK_EVERY_US 100000
#define RETRY_MS 2000

static struct {
	pthread_mutex_t lock;
	int64_t looked_us;
	bool over;
} mem = { .lock = PTHREAD_MUTEX_INITIALIZER };

int64_t
memory_used(void)
{
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	struct str text, size, resident, shared, rest;
	int64_t pages = 0, files = 0;
	char line[128];
	ssize_t n = 0;

	if (fd >= 0) {
		n = read(fd, line, sizeof(line));
		close(fd);
	}
	text = str_n(line, n > 0 ? (size_t)n : 0);
	if (!str_cut(text, ' ', &size, &rest) ||
	    !str_cut(rest, ' ', &resident, &rest) ||
	    !str_cut(rest, ' ', &shared, &rest) ||
	    !str_i64(resident, &pages) || !str_i64(shared, &files))
		return 0;
	return (pages - files) * (int64_t)sysconf(_SC_PAGESIZE);
}

static void
look(void)
{
	int64_t most = conf_get()->limits_memory, used = memory_used();
	bool was = mem.over;

	if (used > most) {
		malloc_trim(0);
		used = memory_used();
	}
	mem.over = used > most;
	if (mem.over && !was)
		log_warn("api", "short of memory: new work is refused",
		    LI("used", used), LI("ceiling", most));
	else if (was && !mem.over)
		log_info("api", "there is memory again", LI("used", used));
}

bool
memory_check(struct err *e)
{
	int64_t now = clock_mono_us();
	bool over;

	pthread_mutex_lock(&mem.lock);
	if (now - mem.looked_us >= LOOK_EVERY_US) {
		mem.looked_us = now;
		look();
	}
	over = mem.over;
	pthread_mutex_unlock(&mem.lock);
	if (!over)
		return true;
	fail(e, M_UNAVAILABLE, "The server is short of memory: try again");
	e->retry_ms = RETRY_MS;
	return false;
}
