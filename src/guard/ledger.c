/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The ledger's thread: takes every record that waits, chains and writes them at
 * once, waits for the disk, then lets the replies go. See ledger.h and
 * docs/decisions/0004.
 *
 * The file carries on where it ended. A last line that a crash cut was never
 * acted on: it is set aside. Where the file is damaged otherwise it is left as
 * it is for whoever must look into it, the log raises an alarm, and a new file
 * begins from its last line.
 */
#include "guard/ledger.h"

#include "base/file.h"
#include "base/heap.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/metric.h"
#include "guard/ledger_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUEUE_MAX 20000
#define QUEUE_BYTES_MAX ((size_t)128 << 20)
#define LINK_BYTES 80		/* more than the chain adds to a line */
#define FILE_MAX_BYTES (256 << 20)

struct entry {
	struct entry *next;
	void (*done)(void *arg, bool ok);
	void *arg;
	struct buf line;		/* up to, not including, the prev member */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t queued;
	pthread_t thread;
	struct entry *first, **last;
	size_t n, bytes_queued;
	bool stop, running;

	/* the thread's own */
	struct arena *a;
	struct str dir;
	bool sync;
	int fd;
	int64_t number, bytes;
	char prev[LEDGER_HASH_HEX];
	struct buf batch;
	int64_t records;		/* atomic */
	struct metric *written, *failed;
} led = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.queued = PTHREAD_COND_INITIALIZER, .fd = -1 };

/* [kind, object, first, last, count, bytes]: zeros at the end are left out. */
static void
write_item(struct jsonw *w, const struct seen_item *x)
{
	jsonw_arr(w, NULL);
	jsonw_str(w, NULL, seen_kind_name(x->kind));
	jsonw_str(w, NULL, x->object);
	jsonw_int(w, NULL, x->first);
	jsonw_int(w, NULL, x->last);
	jsonw_int(w, NULL, x->count);
	if (x->bytes != 0)
		jsonw_int(w, NULL, x->bytes);
	jsonw_arr_end(w);
}

static void
write_record(struct buf *b, const struct actor *who, const char *operation,
    int64_t now_ms, const struct seen *seen)
{
	struct jsonw w;

	jsonw_init(&w, b);
	jsonw_obj(&w, NULL);
	jsonw_int(&w, "at", now_ms);
	jsonw_str(&w, "who", who->user);
	if (who->device.n > 0)
		jsonw_str(&w, "device", who->device);
	if (who->session != 0)
		jsonw_int(&w, "session", who->session);
	jsonw_str(&w, "address", who->address);
	if (who->agent.n > 0)
		jsonw_str(&w, "agent", who->agent);
	jsonw_cstr(&w, "operation", operation);
	jsonw_arr(&w, "seen");
	for (size_t i = 0; i < seen->n; i++)
		write_item(&w, &seen->item[i]);
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	/* The thread appends the chain in place of the closing brace. */
	if (!b->over)
		b->n--;
}

bool
ledger_commit(const struct actor *who, const char *operation, int64_t now_ms,
    const struct seen *seen, void (*done)(void *arg, bool ok), void *arg)
{
	struct entry *x = must(calloc(1, sizeof(*x)));
	bool ok;

	x->done = done;
	x->arg = arg;
	buf_init(&x->line, NULL, LEDGER_LINE_MAX);
	write_record(&x->line, who, operation, now_ms, seen);
	pthread_mutex_lock(&led.lock);
	ok = led.running && !led.stop && !x->line.over && led.n < QUEUE_MAX &&
	    led.bytes_queued + x->line.n <= QUEUE_BYTES_MAX;
	if (ok) {
		led.bytes_queued += x->line.n;
		*led.last = x;
		led.last = &x->next;
		led.n++;
		pthread_cond_signal(&led.queued);
	}
	pthread_mutex_unlock(&led.lock);
	if (!ok) {
		buf_free(&x->line);
		free(x);
	}
	return ok;
}

static bool
open_file(int64_t number)
{
	char *path = str_cz(led.a, ledger_path(led.a, led.dir, number));
	struct stat st;

	if (led.fd >= 0)
		close(led.fd);
	led.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	led.number = number;
	led.bytes = led.fd >= 0 && fstat(led.fd, &st) == 0 ? st.st_size : 0;
	return led.fd >= 0 && (!led.sync || file_sync_parent(str_c(path)));
}

/* Adds the chain to each line and gathers them. */
static void
chain(struct entry *list)
{
	for (struct entry *x = list; x != NULL; x = x->next) {
		struct str line = buf_view(&x->line);
		size_t from = led.batch.n;

		buf_str(&led.batch, line);
		buf_c(&led.batch, ",\"prev\":\"");
		buf_add(&led.batch, led.prev, sizeof(led.prev));
		buf_c(&led.batch, "\"}");
		ledger_hash(str_n(led.batch.p + from, led.batch.n - from),
		    led.prev);
		buf_char(&led.batch, '\n');
	}
}

/* A write that failed half-way is taken back; if even that fails, a new file begins. */
static void
take_back(const char prev[LEDGER_HASH_HEX])
{
	memcpy(led.prev, prev, sizeof(led.prev));
	log_error("ledger", "a record cannot be written: nothing is disclosed",
	    LC("why", strerror(errno)));
	if (led.fd < 0 || ftruncate(led.fd, led.bytes) != 0) {
		if (!open_file(led.number + 1))
			log_error("ledger", "no new file can be opened");
	}
}

