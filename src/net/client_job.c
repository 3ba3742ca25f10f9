/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One request as libcurl's handle: its options, the callbacks that bound and
 * guard it, and its result. threads: made by any, then the client's only.
 */
#define CURL_DISABLE_TYPECHECK
#include "net/client_job.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/heap.h"
#include "net/client_guard.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define TOTAL_MS 30000
#define BODY_MAX ((int64_t)1 << 20)
#define ERROR_MAX ((size_t)64 << 10)
#define SLOW_SECONDS 20L

static const struct http_header *
headers_dup(struct arena *a, const struct http_header *h, size_t n)
{
	struct http_header *out = arena_array(a, struct http_header, n);

	for (size_t i = 0; i < n; i++) {
		out[i].name = str_dup(a, h[i].name);
		out[i].value = str_dup(a, h[i].value);
	}
	return out;
}

static const struct client_mail *
mail_dup(struct arena *a, const struct client_mail *m)
{
	struct client_mail *out;

	if (m == NULL)
		return NULL;
	out = arena_make(a, struct client_mail);
	*out = *m;
	out->from = str_dup(a, m->from);
	out->to = str_dup(a, m->to);
	out->user = str_dup(a, m->user);
	out->password = str_dup(a, m->password);
	return out;
}

struct client_job *
client_job_new(const struct client_req *req, const struct client_net *net)
{
	struct client_job *j = must(calloc(1, sizeof(*j)));

	j->a = arena_new_sized((size_t)64 << 20, 2048);
	j->net = net;
	j->req = *req;
	j->req.method = str_dup(j->a, req->method);
	j->req.url = str_dup(j->a, req->url);
	j->req.body = str_dup(j->a, req->body);
	j->req.connect_to = str_dup(j->a, req->connect_to);
	j->req.header = headers_dup(j->a, req->header, req->nheaders);
	j->req.mail = mail_dup(j->a, req->mail);
	if (j->req.body_max == 0)
		j->req.body_max = BODY_MAX;
	if (j->req.total_ms == 0)
		j->req.total_ms = TOTAL_MS;
	buf_init(&j->head, NULL, CLIENT_HEAD_MAX);
	/* With a file only refusals go to memory: their beginning is enough. */
	buf_init(&j->body, NULL, j->req.has_fd ? ERROR_MAX
	    : (size_t)j->req.body_max);
	j->began_us = clock_mono_us();
	return j;
}

static bool
may_reach(struct client_job *j, const struct addr *a)
{
	if (j->req.trusted || client_addr_public(a) ||
	    addr_in_any(a, j->net->allow, j->net->nallow))
		return true;
	j->refused = true;
	return false;
}

/* libcurl asks for a socket to an address that a name led to. */
static curl_socket_t
on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct sockaddr_storage ss = { .ss_family = 0 };
	struct addr a;

	if (purpose != CURLSOCKTYPE_IPCXN || (to->family != AF_INET &&
	    to->family != AF_INET6) || to->addrlen > sizeof(ss))
		return CURL_SOCKET_BAD;
	memcpy(&ss, &to->addr, to->addrlen);
	addr_of(&ss, &a);
	if (!may_reach(arg, &a))
		return CURL_SOCKET_BAD;
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* Before anything is sent; also on a kept connection, which a trusted request may have made. */
static int
on_connected(void *arg, char *peer, char *own, int peer_port, int own_port)
{
	struct addr a;

	(void)own;
	(void)peer_port;
	(void)own_port;
	return addr_parse(str_c(peer), &a) && may_reach(arg, &a)
	    ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	struct client_job *j = arg;

	n *= size;
	/* A redirect's or an interim answer's are not those of the last. */
	if (n >= 5 && memcmp(p, "HTTP/", 5) == 0)
		buf_reset(&j->head);
	buf_add(&j->head, p, n);
	j->too_large = j->too_large || j->head.over;
	return j->head.over ? 0 : n;
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct client_job *j = arg;
	long status = 0;

	n *= size;
	j->bytes += (int64_t)n;
	if (j->bytes > j->req.body_max) {
		j->too_large = true;
		return 0;
	}
	curl_easy_getinfo(j->easy, CURLINFO_RESPONSE_CODE, &status);
	if (j->req.has_fd && status >= 200 && status <= 299)
		return file_write_all(j->req.to_fd, str_n(p, n)) ? n : 0;
	buf_add(&j->body, p, n);
	return n;
}

static size_t
on_mail(char *p, size_t size, size_t n, void *arg)
{
	struct client_job *j = arg;
	struct str left = str_from(j->req.body, j->sent);

	n *= size;
	if (n > left.n)
		n = left.n;
	if (n > 0)
		memcpy(p, left.p, n);
	j->sent += n;
	return n;
}

/* A header that could bring in another is left out: who writes one has checked it. */
static bool
header_ok(const struct http_header *h)
{
	return h->name.n > 0 && str_find(h->name, '\n') < 0 &&
	    str_find(h->name, '\r') < 0 && str_find(h->name, '\0') < 0 &&
	    str_find(h->value, '\n') < 0 && str_find(h->value, '\r') < 0 &&
	    str_find(h->value, '\0') < 0;
}

