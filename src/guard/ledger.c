/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The ledger's thread: takes every record that waits, writes them as one batch,
 * waits for the disk, then lets the replies go. Twice a second it writes what
 * was folded into open intervals and signs the tree. See ledger.h and
 * docs/decisions/0004, 0007.
 */
#include "guard/ledger.h"

#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/metric.h"
#include "guard/follow_cache.h"
#include "guard/ledger_disk.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUEUE_MAX 20000
#define QUEUE_BYTES_MAX ((size_t)128 << 20)
#define TICK_MS 500
#define EXPIRE_MS 60000
#define ERASE_MS (10 * 60 * 1000)

struct entry {
	struct entry *next;
	void (*done)(void *arg, bool ok);	/* NULL: tried until it is written */
	void *arg;
	struct buf spelled;			/* canonical */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t queued;
	pthread_t thread;
	struct entry *first, **last;
	size_t n, bytes_queued;
	bool stop, running, off;
	bool folds;			/* the disk takes, and no segment ends */
	bool dirty;			/* written and not signed */

	/* the thread's own */
	struct disk disk;
	bool failing;
	int64_t expired_ms, erased_ms;
	int64_t records;		/* atomic */
	struct metric *written, *folded, *failed;
} led = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct entry *
new_entry(void (*done)(void *arg, bool ok), void *arg, const struct record *r)
{
	struct entry *x = must(calloc(1, sizeof(*x)));

	x->done = done;
	x->arg = arg;
	buf_init(&x->spelled, NULL, RECORD_MAX);
	record_spell(&x->spelled, r);
	return x;
}

static void
free_entry(struct entry *x)
{
	buf_free(&x->spelled);
	free(x);
}

static bool
push(struct entry *x)
{
	bool ok;

	pthread_mutex_lock(&led.lock);
	ok = led.running && !led.stop && led.n < QUEUE_MAX &&
	    led.bytes_queued + x->spelled.n <= QUEUE_BYTES_MAX;
	if (ok) {
		led.bytes_queued += x->spelled.n;
		*led.last = x;
		led.last = &x->next;
		led.n++;
		pthread_cond_signal(&led.queued);
	}
	pthread_mutex_unlock(&led.lock);
	return ok;
}

static bool
goes_on(struct str who, struct str operation, const struct seen_item *x,
    int64_t now_ms)
{
	if (x->kind == SEEN_EVENTS)
		return follow_fold(who, operation, x, now_ms);
	return x->kind == SEEN_STATE && follow_knows(who, operation, x,
	    now_ms);
}

/* Takes out of seen what goes on from open intervals. */
static void
fold(const struct actor *who, struct str operation, int64_t now_ms,
    struct seen *seen)
{
	char place[1024];
	struct buf b = { place, 0, sizeof(place), sizeof(place), NULL, false };
	size_t n = 0, folded = 0;
	bool first;

	record_spell_who(&b, who);
	pthread_mutex_lock(&led.lock);
	first = !follow_waits();
	for (size_t i = 0; i < seen->n; i++) {
		const struct seen_item *x = &seen->item[i];

		if (led.folds && !b.over && goes_on(buf_view(&b), operation,
		    x, now_ms))
			folded++;
		else
			seen->item[n++] = *x;
	}
	seen->n = n;
	if (first && folded > 0)
		pthread_cond_signal(&led.queued);
	pthread_mutex_unlock(&led.lock);
	metric_add(led.folded, (int64_t)folded);
}

bool
ledger_commit(const struct actor *who, const char *operation, int64_t now_ms,
    bool follows, struct seen *seen, void (*done)(void *arg, bool ok),
    void *arg)
{
	struct record r = { .type = RECORD_SHOWN, .at_ms = now_ms,
	    .follows = follows, .who = *who, .operation = str_c(operation) };
	struct entry *x;

	if (led.off) {
		done(arg, true);
		return true;
	}
	seen_finish(seen);
	if (follows)
		fold(who, r.operation, now_ms, seen);
	if (follows && seen->n == 0) {
		done(arg, true);
		return true;
	}
	r.item = seen->item;
	r.n = seen->n;
	x = new_entry(done, arg, &r);
	if (!x->spelled.over && push(x))
		return true;
	free_entry(x);
	return false;
}

/* After a batch: what its following records opened may be folded into. */
static void
open_followed(struct record *rec, size_t n, int64_t id)
{
	for (size_t i = 0; i < n; i++) {
		char place[1024];
		struct buf b = { place, 0, sizeof(place), sizeof(place), NULL,
		    false };

		if (!rec[i].follows)
			continue;
		record_spell_who(&b, &rec[i].who);
		for (size_t k = 0; k < rec[i].n; k++) {
			if (rec[i].item[k].kind != SEEN_EVENTS)
				continue;
			if (!b.over)
				follow_open(buf_view(&b), rec[i].operation,
				    &rec[i].item[k], id, rec[i].at_ms);
			id++;
		}
		for (size_t k = 0; !b.over && k < rec[i].n; k++)
			if (rec[i].item[k].kind == SEEN_STATE)
				follow_state(buf_view(&b), rec[i].operation,
				    &rec[i].item[k]);
	}
}