static bool
write_batch(struct entry *list)
{
	char prev[LEDGER_HASH_HEX];

	memcpy(prev, led.prev, sizeof(prev));
	buf_reset(&led.batch);
	chain(list);
	if (led.fd < 0 || led.batch.over ||
	    !file_write_all(led.fd, buf_view(&led.batch)) ||
	    (led.sync && fdatasync(led.fd) != 0)) {
		take_back(prev);
		return false;
	}
	led.bytes += (int64_t)led.batch.n;
	if (led.bytes > FILE_MAX_BYTES && !open_file(led.number + 1))
		log_error("ledger", "no new file can be opened");
	return true;
}

static void
finish(struct entry *list, bool ok)
{
	int64_t n = 0;

	while (list != NULL) {
		struct entry *x = list;

		list = x->next;
		x->done(x->arg, ok);
		buf_free(&x->line);
		free(x);
		n++;
	}
	metric_add(ok ? led.written : led.failed, n);
	if (ok)
		__atomic_add_fetch(&led.records, n, __ATOMIC_RELAXED);
}

static void *
ledger_main(void *arg)
{
	struct entry *list;

	(void)arg;
	for (;;) {
		pthread_mutex_lock(&led.lock);
		while (led.first == NULL && !led.stop)
			pthread_cond_wait(&led.queued, &led.lock);
		list = led.first;
		led.first = NULL;
		led.last = &led.first;
		led.n = led.bytes_queued = 0;
		pthread_mutex_unlock(&led.lock);
		if (list == NULL)
			return NULL;
		finish(list, write_batch(list));
	}
}

static bool
cannot(struct err *e, struct str path)
{
	return fail(e, M_UNKNOWN, "Cannot write " STR_FMT ": %s",
	    STR_ARG(path), strerror(errno));
}

/* Moves what comes after the whole lines of a file into one beside it. */
static bool
set_aside(struct str path, int64_t number, int64_t from, struct err *e)
{
	struct str to = str_fmt(led.a, STR_FMT "/%06lld.cut",
	    STR_ARG(led.dir), (long long)number);
	int in = open(str_cz(led.a, path), O_RDWR | O_CLOEXEC);
	int out = open(str_cz(led.a, to), O_WRONLY | O_CREAT | O_APPEND |
	    O_CLOEXEC, 0600);
	char piece[16384];
	int64_t at = from;
	ssize_t n = 0;
	bool ok = in >= 0 && out >= 0;

	while (ok && (n = pread(in, piece, sizeof(piece), at)) > 0) {
		ok = write(out, piece, (size_t)n) == n;
		at += n;
	}
	ok = ok && n == 0 && fsync(out) == 0 && ftruncate(in, from) == 0 &&
	    fsync(in) == 0;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	if (ok)
		log_warn("ledger", "a line that a crash cut was set aside",
		    LS("file", to), LI("bytes", at - from));
	return ok || cannot(e, to);
}

/* Where the chain stands, from the last file that is not empty. */
static bool
recover(struct err *e)
{
	struct ledger_walk w = { .bad = 0 };
	int64_t *file, last = 1, walked = 0;
	struct str path;
	size_t n;

	memset(w.prev, '0', sizeof(w.prev));
	if (!ledger_files(led.a, led.dir, &file, &n, e))
		return false;
	for (size_t i = n; i > 0; i--) {
		path = ledger_path(led.a, led.dir, file[i - 1]);
		w.any_first = i > 1;
		memset(w.prev, '0', sizeof(w.prev));
		if (!ledger_walk(path, &w, e))
			return false;
		if (w.cut && !set_aside(path, file[i - 1], w.bytes, e))
			return false;
		walked = file[i - 1];
		if (w.records > 0)
			break;
	}
	memcpy(led.prev, w.prev, sizeof(led.prev));
	if (n > 0)
		last = file[n - 1];
	if (w.bad != 0 && w.bad <= w.records) {
		log_error("ledger", "the record is damaged",
		    LS("file", path), LI("record", w.bad), LC("why", w.why));
		last += walked == last;
	}
	return open_file(last) ||
	    cannot(e, ledger_path(led.a, led.dir, last));
}

bool
ledger_start(const struct ledger_conf *conf, struct err *e)
{
	led.a = arena_new(8 << 20);
	led.dir = str_dup(led.a, conf->dir);
	led.sync = conf->sync;
	led.stop = false;
	led.first = NULL;
	led.last = &led.first;
	led.records = 0;
	led.written = metric_counter("beffroi_ledger_records_total",
	    "Records of what was disclosed", NULL);
	led.failed = metric_counter("beffroi_ledger_failed_total",
	    "Records that could not be written; nothing was disclosed", NULL);
	buf_init(&led.batch, NULL, QUEUE_BYTES_MAX + QUEUE_MAX * LINK_BYTES);
	if (mkdir(str_cz(led.a, led.dir), 0700) != 0 && errno != EEXIST)
		return fail(e, M_UNKNOWN, "Cannot make the folder " STR_FMT
		    ": %s", STR_ARG(led.dir), strerror(errno));
	if (!recover(e))
		return false;
	if (pthread_create(&led.thread, NULL, ledger_main, NULL) != 0)
		abort();
	led.running = true;
	return true;
}

void
ledger_stop(void)
{
	if (!led.running)
		return;
	pthread_mutex_lock(&led.lock);
	led.stop = true;
	pthread_cond_signal(&led.queued);
	pthread_mutex_unlock(&led.lock);
	pthread_join(led.thread, NULL);
	close(led.fd);
	led.fd = -1;
	led.running = false;
	buf_free(&led.batch);
	arena_free(led.a);
}

int64_t
ledger_written(void)
{
	return __atomic_load_n(&led.records, __ATOMIC_RELAXED);
}
