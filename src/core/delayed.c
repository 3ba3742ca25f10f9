/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See delayed.h. An event is sent first and marked as sent after: between the
 * two its delay id is its transaction id, so that who comes again after a crash
 * gets the same event and not a second one.
 */
#include "core/delayed.h"

#include "base/clock.h"
#include "base/conf.h"
#include "core/account.h"
#include "core/jobs.h"

#include <pthread.h>

#define BATCH 100			/* sent in one go */
#define LOOK_AGAIN_MS 60000		/* other nodes may have scheduled some */
#define RETRY_MS 5000			/* after the store failed */
#define DELAY_ID_BYTES 32
#define LIST_MAX 1000

static job_fn run_due;
static struct job_kind due = { .name = "delayed", .run = run_due, .most = 1 };
#define KEY S("due")

/* Held while one is sent or acted on: what was cancelled is not sent. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int64_t states;			/* atomic: state events that wait, or more */

static bool
check_limits(struct ctx *c, int64_t delay_ms)
{
	int64_t longest = conf_get()->delayed_max_delay;

	if (longest == 0 || conf_get()->delayed_max_scheduled == 0)
		return fail(&c->err, M_FORBIDDEN,
		    "Delayed events are switched off here");
	if (delay_ms <= longest)
		return true;
	fail(&c->err, M_UNKNOWN, "The delay may be at most %lld ms",
	    (long long)longest);
	c->err.status = 400;
	c->err.extra = str_fmt(c->a, "\"org.matrix.msc4140.errcode\":"
	    "\"M_MAX_DELAY_EXCEEDED\",\"org.matrix.msc4140.max_delay\":%lld",
	    (long long)longest);
	return false;
}

struct schedule {
	struct delayed_row row;
	struct arena *a;
	struct str before;		/* what the same transaction has scheduled */
};

static bool
schedule_body(struct db *db, void *arg, struct err *e)
{
	struct schedule *x = arg;
	int64_t waiting = 0;

	if (x->row.txn.n > 0 && !delayed_of_txn(db, x->a, x->row.user,
	    x->row.device, x->row.txn, &x->before, e))
		return false;
	if (x->before.n > 0)
		return true;
	if (!delayed_count(db, x->row.user, &waiting, e))
		return false;
	if (waiting >= conf_get()->delayed_max_scheduled) {
		fail(e, M_LIMIT_EXCEEDED, "At most %lld delayed events wait",
		    (long long)conf_get()->delayed_max_scheduled);
		e->retry_ms = RETRY_MS;
		return false;
	}
	return delayed_insert(db, &x->row, e);
}

bool
delayed_schedule(struct ctx *c, struct room *r, const struct send *s,
    int64_t delay_ms, struct str *delay_id)
{
	struct schedule x = { .a = c->a, .row = {
		.delay_id = random_text(c->a, DELAY_ID_BYTES),
		.user = c->who.user, .device = c->who.device,
		.room_id = room_id(r), .type = s->type,
		.is_state = s->is_state, .state_key = s->state_key,
		.content = json_text(c->a, &s->content),
		.sticky_ms = s->sticky_ms, .delay_ms = delay_ms,
		.since_ms = c->now_ms, .due_ms = c->now_ms + delay_ms,
	} };

	if (s->txn_id.n > 0)
		x.row.txn = str_fmt(c->a, STR_FMT " " STR_FMT,
		    STR_ARG(s->txn_place), STR_ARG(s->txn_id));
	if (x.row.content.n > EVENT_BYTES_MAX)
		return fail(&c->err, M_TOO_LARGE,
		    "An event takes at most %d bytes", EVENT_BYTES_MAX);
	if (!check_limits(c, delay_ms) || !room_must_be_in(c, r) ||
	    !db_transact(c->db, schedule_body, &x, &c->err))
		return false;
	*delay_id = x.before.n > 0 ? x.before : x.row.delay_id;
	if (s->is_state)
		__atomic_add_fetch(&states, 1, __ATOMIC_RELAXED);
	job_at(&due, KEY, x.row.due_ms);
	return true;
}

bool
delayed_again(struct ctx *c, const struct send *s, struct str *delay_id)
{
	return delayed_of_txn(c->db, c->a, c->who.user, c->who.device,
	    str_fmt(c->a, STR_FMT " " STR_FMT, STR_ARG(s->txn_place),
	    STR_ARG(s->txn_id)), delay_id, &c->err);
}

bool
delayed_list(struct ctx *c, struct delayed_row **out, size_t *n)
{
	return delayed_of_user(c->db, c->a, c->who.user, LIST_MAX, out, n,
	    &c->err);
}

struct change {
	struct str delay_id;
	enum delayed_status status;
	int64_t now_ms;
	bool restart, changed;
};

static bool
change_body(struct db *db, void *arg, struct err *e)
{
	struct change *x = arg;

	return x->restart ? delayed_restart(db, x->delay_id, x->now_ms,
	    &x->changed, e) : delayed_finish(db, x->delay_id, x->status,
	    x->now_ms, &x->changed, e);
}

/* Makes the ctx that of the event's sender, if they may still act. */
static bool
become_sender(struct ctx *c, const struct delayed_row *x)
{
	struct account who;

	c->who = (struct actor){ .kind = ACTOR_USER, .user = x->user,
	    .device = x->device };
	if (!account_get(c, x->user, &who))
		return false;
	return (!who.locked && !who.suspended && !who.deactivated) ||
	    fail(&c->err, M_FORBIDDEN, "The account may not send");
}

