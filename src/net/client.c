/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The client's thread: requests come by a list under a lock, run in libcurl's
 * multi handle, and end by their done. Debian 12's libcurl resolves names by
 * threads of its own. threads: see client.h; everything of libcurl but
 * curl_multi_wakeup is the client thread's.
 */
#define CURL_DISABLE_TYPECHECK
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/metric.h"
#include "net/client_job.h"
#include "base/heap.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>

#define JOBS_MAX 8192
#define POLL_MS 10000

static struct {
	pthread_mutex_t lock;
	bool open;			/* under lock, as what follows */
	struct client_job *inbox, **inbox_end;
	struct client_job *cancel;
	struct map by_id;
	uint64_t last_id;
	pthread_t thread;		/* from here on the thread's, and open's and close's */
	CURLM *multi;
	struct client_job *running;
	struct client_net net;
	struct arena *a;
	atomic_int_least64_t njobs;
} the = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
count_end(const struct client_job *j)
{
	struct arena *a = j->a;

	metric_add(metric_counter("beffroi_client_requests_total",
	    "Requests to other servers, by purpose and end", str_cz(a,
	    str_fmt(a, "purpose=\"%s\",end=\"%s\"", j->req.purpose,
	    client_end_name(j->res.end)))), 1);
	metric_observe_us(metric_histogram("beffroi_client_seconds",
	    "How long requests to other servers took", str_cz(a, str_fmt(a,
	    "purpose=\"%s\"", j->req.purpose))), clock_mono_us() -
	    j->began_us);
}

/* The last of a job: tells who asked. */
static void
finish(struct client_job *j)
{
	pthread_mutex_lock(&the.lock);
	map_del_i(&the.by_id, (int64_t)j->id);
	for (struct client_job **p = &the.cancel; *p != NULL;
	    p = &(*p)->next_cancel)
		if (*p == j) {
			*p = j->next_cancel;
			break;
		}
	pthread_mutex_unlock(&the.lock);
	atomic_fetch_sub(&the.njobs, 1);
	count_end(j);
	j->done(j->arg, &j->res, &j->err);
	client_job_free(j);
}

static bool
is_cancelled(struct client_job *j)
{
	bool cancelled;

	pthread_mutex_lock(&the.lock);
	cancelled = j->cancelled;
	pthread_mutex_unlock(&the.lock);
	return cancelled;
}

static void
begin(struct client_job *j)
{
	if (is_cancelled(j))
		client_job_fail(j, CLIENT_CANCELLED);
	if (j->err.code != M_OK || !client_job_ready(j)) {
		finish(j);
		return;
	}
	j->next = the.running;
	j->prev = NULL;
	if (j->next != NULL)
		j->next->prev = j;
	the.running = j;
	if (curl_multi_add_handle(the.multi, j->easy) != CURLM_OK)
		abort();
}

static void
take_out(struct client_job *j)
{
	curl_multi_remove_handle(the.multi, j->easy);
	if (j->prev != NULL)
		j->prev->next = j->next;
	else
		the.running = j->next;
	if (j->next != NULL)
		j->next->prev = j->prev;
}

static void
give_up(struct client_job *j, enum client_end end)
{
	take_out(j);
	client_job_fail(j, end);
	finish(j);
}

/* What others left under the lock; false: the end. */
static bool
take_posts(void)
{
	struct client_job *in, *next, *cancel;
	bool open;

	pthread_mutex_lock(&the.lock);
	in = the.inbox;
	the.inbox = NULL;
	the.inbox_end = &the.inbox;
	open = the.open;
	pthread_mutex_unlock(&the.lock);
	for (; in != NULL; in = next) {
		next = in->next;
		begin(in);
	}
	do {
		pthread_mutex_lock(&the.lock);
		cancel = the.cancel;
		if (cancel != NULL)
			the.cancel = cancel->next_cancel;
		pthread_mutex_unlock(&the.lock);
		/* One that is still in the inbox is not begun any more. */
		if (cancel != NULL && cancel->easy != NULL)
			give_up(cancel, CLIENT_CANCELLED);
	} while (cancel != NULL);
	return open;
}