static bool
add_line(struct curl_slist **l, const char *text)
{
	struct curl_slist *more = curl_slist_append(*l, text);

	if (more == NULL)
		return false;
	*l = more;
	return true;
}

static bool
add_headers(struct client_job *j)
{
	for (size_t i = 0; i < j->req.nheaders; i++) {
		const struct http_header *h = &j->req.header[i];

		/* libcurl's way to write a header without a value ends in ';'. */
		if (!header_ok(h) || !add_line(&j->header, str_cz(j->a,
		    str_fmt(j->a, h->value.n > 0 ? STR_FMT ": " STR_FMT
		    : STR_FMT ";" STR_FMT, STR_ARG(h->name),
		    STR_ARG(h->value)))))
			return false;
	}
	return add_line(&j->header, "Expect:") && (j->req.body.n == 0 ||
	    add_line(&j->header, "Accept:")) && curl_easy_setopt(j->easy,
	    CURLOPT_HTTPHEADER, j->header) == CURLE_OK;
}

static void
set_guard(struct client_job *j)
{
	CURL *c = j->easy;

	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, j);
	curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(c, CURLOPT_PREREQDATA, j);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	if (j->net->ca_file != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, j->net->ca_file);
}

static void
set_bounds(struct client_job *j)
{
	CURL *c = j->easy;
	int64_t connect_ms = j->req.connect_ms != 0 ? j->req.connect_ms
	    : j->net->connect_ms;

	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)j->req.total_ms);
	if (j->req.bytes_a_second > 0) {
		curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT,
		    (long)j->req.bytes_a_second);
		curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
	}
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, j);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, j);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, j->why);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	/* A name that resolves slowly must not hold up the others when its request ends. */
	curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
}

static void
set_method(struct client_job *j)
{
	CURL *c = j->easy;
	struct str m = j->req.method;

	if (j->req.body.n > 0 || str_eq(m, S("POST")) ||
	    str_eq(m, S("PUT"))) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, j->req.body.n > 0
		    ? j->req.body.p : "");
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)j->req.body.n);
	}
	if (str_eq(m, S("HEAD")))
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	else if (!str_eq(m, S("GET")) || j->req.body.n > 0)
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, str_cz(j->a, m));
}

static long
http_version(const struct client_req *req)
{
	if (!req->http2)
		return CURL_HTTP_VERSION_1_1;
	return str_starts(req->url, S("http:"))
	    ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE : CURL_HTTP_VERSION_2TLS;
}

static bool
set_http(struct client_job *j)
{
	CURL *c = j->easy;
	/* Once encrypted, always encrypted. */
	const char *hops = str_starts(j->req.url, S("https:")) ? "https"
	    : "http,https";

	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, hops);
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, j->req.redirects > 0 ? 1L
	    : 0L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)j->req.redirects);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, http_version(&j->req));
	curl_easy_setopt(c, CURLOPT_PIPEWAIT, j->req.http2 ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "Beffroi/" BEFFROI_VERSION);
	if (j->req.compressed)
		curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
	if (j->req.connect_to.n > 0) {
		if (!add_line(&j->connect_to, str_cz(j->a, str_cat(j->a,
		    S("::"), j->req.connect_to))))
			return false;
		curl_easy_setopt(c, CURLOPT_CONNECT_TO, j->connect_to);
	}
	set_method(j);
	return add_headers(j);
}

static bool
set_mail(struct client_job *j)
{
	const struct client_mail *m = j->req.mail;
	CURL *c = j->easy;

	if (!add_line(&j->rcpt, str_cz(j->a, m->to)))
		return false;
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(c, CURLOPT_USE_SSL, m->starttls ? (long)CURLUSESSL_ALL
	    : (long)CURLUSESSL_NONE);
	curl_easy_setopt(c, CURLOPT_MAIL_FROM, str_cz(j->a, m->from));
	curl_easy_setopt(c, CURLOPT_MAIL_RCPT, j->rcpt);
	if (m->user.n > 0) {
		curl_easy_setopt(c, CURLOPT_USERNAME, str_cz(j->a, m->user));
		curl_easy_setopt(c, CURLOPT_PASSWORD, str_cz(j->a,
		    m->password));
	}
	curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, on_mail);
	curl_easy_setopt(c, CURLOPT_READDATA, j);
	return true;
}

static bool
req_ok(const struct client_req *r)
{
	bool plain = str_starts(r->url, S("http://")) ||
	    str_starts(r->url, S("https://"));
	bool mail = str_starts(r->url, S("smtp://")) ||
	    str_starts(r->url, S("smtps://"));

	return r->url.n <= CLIENT_URL_MAX && (r->mail != NULL ? mail : plain) &&
	    r->nheaders <= CLIENT_HEADERS_MAX && (r->redirects == 0 ||
	    (str_eq(r->method, S("GET")) && r->connect_to.n == 0)) &&
	    str_find(r->url, '\0') < 0;
}

