/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A connection's sending side: the reply's head and body in one go, then its
 * file, then what comes after that. See conn.h.
 */
#include "net/conn.h"

#include "net/request.h"
#include "net/server.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define LINGER_MS 1000
/* Of a reply in one round, so that one fast reader doesn't hold up the others. */
#define ROUND_BYTES ((size_t)1 << 20)

enum sent { SENT_SOME, SENT_WAIT, SENT_FAILED };

static enum sent
tls_sent(struct conn *c, ssize_t n, enum tls_want want)
{
	if (n > 0)
		return SENT_SOME;
	if (want == TLS_FAILED)
		return SENT_FAILED;
	conn_watch(c, want == TLS_WANT_READ ? EPOLLIN : EPOLLOUT);
	return SENT_WAIT;
}

static enum sent
plain_sent(struct conn *c, ssize_t n)
{
	if (n > 0)
		return SENT_SOME;
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		return SENT_FAILED;
	conn_watch(c, EPOLLOUT);
	return SENT_WAIT;
}

#define PIECES 3

/* What can be sent now of head, body and (the file being out) tail; how many pieces. */
static int
memory_left(const struct reply *r, struct iovec iov[PIECES])
{
	struct str piece[PIECES] = { str_n(r->head, r->head_n),
	    buf_view(&r->res.body), buf_view(&r->res.tail) };
	size_t skip = r->memory_sent;
	int n = 0;

	if (r->bodiless)
		piece[1].n = 0;
	if (r->bodiless || r->res.fd < 0 || r->file_sent < r->res.fd_bytes)
		piece[2].n = 0;
	for (int i = 0; i < PIECES; i++) {
		struct str rest = str_from(piece[i], skip < piece[i].n ? skip
		    : piece[i].n);

		skip -= piece[i].n - rest.n;
		if (rest.n > 0)
			iov[n++] = (struct iovec){ (void *)(uintptr_t)rest.p,
			    rest.n };
	}
	return n;
}

/* Small pieces are joined, so that they go in one record. */
static enum sent
send_memory_tls(struct conn *c, const struct iovec *iov, int niov)
{
	enum tls_want want = TLS_WANT_WRITE;
	char *out = c->loop->out;
	const void *p = iov[0].iov_base;
	size_t n = iov[0].iov_len;
	ssize_t sent;

	if (niov == 2 && n + iov[1].iov_len <= LOOP_READ) {
		memcpy(out, p, n);
		memcpy(out + n, iov[1].iov_base, iov[1].iov_len);
		p = out;
		n += iov[1].iov_len;
	}
	sent = tls_write(c->tls, p, n, &want);
	if (sent > 0)
		c->reply->memory_sent += (size_t)sent;
	return tls_sent(c, sent, want);
}

static enum sent
send_memory(struct conn *c, struct iovec *iov, int niov)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)niov };
	ssize_t sent = sendmsg(c->fd, &msg, MSG_NOSIGNAL);

	if (sent > 0)
		c->reply->memory_sent += (size_t)sent;
	return plain_sent(c, sent);
}

static enum sent
send_file_tls(struct conn *c, off_t at, size_t left)
{
	enum tls_want want = TLS_WANT_WRITE;
	char *out = c->loop->out;
	ssize_t n = pread(c->reply->res.fd, out,
	    left < LOOP_READ ? left : LOOP_READ, at);

	if (n <= 0)
		return SENT_FAILED;	/* shorter than was said */
	n = tls_write(c->tls, out, (size_t)n, &want);
	if (n > 0)
		c->reply->file_sent += n;
	return tls_sent(c, n, want);
}

static enum sent
send_file(struct conn *c, size_t left)
{
	struct reply *r = c->reply;
	off_t at = (off_t)(r->res.fd_from + r->file_sent);
	ssize_t n;

	if (c->tls != NULL)
		return send_file_tls(c, at, left);
	n = sendfile(c->fd, r->res.fd, &at,
	    left < ROUND_BYTES ? left : ROUND_BYTES);
	if (n > 0)
		r->file_sent += n;
	return plain_sent(c, n);
}