static void
take_ends(void)
{
	struct client_job *j;
	CURLMsg *m;
	CURLcode rc;
	int left;

	while ((m = curl_multi_info_read(the.multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		rc = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &j);
		take_out(j);
		client_job_result(j, rc);
		finish(j);
	}
}

static void *
run(void *arg)
{
	int running;

	(void)arg;
	prctl(PR_SET_NAME, "client");
	while (take_posts()) {
		curl_multi_perform(the.multi, &running);
		take_ends();
		curl_multi_poll(the.multi, NULL, 0, POLL_MS, NULL);
	}
	while (the.running != NULL)
		give_up(the.running, CLIENT_STOPPED);
	return NULL;
}

static bool
read_networks(const struct client_conf *conf, struct err *e)
{
	the.net.allow = arena_array(the.a, struct addr_net, conf->nallow);
	for (size_t i = 0; i < conf->nallow; i++)
		if (!addr_net_parse(conf->allow[i], &the.net.allow[i]))
			return fail(e, M_INVALID_PARAM,
			    "client.allow_addresses: " STR_FMT " is no "
			    "network, such as 10.0.0.0/8",
			    STR_ARG(conf->allow[i]));
	the.net.nallow = conf->nallow;
	return true;
}

static int64_t
jobs_now(void *arg)
{
	(void)arg;
	return atomic_load(&the.njobs);
}

static void
start_thread(void)
{
	sigset_t all, before;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&the.thread, NULL, run, NULL) != 0)
		abort();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

bool
client_open(const struct client_conf *conf, struct err *e)
{
	assert(!the.open);
	the.a = arena_new((size_t)1 << 20);
	if (!read_networks(conf, e)) {
		arena_free(the.a);
		return false;
	}
	if (conf->ca_file != NULL && conf->ca_file[0] != '\0')
		the.net.ca_file = str_cz(the.a, str_c(conf->ca_file));
	the.net.connect_ms = conf->connect_ms;
	if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
		abort();
	the.multi = must(curl_multi_init());
	curl_multi_setopt(the.multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
	    (long)conf->connections);
	curl_multi_setopt(the.multi, CURLMOPT_MAX_HOST_CONNECTIONS,
	    (long)conf->per_host);
	curl_multi_setopt(the.multi, CURLMOPT_MAXCONNECTS,
	    (long)conf->connections);
	metric_gauge_fn("beffroi_client_running",
	    "Requests to other servers under way or waiting", NULL, jobs_now,
	    NULL);
	the.inbox_end = &the.inbox;
	the.open = true;
	start_thread();
	return true;
}

void
client_close(void)
{
	bool open;

	pthread_mutex_lock(&the.lock);
	open = the.open;
	the.open = false;
	pthread_mutex_unlock(&the.lock);
	if (!open)
		return;
	curl_multi_wakeup(the.multi);
	pthread_join(the.thread, NULL);
	assert(the.inbox == NULL && atomic_load(&the.njobs) == 0);
	curl_multi_cleanup(the.multi);
	curl_global_cleanup();
	map_done(&the.by_id);
	the.net = (struct client_net){ 0 };
	arena_free(the.a);
}

bool
client_start(const struct client_req *req, client_done *done, void *arg,
    uint64_t *id, struct err *e)
{
	struct client_job *j = client_job_new(req, &the.net);
	bool taken;

	assert(req->purpose != NULL && done != NULL);
	j->done = done;
	j->arg = arg;
	pthread_mutex_lock(&the.lock);
	taken = the.open && atomic_load(&the.njobs) < JOBS_MAX;
	if (taken) {
		j->id = ++the.last_id;
		if (id != NULL)
			*id = j->id;
		map_put_i(&the.by_id, (int64_t)j->id, j);
		*the.inbox_end = j;
		the.inbox_end = &j->next;
		atomic_fetch_add(&the.njobs, 1);
		curl_multi_wakeup(the.multi);
	}
	pthread_mutex_unlock(&the.lock);
	if (taken)
		return true;
	client_job_free(j);
	return fail(e, M_UNAVAILABLE,
	    "No more requests to other servers are taken now");
}

