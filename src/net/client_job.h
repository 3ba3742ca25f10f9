/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One request under way, between client.c (the thread) and client_job.c (libcurl's handle). */
#ifndef NET_CLIENT_JOB_H
#define NET_CLIENT_JOB_H

#include "net/addr.h"
#include "net/client.h"

#include <curl/curl.h>

#define CLIENT_URL_MAX 8192
#define CLIENT_HEAD_MAX ((size_t)64 << 10)
#define CLIENT_HEADERS_MAX 100

struct client_job {
	struct client_job *next, *prev;		/* the inbox, then what runs */
	struct client_job *next_cancel;
	uint64_t id;
	bool cancelled;				/* under the client's lock */
	struct client_req req;			/* copied into a */
	struct arena *a;
	const struct client_net *net;
	CURL *easy;
	struct curl_slist *header, *connect_to, *rcpt;
	char why[CURL_ERROR_SIZE];		/* libcurl's words */
	struct buf head, body;			/* heap */
	size_t sent;				/* of a mail */
	int64_t bytes;
	bool refused, too_large;
	struct client_res res;
	struct err err;
	client_done *done;
	void *arg;
	int64_t began_us;
};

/* What all requests share. */
struct client_net {
	struct addr_net *allow;
	size_t nallow;
	const char *ca_file;
	int64_t connect_ms;
};

/* Copies the request; no handle yet. */
struct client_job *client_job_new(const struct client_req *req, const struct client_net *net);
/* Makes the handle. False: job->res.end and job->err say why. */
bool client_job_ready(struct client_job *j);
/* Fills res and err by how libcurl ended. */
void client_job_result(struct client_job *j, CURLcode rc);
/* Ends it otherwise. */
void client_job_fail(struct client_job *j, enum client_end end);
void client_job_free(struct client_job *j);

#endif