/* What was folded and can't be added to its segment any more comes as records of its own. */
static void
save_folded(void)
{
	struct record_part *part;
	struct entry **at = &led.first;
	size_t n;

	follow_take(led.disk.work, &part, &n);
	for (size_t i = 0; i < n; i++) {
		struct record more = { .type = RECORD_MORE, .part = part,
		    .nparts = n, .at_ms = clock_now_ms() }, r;
		struct seen_item item;
		struct entry *x;

		if (!intervals_part(&led.disk.intervals, &more, i, &item, &r))
			continue;
		x = new_entry(NULL, NULL, &r);
		x->next = *at;
		*at = x;
		if (led.last == at)
			led.last = &x->next;
		at = &x->next;
		led.n++;
		led.bytes_queued += x->spelled.n;
	}
	follow_clear();
}

/* A segment that can't be written any more is left. */
static bool
have_segment(void)
{
	if (led.disk.fd >= 0)
		return true;
	pthread_mutex_lock(&led.lock);
	save_folded();
	pthread_mutex_unlock(&led.lock);
	return disk_rotate(&led.disk);
}

/* Writes the records of the list and, with `more`, what was folded. */
static bool
write_batch(struct entry *list, bool more, bool end)
{
	struct disk *d = &led.disk;
	struct record *rec, part = { .type = RECORD_MORE },
	    last = { .type = RECORD_END };
	int64_t id, now_ms = clock_now_ms();
	size_t n = 0, i = 0;

	if (!have_segment())
		return false;
	disk_begin(d, now_ms);
	id = (int64_t)d->intervals.n;
	for (struct entry *x = list; x != NULL; x = x->next)
		n++;
	rec = arena_array(d->work, struct record, n);
	pthread_mutex_lock(&led.lock);
	if (more)
		follow_take(d->work, &part.part, &part.nparts);
	pthread_mutex_unlock(&led.lock);
	part.at_ms = last.at_ms = now_ms;
	if (part.nparts > 0)
		disk_add(d, &part);
	for (struct entry *x = list; x != NULL; x = x->next, i++) {
		/* Our own words: they are well-formed. */
		if (!record_read(d->work, buf_view(&x->spelled), &rec[i]))
			abort();
		disk_add(d, &rec[i]);
	}
	if (end && d->intervals.n > 0)
		disk_add(d, &last);
	if (!disk_write(d))
		return false;
	pthread_mutex_lock(&led.lock);
	if (more)
		follow_written(now_ms);
	open_followed(rec, n, id);
	led.dirty = led.dirty || d->n > 0;
	pthread_mutex_unlock(&led.lock);
	return true;
}

/* Nobody waits for it: it must come first when the disk takes again. */
static void
put_back(struct entry *x)
{
	pthread_mutex_lock(&led.lock);
	x->next = led.first;
	if (led.first == NULL)
		led.last = &x->next;
	led.first = x;
	led.n++;
	led.bytes_queued += x->spelled.n;
	pthread_mutex_unlock(&led.lock);
}

static void
finish(struct entry *list, bool ok)
{
	int64_t n = 0;

	while (list != NULL) {
		struct entry *x = list;

		list = x->next;
		n++;
		if (!ok && x->done == NULL) {
			put_back(x);
			continue;
		}
		if (x->done != NULL)
			x->done(x->arg, ok);
		free_entry(x);
	}
	metric_add(ok ? led.written : led.failed, n);
	if (ok)
		__atomic_add_fetch(&led.records, n, __ATOMIC_RELAXED);
}

static void
say(bool ok)
{
	if (!ok && !led.failing)
		log_error("ledger", "a record cannot be written: nothing is "
		    "disclosed", LC("why", strerror(errno)));
	if (ok && led.failing)
		log_info("ledger", "records are written again");
	led.failing = !ok;
	pthread_mutex_lock(&led.lock);
	led.folds = ok;
	pthread_mutex_unlock(&led.lock);
}

/* Ends the segment: nothing may be folded between its last record and the next one's first. */
static void
rotate(void)
{
	pthread_mutex_lock(&led.lock);
	led.folds = false;
	pthread_mutex_unlock(&led.lock);
	if (!write_batch(NULL, true, true) || !disk_rotate(&led.disk)) {
		say(false);
		return;
	}
	pthread_mutex_lock(&led.lock);
	follow_clear();
	led.folds = true;
	pthread_mutex_unlock(&led.lock);
}

/* By the clock that is never set: nothing may wait longer when the other one is. */
static int64_t
mono_ms(void)
{
	return clock_mono_us() / 1000;
}