bool
client_job_ready(struct client_job *j)
{
	if (!req_ok(&j->req)) {
		j->refused = true;
		client_job_result(j, CURLE_URL_MALFORMAT);
		return false;
	}
	j->easy = must(curl_easy_init());
	curl_easy_setopt(j->easy, CURLOPT_PRIVATE, j);
	curl_easy_setopt(j->easy, CURLOPT_URL, str_cz(j->a, j->req.url));
	set_guard(j);
	set_bounds(j);
	if (!(j->req.mail != NULL ? set_mail(j) : set_http(j))) {
		client_job_result(j, CURLE_BAD_FUNCTION_ARGUMENT);
		return false;
	}
	return true;
}

/* "Name: value" lines after the status line. */
static void
read_head(struct client_job *j)
{
	struct http_header *h = arena_array(j->a, struct http_header,
	    CLIENT_HEADERS_MAX);
	struct str rest = buf_view(&j->head), line, name, value;
	size_t n = 0;

	while (rest.n > 0 && n < CLIENT_HEADERS_MAX) {
		if (!str_cut(rest, '\n', &line, &rest))
			rest.n = 0;
		if (!str_cut(line, ':', &name, &value) ||
		    str_starts(line, S("HTTP/")))
			continue;
		h[n].name = str_trim(name);
		h[n++].value = str_trim(value);
	}
	j->res.header = h;
	j->res.nheaders = n;
}

static enum client_end
end_of(const struct client_job *j, CURLcode rc)
{
	if (rc == CURLE_OK)
		return CLIENT_OK;
	if (j->refused)
		return CLIENT_REFUSED;
	if (j->too_large)
		return CLIENT_TOO_LARGE;
	switch ((int)rc) {
	case CURLE_OPERATION_TIMEDOUT:
		return CLIENT_TIMED_OUT;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_TOO_MANY_REDIRECTS:
	case CURLE_BAD_FUNCTION_ARGUMENT:
		return CLIENT_REFUSED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_USE_SSL_FAILED:
	case CURLE_LOGIN_DENIED:
		return CLIENT_UNREACHABLE;
	default:
		return CLIENT_BROKEN;
	}
}

static const struct {
	const char *name;
	enum errcode code;
	const char *text;
} ends[CLIENT_NENDS] = {
	[CLIENT_OK] = { "ok", M_OK, "" },
	[CLIENT_REFUSED] = { "refused", M_FORBIDDEN,
	    "That address may not be reached from here" },
	[CLIENT_UNREACHABLE] = { "unreachable", M_UNAVAILABLE,
	    "The other server can't be reached" },
	[CLIENT_TIMED_OUT] = { "timed_out", M_TIMEOUT,
	    "The other server took too long" },
	[CLIENT_TOO_LARGE] = { "too_large", M_TOO_LARGE,
	    "The other server's answer is too large" },
	[CLIENT_BROKEN] = { "broken", M_UNAVAILABLE,
	    "The other server broke off" },
	[CLIENT_CANCELLED] = { "cancelled", M_UNAVAILABLE,
	    "The request was given up" },
	[CLIENT_STOPPED] = { "stopped", M_UNAVAILABLE,
	    "This server is stopping" },
};

const char *
client_end_name(enum client_end end)
{
	return ends[end].name;
}

void
client_job_fail(struct client_job *j, enum client_end end)
{
	j->res = (struct client_res){ .end = end };
	if (end != CLIENT_OK)
		fail(&j->err, ends[end].code, "%s", ends[end].text);
}

/* What the log may know of where it went. */
static struct str
host_of(struct client_job *j)
{
	struct client_url u;

	return client_url_parse(j->a, j->req.url, &u) ? u.host : S("-");
}

void
client_job_result(struct client_job *j, CURLcode rc)
{
	const char *url = NULL;
	long status = 0;

	client_job_fail(j, end_of(j, rc));
	if (j->res.end != CLIENT_OK) {
		(void)err_cause(&j->err, "%s " STR_FMT ": %s", j->req.purpose,
		    STR_ARG(host_of(j)), j->why[0] != '\0' ? j->why
		    : curl_easy_strerror(rc));
		return;
	}
	curl_easy_getinfo(j->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(j->easy, CURLINFO_EFFECTIVE_URL, &url);
	j->res.status = (int)status;
	j->res.url = str_c(url);
	j->res.body = buf_view(&j->body);
	j->res.bytes = j->bytes;
	read_head(j);
}

void
client_job_free(struct client_job *j)
{
	if (j->easy != NULL)
		curl_easy_cleanup(j->easy);
	curl_slist_free_all(j->header);
	curl_slist_free_all(j->connect_to);
	curl_slist_free_all(j->rcpt);
	buf_free(&j->head);
	buf_free(&j->body);
	arena_free(j->a);
	free(j);
}
