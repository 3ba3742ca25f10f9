/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Starting and stopping the server, its listeners, the count of connections by
 * client, and what any thread may do with a request. See http.h and conn.h.
 */
#define _GNU_SOURCE
#include "net/conn.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

struct client {
	struct addr addr;
	size_t n;
};

static void *
must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

bool
client_enter(struct http_server *s, const struct addr *peer,
    struct addr *client)
{
	struct client *x;
	bool ok;

	*client = addr_client(peer);
	pthread_mutex_lock(&s->lock);
	x = map_get(&s->clients, str_n((char *)client->b, sizeof(client->b)));
	if (x == NULL) {
		x = must(calloc(1, sizeof(*x)));
		x->addr = *client;
		map_put(&s->clients, str_n((char *)x->addr.b,
		    sizeof(x->addr.b)), x);
	}
	x->n++;
	ok = x->n <= s->conf.connections_per_address &&
	    __atomic_load_n(&s->nconns, __ATOMIC_RELAXED) <
	    (int64_t)s->conf.connections_max;
	pthread_mutex_unlock(&s->lock);
	if (!ok)
		client_leave(s, client);
	return ok;
}

void
client_leave(struct http_server *s, const struct addr *client)
{
	struct str key = { (const char *)client->b, sizeof(client->b) };
	struct client *x;

	pthread_mutex_lock(&s->lock);
	x = map_get(&s->clients, key);
	if (x != NULL && --x->n == 0) {
		map_del(&s->clients, key);
		free(x);
	}
	pthread_mutex_unlock(&s->lock);
}

static bool
listen_one(struct http_server *s, size_t i, struct err *e)
{
	struct str text = s->conf.listen[i].address;
	struct addr_bind to;
	socklen_t n = sizeof(to.ss);
	struct sockaddr_in sin;
	int fd, one = 1;

	if (!addr_bind_parse(text, &to, e))
		return false;
	fd = socket(to.ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(e, M_UNKNOWN, "Cannot make a socket: %s",
		    strerror(errno));
	s->listen_fd[i] = fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (to.is_unix)
		unlink(((struct sockaddr_un *)&to.ss)->sun_path);
	if (bind(fd, (struct sockaddr *)&to.ss, to.n) != 0 ||
	    listen(fd, 4096) != 0)
		return fail(e, M_UNKNOWN, "Cannot listen on " STR_FMT ": %s",
		    STR_ARG(text), strerror(errno));
	if (to.is_unix) {
		chmod(((struct sockaddr_un *)&to.ss)->sun_path, 0600);
		return true;
	}
	if (getsockname(fd, (struct sockaddr *)&to.ss, &n) == 0) {
		memcpy(&sin, &to.ss, sizeof(sin));
		s->port[i] = ntohs(sin.sin_port);	/* the same place in IPv6's */
	}
	return true;
}

static bool
loop_init(struct http_server *s, struct loop *l)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = l };

	l->s = s;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (l->epoll < 0 || l->event < 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->event, &ev) != 0)
		return false;
	for (size_t i = 0; i < s->conf.nlisten; i++) {
		ev = (struct epoll_event){ .events = EPOLLIN | EPOLLEXCLUSIVE,
		    .data.ptr = &s->listen_fd[i] };
		if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, s->listen_fd[i], &ev)
		    != 0)
			return false;
	}
	return true;
}

static void
server_free(struct http_server *s)
{
	for (size_t i = 0; i < s->conf.nlisten; i++)
		if (s->listen_fd[i] >= 0)
			close(s->listen_fd[i]);
	for (int i = 0; i < s->conf.nloops; i++) {
		close(s->loop[i].epoll);
		close(s->loop[i].event);
	}
	if (s->spare_fd >= 0)
		close(s->spare_fd);
	tls_ctx_free(s->tls);
	map_done(&s->clients);
	pthread_mutex_destroy(&s->lock);
	free(s->trusted);
	free(s->listen_fd);
	free(s->port);
	free(s->loop);
	free(s);
}

static bool
open_all(struct http_server *s, struct err *e)
{
	for (size_t i = 0; i < s->conf.ntrusted; i++)
		if (!addr_net_parse(s->conf.trusted_proxies[i],
		    &s->trusted[i]))
			return fail(e, M_INVALID_PARAM, "server.trusted_proxies"
			    ": \"" STR_FMT "\" is no address or network",
			    STR_ARG(s->conf.trusted_proxies[i]));
	s->ntrusted = s->conf.ntrusted;
	if (s->conf.tls_cert != NULL && !tls_ctx_new(s->conf.tls_cert,
	    s->conf.tls_key, &s->tls, e))
		return false;
	for (size_t i = 0; i < s->conf.nlisten; i++) {
		if (s->conf.listen[i].tls && s->tls == NULL)
			return fail(e, M_INVALID_PARAM, "A TLS listener needs "
			    "server.tls_cert and server.tls_key");
		if (!listen_one(s, i, e))
			return false;
	}
	for (int i = 0; i < s->conf.nloops; i++)
		if (!loop_init(s, &s->loop[i]))
			return fail(e, M_UNKNOWN, "Cannot make a loop: %s",
			    strerror(errno));
	return true;
}

struct http_server *
http_start(const struct http_conf *conf, const struct http_app *app,
    struct err *e)
{
	struct http_server *s = must(calloc(1, sizeof(*s)));