/* Waits until something is to be written or signed. */
static struct entry *
wait_for_work(int64_t *due_ms, bool *stop)
{
	struct entry *list;

	pthread_mutex_lock(&led.lock);
	while (led.first == NULL && !led.stop && mono_ms() < *due_ms) {
		struct timespec until = { .tv_sec = (time_t)(*due_ms / 1000),
		    .tv_nsec = (long)(*due_ms % 1000) * 1000000 };

		if (follow_waits() || led.dirty) {
			pthread_cond_timedwait(&led.queued, &led.lock, &until);
		} else {
			pthread_cond_wait(&led.queued, &led.lock);
			*due_ms = mono_ms() + TICK_MS;
		}
	}
	list = led.first;
	led.first = NULL;
	led.last = &led.first;
	led.n = led.bytes_queued = 0;
	*stop = led.stop;
	pthread_mutex_unlock(&led.lock);
	return list;
}

static void
set_dirty(void)
{
	pthread_mutex_lock(&led.lock);
	led.dirty = true;
	pthread_mutex_unlock(&led.lock);
}

/* What is due twice a second, while there is anything to do. */
static void
tick(int64_t now_ms)
{
	bool sign;

	pthread_mutex_lock(&led.lock);
	sign = led.dirty;
	led.dirty = false;
	if (now_ms - led.expired_ms >= EXPIRE_MS) {
		follow_expire(now_ms);
		led.expired_ms = now_ms;
	}
	pthread_mutex_unlock(&led.lock);
	if (sign && !disk_sign(&led.disk)) {
		log_warn("ledger", "no checkpoint can be written",
		    LC("why", strerror(errno)));
		set_dirty();
	}
	if (disk_is_full(&led.disk, now_ms))
		rotate();
	if (led.disk.conf.retention_ms > 0 && !led.failing &&
	    now_ms - led.erased_ms >= ERASE_MS) {
		led.erased_ms = now_ms;
		if (!disk_erase(&led.disk, now_ms -
		    led.disk.conf.retention_ms, now_ms))
			log_warn("ledger", "old records cannot be erased",
			    LC("why", strerror(errno)));
		set_dirty();
	}
}

static void *
ledger_main(void *arg)
{
	int64_t due_ms = mono_ms() + TICK_MS;
	bool stop = false;

	(void)arg;
	while (!stop) {
		struct entry *list = wait_for_work(&due_ms, &stop);
		bool due = mono_ms() >= due_ms || stop;

		if (list != NULL || due) {
			bool ok = write_batch(list, due, stop);

			say(ok);
			finish(list, ok);
		}
		if (due) {
			tick(clock_now_ms());
			due_ms = mono_ms() + TICK_MS;
		}
	}
	return NULL;
}

static void
start_metrics(void)
{
	led.written = metric_counter("beffroi_ledger_records_total",
	    "Records of what was disclosed", NULL);
	led.folded = metric_counter("beffroi_ledger_folded_total",
	    "Rooms of syncs that went on from an open interval", NULL);
	led.failed = metric_counter("beffroi_ledger_failed_total",
	    "Records that could not be written; nothing was disclosed", NULL);
}

bool
ledger_start(const struct ledger_conf *conf, struct err *e)
{
	pthread_condattr_t attr;
	struct disk_left left;

	start_metrics();
	led.off = conf->unsafe_off;
	if (led.off) {
		log_error("ledger", "the record of what is read is OFF: for "
		    "measuring only");
		return true;
	}
	led.stop = led.failing = led.dirty = false;
	led.first = NULL;
	led.last = &led.first;
	led.n = led.bytes_queued = 0;
	led.records = led.expired_ms = led.erased_ms = 0;
	if (!disk_open(&led.disk, conf, &left, e))
		return false;
	for (size_t i = left.n; i > 0; i--)
		put_back(new_entry(NULL, NULL, &left.rec[i - 1]));
	led.folds = true;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&led.queued, &attr);
	pthread_condattr_destroy(&attr);
	/* Also what the tree was behind by is signed soon. */
	led.dirty = true;
	if (pthread_create(&led.thread, NULL, ledger_main, NULL) != 0)
		abort();
	led.running = true;
	return true;
}

void
ledger_stop(void)
{
	struct entry *x;

	led.off = false;
	if (!led.running)
		return;
	pthread_mutex_lock(&led.lock);
	led.stop = true;
	pthread_cond_signal(&led.queued);
	pthread_mutex_unlock(&led.lock);
	pthread_join(led.thread, NULL);
	while ((x = led.first) != NULL) {
		led.first = x->next;
		free_entry(x);
	}
	follow_clear();
	disk_close(&led.disk);
	pthread_cond_destroy(&led.queued);
	led.running = false;
}

int64_t
ledger_written(void)
{
	return __atomic_load_n(&led.records, __ATOMIC_RELAXED);
}
