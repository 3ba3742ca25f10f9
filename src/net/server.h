/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The server's own state. It lives until http_stop() and as long as there are
 * requests: threads of the application may be at the end of a call about one
 * when the loops have already ended.
 */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "net/addr.h"
#include "net/clients.h"
#include "net/loop.h"
#include "net/tls.h"

#include <stdatomic.h>

struct listener {
	int fd;				/* -1: not open */
	int port;			/* 0: a unix socket */
	bool tls;
	char *path;			/* of a unix socket, removed at the end; or NULL */
};

struct http_server {
	struct http_conf conf;
	struct http_app app;
	size_t server_n;		/* of conf.server_header */
	struct addr_net *trusted;	/* conf.ntrusted */
	struct listener *listener;	/* conf.nlisten */
	struct loop *loop;		/* conf.nloops */
	struct tls_ctx *tls;		/* NULL: no TLS */
	struct clients clients;
	pthread_mutex_t accepting;	/* over each accept, and while a loop swaps its spare descriptor */
	atomic_int refs;
	atomic_bool stopping;
	atomic_uint recheck;		/* how often http_recheck was called */
	pthread_mutex_t rechecking;	/* over loop.rechecked */
	pthread_cond_t rechecked;
	atomic_llong nparked, nrequests, body_memory;
};

struct http_server *http_server_get(struct http_server *s);
void http_server_put(struct http_server *s);

/* listen.c: opens conf.listen[i]. */
bool listener_open(struct listener *l, const struct http_listen *conf, struct err *e) MUST_CHECK;
/* Closes it, and takes its file away. */
void listener_close(struct listener *l);

#endif