/* Sends a piece; *done: there was nothing left. */
static enum sent
send_piece(struct conn *c, bool *done)
{
	struct reply *r = c->reply;
	struct iovec iov[PIECES];
	int niov = memory_left(r, iov);

	*done = false;
	if (niov > 0)
		return c->tls != NULL ? send_memory_tls(c, iov, niov)
		    : send_memory(c, iov, niov);
	if (!r->bodiless && r->res.fd >= 0 && r->file_sent < r->res.fd_bytes)
		return send_file(c, (size_t)(r->res.fd_bytes - r->file_sent));
	*done = true;
	return SENT_SOME;
}

static void
reply_done(struct conn *c)
{
	struct loop *l = c->loop;

	reply_free(c->reply);
	c->reply = NULL;
	if (c->keep_alive) {
		c->state = CONN_HEAD;
		c->begun = false;
		http1_init(&c->h, l->header, l->s->conf.headers_max);
		conn_watch(c, EPOLLIN | EPOLLRDHUP);
		conn_timer(c, l->s->conf.idle_ms);
		return;
	}
	/* What the client may still be sending must not make our reply vanish. */
	if (c->tls != NULL)
		tls_bye(c->tls);
	if (shutdown(c->fd, SHUT_WR) != 0) {
		conn_close(c);
		return;
	}
	c->state = CONN_LINGER;
	conn_watch(c, EPOLLIN);
	conn_timer(c, LINGER_MS);
}

void
conn_write(struct conn *c)
{
	int64_t before = c->reply->file_sent +
	    (int64_t)c->reply->memory_sent, now;
	bool done;

	for (;;) {
		enum sent sent = send_piece(c, &done);

		if (sent == SENT_FAILED) {
			conn_close(c);
			return;
		}
		if (done) {
			reply_done(c);
			return;
		}
		now = c->reply->file_sent + (int64_t)c->reply->memory_sent;
		if (sent == SENT_WAIT)
			break;
		if (now - before >= (int64_t)ROUND_BYTES) {
			conn_watch(c, EPOLLOUT);
			break;
		}
	}
	/* Time is given for every piece that moves. */
	if (now > before || c->timer.prev == NULL)
		conn_timer(c, c->loop->s->conf.write_ms);
}

static bool
may_send(const struct conn *c)
{
	static const struct http_mark nobody;
	const struct http_app *app = &c->loop->s->app;

	return app->may_send == NULL ||
	    memcmp(&c->mark, &nobody, sizeof(nobody)) == 0 ||
	    app->may_send(app->arg, &c->mark);
}

/* What the kernel has not sent yet goes with it. */
static void
reset(struct conn *c)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	conn_close(c);
}

/* One whose next request is under way gets its answer to that. */
void
conn_recheck(struct conn *c)
{
	if ((c->state == CONN_WRITE || c->state == CONN_LINGER ||
	    (c->state == CONN_HEAD && !c->begun)) && !may_send(c))
		reset(c);
}

void
conn_reply(struct conn *c, struct reply *r)
{
	struct loop *l = c->loop;

	assert(!c->dead && c->reply == NULL);
	conn_end_request(c);
	c->mark = r->res.mark;
	if (!may_send(c)) {
		reply_free(r);
		reset(c);
		return;
	}
	if (r->res.close || l->stopping)
		c->keep_alive = false;
	reply_head(r, &(struct reply_how){ .is_head = c->is_head,
	    .keep_alive = c->keep_alive, .minor = c->h.minor,
	    .server = str_n(l->s->conf.server_header, l->s->server_n),
	    .date = str_c(loop_date(l)) });
	c->reply = r;
	c->state = CONN_WRITE;
	conn_timer(c, -1);
	conn_write(c);
}

void
conn_refuse(struct conn *c, int status)
{
	struct http_server *s = c->loop->s;
	struct str body = { NULL, 0 };
	struct http_res res;

	if (c->rq != NULL && c->rule.refuse_status == status)
		body = c->rule.refuse_body;
	if (body.n == 0 && s->app.refusal != NULL)
		body = s->app.refusal(s->app.arg, status);
	http_res_init(&res, status);
	http_res_header(&res, "Content-Type", S("application/json"));
	/* Pages in browsers shall see the error. */
	http_res_header(&res, "Access-Control-Allow-Origin", S("*"));
	buf_str(&res.body, body);
	conn_reply(c, reply_new(&res, s->server_n));
}