void
client_cancel(uint64_t id)
{
	struct client_job *j;

	pthread_mutex_lock(&the.lock);
	j = the.open ? map_get_i(&the.by_id, (int64_t)id) : NULL;
	if (j != NULL && !j->cancelled) {
		j->cancelled = true;
		j->next_cancel = the.cancel;
		the.cancel = j;
		curl_multi_wakeup(the.multi);
	}
	pthread_mutex_unlock(&the.lock);
}

/* One who waits for an answer. */
struct wait {
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool is_over;
	struct arena *a;
	struct client_res *out;
	struct err *err;
};

static void
copy_result(struct wait *w, const struct client_res *res, const struct err *e)
{
	struct http_header *h = arena_array(w->a, struct http_header,
	    res->nheaders);

	*w->out = *res;
	w->out->body = str_dup(w->a, res->body);
	w->out->url = str_dup(w->a, res->url);
	for (size_t i = 0; i < res->nheaders; i++) {
		h[i].name = str_dup(w->a, res->header[i].name);
		h[i].value = str_dup(w->a, res->header[i].value);
	}
	w->out->header = h;
	if (e->code != M_OK)
		*w->err = *e;
}

static void
call_done(void *arg, const struct client_res *res, const struct err *e)
{
	struct wait *w = arg;

	pthread_mutex_lock(&w->lock);
	copy_result(w, res, e);
	w->is_over = true;
	pthread_cond_signal(&w->over);
	pthread_mutex_unlock(&w->lock);
}

bool
client_call(const struct client_req *req, struct arena *a,
    struct client_res *out, struct err *e)
{
	struct wait w = { .lock = PTHREAD_MUTEX_INITIALIZER,
		.over = PTHREAD_COND_INITIALIZER, .a = a, .out = out,
		.err = e };

	*out = (struct client_res){ .end = CLIENT_STOPPED };
	if (!client_start(req, call_done, &w, NULL, e))
		return false;
	pthread_mutex_lock(&w.lock);
	while (!w.is_over)
		pthread_cond_wait(&w.over, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_cond_destroy(&w.over);
	pthread_mutex_destroy(&w.lock);
	return out->end == CLIENT_OK;
}

struct str
client_header(const struct client_res *res, const char *name)
{
	for (size_t i = 0; i < res->nheaders; i++)
		if (str_eq_nocase(res->header[i].name, str_c(name)))
			return res->header[i].value;
	return (struct str){ NULL, 0 };
}

static struct str
url_part(CURLU *u, CURLUPart part, unsigned flags, struct arena *a)
{
	struct str out = { NULL, 0 };
	char *text = NULL;

	if (curl_url_get(u, part, &text, flags) == CURLUE_OK)
		out = str_dup(a, str_c(text));
	curl_free(text);
	return out;
}

bool
client_url_parse(struct arena *a, struct str url, struct client_url *out)
{
	CURLU *u;
	int64_t port = 0;
	bool ok;

	if (url.n == 0 || url.n > CLIENT_URL_MAX || str_find(url, '\0') >= 0)
		return false;
	u = must(curl_url());
	ok = curl_url_set(u, CURLUPART_URL, str_cz(a, url), 0) == CURLUE_OK;
	out->scheme = url_part(u, CURLUPART_SCHEME, 0, a);
	out->host = str_lower(a, url_part(u, CURLUPART_HOST, 0, a));
	out->path = url_part(u, CURLUPART_PATH, 0, a);
	out->has_query = url_part(u, CURLUPART_QUERY, 0, a).n > 0;
	out->has_user = url_part(u, CURLUPART_USER, 0, a).n > 0;
	out->has_fragment = url_part(u, CURLUPART_FRAGMENT, 0, a).n > 0;
	ok = ok && str_i64(url_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, a),
	    &port) && out->host.n > 0 && (str_eq(out->scheme, S("http")) ||
	    str_eq(out->scheme, S("https")));
	out->port = (int)port;
	curl_url_cleanup(u);
	return ok;
}
