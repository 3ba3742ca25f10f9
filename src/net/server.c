/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Starting and stopping the server: its listeners, its loops, what they share.
 * See http.h and server.h. threads: as said in http.h.
 */
#include "net/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/heap.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define RECHECK_MS 1000		/* a loop that takes longer has ended */

static void
server_free(struct http_server *s)
{
	for (int i = 0; i < s->conf.nloops; i++)
		loop_done(&s->loop[i]);
	for (size_t i = 0; i < s->conf.nlisten; i++)
		listener_close(&s->listener[i]);
	tls_ctx_free(s->tls);
	clients_done(&s->clients);
	pthread_mutex_destroy(&s->accepting);
	pthread_mutex_destroy(&s->rechecking);
	pthread_cond_destroy(&s->rechecked);
	free(s->trusted);
	free(s->listener);
	free(s->loop);
	free(s);
}

struct http_server *
http_server_get(struct http_server *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void
http_server_put(struct http_server *s)
{
	if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		server_free(s);
}

static bool
read_trusted(struct http_server *s, struct err *e)
{
	for (size_t i = 0; i < s->conf.ntrusted; i++)
		if (!addr_net_parse(s->conf.trusted_proxies[i],
		    &s->trusted[i]))
			return fail(e, M_INVALID_PARAM, "Trusted proxy \""
			    STR_FMT "\" is no address or network",
			    STR_ARG(s->conf.trusted_proxies[i]));
	return true;
}

static bool
open_listeners(struct http_server *s, struct err *e)
{
	for (size_t i = 0; i < s->conf.nlisten; i++) {
		const struct http_listen *x = &s->conf.listen[i];

		if (x->tls && s->tls == NULL)
			return fail(e, M_INVALID_PARAM, "A listener with TLS "
			    "needs a certificate and its key");
		if (!listener_open(&s->listener[i], x, e))
			return false;
	}
	return true;
}

static bool
open_all(struct http_server *s, struct err *e)
{
	const struct http_conf *conf = &s->conf;

	if (!read_trusted(s, e))
		return false;
	if (conf->tls_cert != NULL && !tls_ctx_new(conf->tls_cert,
	    conf->tls_key, &s->tls, e))
		return false;
	if (!open_listeners(s, e))
		return false;
	for (int i = 0; i < conf->nloops; i++)
		if (!loop_init(&s->loop[i], s))
			return fail(e, M_UNKNOWN,
			    "The system refuses a loop: %s", strerror(errno));
	return true;
}

static struct http_server *
server_new(const struct http_conf *conf, const struct http_app *app)
{
	struct http_server *s = must(calloc(1, sizeof(*s)));

	assert(conf->nloops > 0 && conf->head_max > 0 && conf->headers_max > 0);
	s->conf = *conf;
	s->app = *app;
	s->server_n = strlen(conf->server_header);
	s->trusted = must(calloc(conf->ntrusted + 1, sizeof(*s->trusted)));
	s->listener = must(calloc(conf->nlisten + 1, sizeof(*s->listener)));
	s->loop = must(calloc((size_t)conf->nloops, sizeof(*s->loop)));
	for (size_t i = 0; i < conf->nlisten; i++)
		s->listener[i].fd = -1;
	for (int i = 0; i < conf->nloops; i++)
		s->loop[i].epoll = s->loop[i].event = s->loop[i].spare_fd = -1;
	clients_init(&s->clients, conf->connections_max,
	    conf->connections_per_address);
	pthread_mutex_init(&s->accepting, NULL);
	pthread_mutex_init(&s->rechecking, NULL);
	pthread_cond_init(&s->rechecked, NULL);
	atomic_init(&s->refs, 1);
	return s;
}

struct http_server *
http_start(const struct http_conf *conf, const struct http_app *app,
    struct err *e)
{
	struct http_server *s = server_new(conf, app);

	if (!open_all(s, e)) {
		http_server_put(s);
		return NULL;
	}
	for (int i = 0; i < conf->nloops; i++)
		loop_start(&s->loop[i]);
	return s;
}

void
http_stop(struct http_server *s)
{
	atomic_store(&s->stopping, true);
	/* From here on clients are refused, not left waiting. */
	for (size_t i = 0; i < s->conf.nlisten; i++)
		shutdown(s->listener[i].fd, SHUT_RD);
	for (int i = 0; i < s->conf.nloops; i++)
		loop_wake(&s->loop[i]);
	for (int i = 0; i < s->conf.nloops; i++)
		pthread_join(s->loop[i].thread, NULL);
	for (size_t i = 0; i < s->conf.nlisten; i++)
		listener_close(&s->listener[i]);
	http_server_put(s);
}

/* Under s->rechecking. */
static bool
all_rechecked(const struct http_server *s, unsigned want)
{
	for (int i = 0; i < s->conf.nloops; i++)
		if ((int)(want - s->loop[i].rechecked) > 0)
			return false;
	return true;
}

void
http_recheck(struct http_server *s)
{
	unsigned want = atomic_fetch_add(&s->recheck, 1) + 1;
	int64_t at = clock_now_ms() + RECHECK_MS;
	struct timespec until = { .tv_sec = (time_t)(at / 1000),
	    .tv_nsec = (long)(at % 1000) * 1000000 };
	int rc = 0;

	for (int i = 0; i < s->conf.nloops; i++)
		loop_wake(&s->loop[i]);
	pthread_mutex_lock(&s->rechecking);
	while (rc == 0 && !all_rechecked(s, want))
		rc = pthread_cond_timedwait(&s->rechecked, &s->rechecking,
		    &until);
	pthread_mutex_unlock(&s->rechecking);
}

int
http_port(const struct http_server *s, size_t i)
{
	assert(i < s->conf.nlisten);
	return s->listener[i].port;
}

bool
http_reload_tls(struct http_server *s, const char *cert, const char *key,
    struct err *e)
{
	return s->tls == NULL || tls_ctx_reload(s->tls, cert, key, e);
}

bool
http_stopping(const struct http_server *s)
{
	return atomic_load(&s->stopping);
}

void
http_stats(const struct http_server *s, struct http_stats *out)
{
	*out = (struct http_stats){
		.connections = (int64_t)clients_count(&s->clients),
		.parked = atomic_load(&s->nparked),
		.requests = atomic_load(&s->nrequests),
		.body_memory = atomic_load(&s->body_memory),
	};
}