	s->conf = *conf;
	s->app = *app;
	pthread_mutex_init(&s->lock, NULL);
	s->trusted = must(calloc(conf->ntrusted + 1, sizeof(*s->trusted)));
	s->listen_fd = must(calloc(conf->nlisten, sizeof(int)));
	s->port = must(calloc(conf->nlisten, sizeof(int)));
	s->loop = must(calloc((size_t)conf->nloops, sizeof(*s->loop)));
	for (size_t i = 0; i < conf->nlisten; i++)
		s->listen_fd[i] = -1;
	for (int i = 0; i < conf->nloops; i++)
		s->loop[i].epoll = s->loop[i].event = -1;
	s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	signal(SIGPIPE, SIG_IGN);
	if (!open_all(s, e)) {
		server_free(s);
		return NULL;
	}
	for (int i = 0; i < conf->nloops; i++)
		if (pthread_create(&s->loop[i].thread, NULL, loop_main,
		    &s->loop[i]) != 0)
			abort();
	return s;
}

void
http_stop(struct http_server *s)
{
	uint64_t one = 1;

	__atomic_store_n(&s->stopping, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < s->conf.nloops; i++)
		if (write(s->loop[i].event, &one, sizeof(one)) < 0)
			continue;
	for (int i = 0; i < s->conf.nloops; i++)
		pthread_join(s->loop[i].thread, NULL);
	server_free(s);
}

int
http_port(const struct http_server *s, size_t i)
{
	return s->port[i];
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
	return __atomic_load_n(&s->stopping, __ATOMIC_ACQUIRE) != 0;
}

void
http_stats(const struct http_server *s, struct http_stats *out)
{
	out->connections = __atomic_load_n(&s->nconns, __ATOMIC_RELAXED);
	out->parked = __atomic_load_n(&s->nparked, __ATOMIC_RELAXED);
	out->requests = __atomic_load_n(&s->nrequests, __ATOMIC_RELAXED);
	out->body_memory = __atomic_load_n(&s->body_memory, __ATOMIC_RELAXED);
}

const struct http_view *
http_view(const struct http_req *rq)
{
	return &rq->v;
}

struct str
http_header_get(const struct http_view *v, const char *name)
{
	for (size_t i = 0; i < v->nheaders; i++)
		if (str_eq_nocase(v->header[i].name, str_c(name)))
			return v->header[i].value;
	return (struct str){ NULL, 0 };
}

bool
http_gone(const struct http_req *rq)
{
	return __atomic_load_n(&rq->gone, __ATOMIC_ACQUIRE) != 0;
}

bool
http_req_stopping(const struct http_req *rq)
{
	return http_stopping(rq->loop->s);
}

void
http_set_data(struct http_req *rq, void *data)
{
	rq->data = data;
}

void *
http_data(const struct http_req *rq)
{
	return rq->data;
}

void
http_res_header(struct http_res *res, const char *name, struct str value)
{
	assert(str_find(value, '\r') < 0 && str_find(value, '\n') < 0 &&
	    str_find(value, '\0') < 0);
	buf_c(&res->head, name);
	buf_c(&res->head, ": ");
	buf_str(&res->head, value);
	buf_c(&res->head, "\r\n");
}

void
http_reply(struct http_req *rq, struct http_res *res)
{
	int was = __atomic_exchange_n(&rq->state, REQ_ENDED, __ATOMIC_ACQ_REL);

	assert(was == REQ_BUSY || was == REQ_WOKEN);
	loop_post(rq->loop, POST_REPLY, rq, res);
}

void
http_drop(struct http_req *rq)
{
	int was = __atomic_exchange_n(&rq->state, REQ_ENDED, __ATOMIC_ACQ_REL);

	assert(was == REQ_BUSY || was == REQ_WOKEN);
	loop_post(rq->loop, POST_DROP, rq, NULL);
}

void
http_park(struct http_req *rq, int64_t deadline_ms)
{
	struct loop *l = rq->loop;
	int busy = REQ_BUSY;

	rq->park_ms = clock_mono_us() / 1000 + deadline_ms;
	__atomic_add_fetch(&l->s->nparked, 1, __ATOMIC_RELAXED);
	http_req_get(rq);		/* it may be woken and end before the post */
	if (__atomic_compare_exchange_n(&rq->state, &busy, REQ_PARKED, false,
	    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		loop_post(l, POST_PARK, rq, NULL);
	} else {
		/* Woken meanwhile: it runs again at once. */
		assert(busy == REQ_WOKEN);
		__atomic_sub_fetch(&l->s->nparked, 1, __ATOMIC_RELAXED);
		__atomic_store_n(&rq->state, REQ_BUSY, __ATOMIC_RELEASE);
		loop_post(l, POST_RESUME, rq, NULL);
	}
	http_req_put(rq);
}

void
http_wake(struct http_req *rq)
{
	int state = __atomic_load_n(&rq->state, __ATOMIC_ACQUIRE);

	for (;;) {
		int to = state == REQ_PARKED ? REQ_BUSY : REQ_WOKEN;

		if (state != REQ_PARKED && state != REQ_BUSY)
			return;
		if (!__atomic_compare_exchange_n(&rq->state, &state, to, false,
		    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			continue;
		if (to == REQ_BUSY) {
			__atomic_sub_fetch(&rq->loop->s->nparked, 1,
			    __ATOMIC_RELAXED);
			loop_post(rq->loop, POST_RESUME, rq, NULL);
		}
		return;
	}
}