static bool
send_as_sender(struct ctx *c, const struct delayed_row *x)
{
	struct send s = { .type = x->type, .is_state = x->is_state,
	    .state_key = x->state_key, .txn_place = S("delayed"),
	    .txn_id = x->delay_id, .sticky_ms = x->sticky_ms };
	const struct sev *ev;
	struct room *r;

	if (!json_parse(c->a, x->content, JSON_ANY, &s.content, &c->err) ||
	    !room_open(c, x->room_id, &r))
		return false;
	if (!x->is_state && str_eq(x->type, S("m.room.redaction"))) {
		s.redacts = json_str(&s.content, S("redacts"));
		s.content = json_copy(c->a, &s.content);
		json_del(&s.content, S("redacts"));
	}
	return send_event(c, r, &s, &ev);
}

/*
 * Sends one and marks it. What is refused is marked as failed, and is no
 * failure of this function; one that the store could not take waits on.
 */
static bool
send_one(struct ctx *c, const struct delayed_row *x, struct err *refused)
{
	struct change mark = { .delay_id = x->delay_id,
	    .status = DELAYED_SENT, .now_ms = c->now_ms };
	struct actor was = c->who;
	bool ok = become_sender(c, x) && send_as_sender(c, x);

	c->who = was;
	*refused = c->err;
	if (!ok && err_status(&c->err) >= 500)
		return false;
	if (!ok)
		mark.status = DELAYED_FAILED;
	err_clear(&c->err);
	return db_transact(c->db, change_body, &mark, &c->err);
}

/* It waits no more: what was asked for may be what became of it. */
static bool
too_late(struct ctx *c, const struct delayed_row *x,
    enum delayed_action what)
{
	if ((what == DELAYED_DO_SEND && x->status == DELAYED_SENT) ||
	    (what == DELAYED_DO_CANCEL && x->status == DELAYED_CANCELLED))
		return true;
	fail(&c->err, M_UNKNOWN, "The delayed event %s",
	    x->status == DELAYED_SENT ? "has been sent" :
	    x->status == DELAYED_CANCELLED ? "was cancelled"
	    : "could not be sent");
	c->err.status = 409;
	return false;
}

static bool
act(struct ctx *c, struct str delay_id, enum delayed_action what)
{
	struct change x = { .delay_id = delay_id, .now_ms = c->now_ms,
	    .restart = what == DELAYED_DO_RESTART,
	    .status = DELAYED_CANCELLED };
	struct delayed_row row;
	struct err refused;
	bool found;

	if (!delayed_find(c->db, c->a, delay_id, &row, &found, &c->err))
		return false;
	if (!found)
		return fail(&c->err, M_NOT_FOUND,
		    "There is no such delayed event");
	if (row.status != DELAYED_WAITS)
		return too_late(c, &row, what);
	if (what == DELAYED_DO_SEND) {
		if (!send_one(c, &row, &refused))
			return false;
		c->err = refused;
		return refused.code == M_OK;
	}
	if (!db_transact(c->db, change_body, &x, &c->err))
		return false;
	if (!x.changed)		/* another node came first */
		return delayed_find(c->db, c->a, delay_id, &row, &found,
		    &c->err) && too_late(c, &row, what);
	return true;
}

bool
delayed_act(struct ctx *c, struct str delay_id, enum delayed_action what)
{
	bool ok;

	pthread_mutex_lock(&turn);
	ok = act(c, delay_id, what);
	pthread_mutex_unlock(&turn);
	return ok;
}

struct place {
	struct str room, type, key, but;
	int64_t now_ms;
};

static bool
cancel_body(struct db *db, void *arg, struct err *e)
{
	const struct place *x = arg;

	return delayed_cancel_place(db, x->room, x->type, x->key, x->but,
	    x->now_ms, e);
}

bool
delayed_superseded(struct ctx *c, struct room *r, struct str type,
    struct str key)
{
	struct place x = { room_id(r), type, key, c->who.user, c->now_ms };

	return __atomic_load_n(&states, __ATOMIC_RELAXED) == 0 ||
	    db_transact(c->db, cancel_body, &x, &c->err);
}

/* If it still waits and is due: it may have been acted on since the list was read. */
static bool
send_if_due(struct ctx *c, struct str delay_id)
{
	struct delayed_row row;
	struct err refused;
	bool found, ok;

	pthread_mutex_lock(&turn);
	ok = delayed_find(c->db, c->a, delay_id, &row, &found, &c->err) &&
	    (!found || row.status != DELAYED_WAITS || row.due_ms > c->now_ms ||
	    send_one(c, &row, &refused));
	pthread_mutex_unlock(&turn);
	return ok;
}

/* Sends what is due, and says when to look again. */
static bool
run_due(struct ctx *c, struct str key, int64_t *again_ms)
{
	int64_t next = INT64_MAX, waiting = 0;
	struct delayed_row *row;
	size_t n;
	bool ok = true;

	(void)key;
	*again_ms = c->now_ms + RETRY_MS;
	if (!delayed_due(c->db, c->a, c->now_ms, BATCH, &row, &n, &c->err))
		return false;
	for (size_t i = 0; i < n && !jobs_stopping(); i++)
		ok = send_if_due(c, row[i].delay_id) && ok;
	if (!ok || !delayed_next(c->db, &next, &waiting, &c->err))
		return false;
	__atomic_store_n(&states, waiting, __ATOMIC_RELAXED);
	*again_ms = next < c->now_ms + LOOK_AGAIN_MS ? next
	    : c->now_ms + LOOK_AGAIN_MS;
	return true;
}

void
delayed_start(void)
{
	job_kick(&due, KEY);
}
