/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See fed.h. Where a server is found is asked once and kept: the address that
 * its name says itself, or what /.well-known/matrix/server delegates to, or
 * port 8448. spec: server-server, "Server discovery".
 */
#include "core/fed.h"

#include "base/enc.h"
#include "base/memo.h"
#include "net/client.h"
#include "room/ids.h"

#include <stdint.h>

#define WELL_KNOWN_MAX 51200		/* bytes */
#define PLACE_MS INT64_C(3600000)	/* a place that was found is good for so long */
#define NO_PLACE_MS INT64_C(300000)	/* and that there was no well-known */
#define KEYS_MS 5000
#define BODY_MAX (8 << 20)
#define FILE_BYTES_A_SECOND 4096

/* Server name -> "until_ms host:port". */
static struct memo places = MEMO_INIT(1 << 20);

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* A glob of names, of any case: '*' any letters, '?' one. Linear but for '*': it starts over. */
static bool
glob(struct str pattern, struct str s)
{
	size_t p = 0, i = 0, star = SIZE_MAX, from = 0;

	while (i < s.n) {
		if (p < pattern.n && (pattern.p[p] == '?' ||
		    lower(pattern.p[p]) == lower(s.p[i]))) {
			p++;
			i++;
		} else if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			from = i;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

bool
fed_allowed(struct str server)
{
	const struct conf *c = conf_get();
	bool allowed = c->federation_allow.n == 0;

	if (!c->federation_enabled)
		return false;
	/* The same host by another spelling is the same server. */
	server = id_host(server);
	if (str_ends(server, S(".")))
		server.n--;
	for (size_t i = 0; i < c->federation_deny.n; i++)
		if (glob(c->federation_deny.at[i], server))
			return false;
	for (size_t i = 0; i < c->federation_allow.n && !allowed; i++)
		allowed = glob(c->federation_allow.at[i], server);
	return allowed;
}

struct str
fed_path(struct arena *a, const char *format, const struct str *parts,
    size_t n)
{
	struct buf b;
	size_t i = 0;

	buf_init(&b, a, 512);
	buf_c(&b, "/_matrix/federation/");
	for (const char *p = format; *p != '\0'; p++) {
		if (p[0] == '%' && p[1] == 's' && i < n) {
			buf_str(&b, pct_encode(a, parts[i++]));
			p++;
		} else {
			buf_char(&b, *p);
		}
	}
	return buf_view(&b);
}

static bool
kept_place(struct arena *a, struct str server, int64_t now_ms, struct str *out,
    uint64_t *forgets)
{
	struct str text, until;
	int64_t until_ms;

	return memo_get(&places, a, server, &text, forgets) &&
	    str_cut(text, ' ', &until, out) && str_i64(until, &until_ms) &&
	    until_ms > now_ms;
}

static bool
has_port(struct str name)
{
	return id_host(name).n < name.n;
}

static bool
is_address(struct str host)
{
	bool digits = host.n > 0;

	if (str_starts(host, S("[")))
		return true;
	for (size_t i = 0; i < host.n && digits; i++)
		digits = host.p[i] == '.' ||
		    (host.p[i] >= '0' && host.p[i] <= '9');
	return digits;
}

static struct str
with_port(struct arena *a, struct str name)
{
	return has_port(name) ? name : str_cat(a, name, S(":8448"));
}

/* What m.server says; empty: nothing that is good. */
static struct str
well_known(struct ctx *c, struct str server)
{
	struct client_req q = { .purpose = "federation", .method = S("GET"),
	    .total_ms = 10000, .body_max = WELL_KNOWN_MAX, .redirects = 5 };
	struct err e = { .code = M_OK };
	struct client_res res;
	struct json json;
	struct str to;

	q.url = str_fmt(c->a, "https://" STR_FMT "/.well-known/matrix/server",
	    STR_ARG(server));
	if (!client_call(&q, c->a, &res, &e) || res.status != 200 ||
	    !json_parse(c->a, res.body, JSON_ANY, &json, &e) ||
	    json.type != JSON_OBJ || !json_get_str(&json, S("m.server"), &to) ||
	    !id_server_name_ok(to))
		return (struct str){ NULL, 0 };
	return to;
}

static struct str
find_place(struct ctx *c, struct str server)
{
	struct str to;
	uint64_t forgets;
	int64_t until;

	if (has_port(server) || is_address(server))
		return with_port(c->a, server);
	if (kept_place(c->a, server, c->now_ms, &to, &forgets))
		return to;
	to = well_known(c, server);
	until = c->now_ms + (to.n > 0 ? PLACE_MS : NO_PLACE_MS);
	to = with_port(c->a, to.n > 0 ? to : server);
	memo_put(&places, server, str_fmt(c->a, "%lld " STR_FMT,
	    (long long)until, STR_ARG(to)), forgets);
	return to;
}

/* The Authorization header's value. */
static struct str
sign_request(struct ctx *c, const struct fed_req *q)
{
	const struct server *s = server_get();
	struct json x = json_new_obj();
	uint8_t sig[SIGN_BYTES];

	json_set(c->a, &x, S("method"), json_of_str(str_c(q->method)));
	json_set(c->a, &x, S("uri"), json_of_str(q->path));
	json_set(c->a, &x, S("origin"), json_of_str(s->name));
	json_set(c->a, &x, S("destination"), json_of_str(q->server));
	if (q->body != NULL)
		json_set(c->a, &x, S("content"), *q->body);
	sign_bytes(&s->key, sign_json_bytes(c->a, &x), sig);
	return str_fmt(c->a, "X-Matrix origin=\"" STR_FMT "\",destination=\""
	    STR_FMT "\",key=\"" STR_FMT "\",sig=\"" STR_FMT "\"",
	    STR_ARG(s->name), STR_ARG(q->server), STR_ARG(s->key.id),
	    STR_ARG(b64_encode(c->a, B64_STD, str_n((char *)sig,
	    sizeof(sig)))));
}

/* What the other said with a status that is no 2xx. */
static bool
refused(struct ctx *c, const struct fed_req *q, const struct client_res *res)
{
	struct err e = { .code = M_OK };
	struct json json;
	struct str name, text = S("no reason given");
	enum errcode code = M_UNKNOWN;

	if (json_parse(c->a, res->body, JSON_ANY, &json, &e) &&
	    json.type == JSON_OBJ) {
		name = json_str(&json, S("errcode"));
		for (int i = M_OK + 1; i < M_NRCODES; i++)
			if (str_eq_c(name, err_name((enum errcode)i)) &&
			    (enum errcode)i != M_METHOD_NOT_ALLOWED) {
				code = (enum errcode)i;
				break;
			}
		(void)json_get_str(&json, S("error"), &text);
	}
	fail(&c->err, code, STR_FMT " says: " STR_FMT, STR_ARG(q->server),
	    STR_ARG(str_utf8_clip(text, 200)));
	c->err.status = res->status >= 400 && res->status < 500
	    ? res->status : 502;
	return false;
}

/* Signs and asks; where the answer goes is in req. */
static bool
ask(struct ctx *c, const struct fed_req *q, struct client_req *req,
    struct client_res *res)
{
	struct http_header header[2] = { { .name = S("Authorization") },
	    { S("Content-Type"), S("application/json") } };

	if (!fed_allowed(q->server))
		return fail(&c->err, M_FORBIDDEN, "This server does not "
		    "federate with " STR_FMT, STR_ARG(q->server));
	req->purpose = "federation";
	req->method = str_c(q->method);
	req->header = header;
	req->nheaders = q->body != NULL ? 2 : 1;
	req->total_ms = q->total_ms;
	req->body_max = q->body_max != 0 ? q->body_max : BODY_MAX;
	req->url = str_fmt(c->a, "https://" STR_FMT STR_FMT,
	    STR_ARG(find_place(c, q->server)), STR_ARG(q->path));
	header[0].value = sign_request(c, q);
	if (q->body != NULL)
		req->body = json_text(c->a, q->body);
	if (!client_call(req, c->a, res, &c->err))
		return false;
	return (res->status >= 200 && res->status <= 299) ||
	    refused(c, q, res);
}

bool
fed_call(struct ctx *c, const struct fed_req *q, const struct json **out)
{
	struct client_req req = { .has_fd = false };
	struct client_res res;
	struct json *json;

	*out = NULL;
	if (!ask(c, q, &req, &res))
		return false;
	json = arena_make(c->a, struct json);
	if (!json_parse(c->a, res.body, JSON_ANY, json, &c->err) ||
	    json->type != JSON_OBJ) {
		err_clear(&c->err);
		return fail(&c->err, M_UNAVAILABLE, STR_FMT
		    " gave an answer that is none", STR_ARG(q->server));
	}
	*out = json;
	return true;
}

bool
fed_fetch(struct ctx *c, const struct fed_req *q, int fd,
    struct fed_file *out)
{
	struct client_req req = { .has_fd = true, .to_fd = fd,
	    .bytes_a_second = FILE_BYTES_A_SECOND };
	struct client_res res;

	if (!ask(c, q, &req, &res))
		return false;
	*out = (struct fed_file){ client_header(&res, "Content-Type"),
	    res.bytes };
	return true;
}

bool
fed_fetch_elsewhere(struct ctx *c, const struct fed_req *q, int fd,
    struct fed_file *out)
{
	struct client_req req = { .purpose = "federation", .method = S("GET"),
	    .url = q->path, .has_fd = true, .to_fd = fd, .redirects = 3,
	    .total_ms = q->total_ms, .body_max = q->body_max,
	    .bytes_a_second = FILE_BYTES_A_SECOND };
	struct client_res res;

	if (!str_starts(q->path, S("https://")))
		return fail(&c->err, M_UNAVAILABLE, STR_FMT
		    " names no place for its file", STR_ARG(q->server));
	if (!client_call(&req, c->a, &res, &c->err))
		return false;
	if (res.status != 200)
		return refused(c, q, &res);
	*out = (struct fed_file){ client_header(&res, "Content-Type"),
	    res.bytes };
	return true;
}

bool
fed_ask_keys(struct ctx *c, struct str server, const struct json **out)
{
	struct client_req req = { .purpose = "federation", .method = S("GET"),
	    .total_ms = KEYS_MS, .body_max = 65536 };
	struct client_res res;
	struct json *json;

	if (!fed_allowed(server))
		return fail(&c->err, M_FORBIDDEN, "This server does not "
		    "federate with " STR_FMT, STR_ARG(server));
	req.url = str_fmt(c->a, "https://" STR_FMT "/_matrix/key/v2/server",
	    STR_ARG(find_place(c, server)));
	if (!client_call(&req, c->a, &res, &c->err))
		return false;
	json = arena_make(c->a, struct json);
	if (res.status != 200 || !json_parse(c->a, res.body, JSON_ANY, json,
	    &c->err) || json->type != JSON_OBJ) {
		err_clear(&c->err);
		return fail(&c->err, M_UNAVAILABLE, STR_FMT
		    " does not give its keys", STR_ARG(server));
	}
	*out = json;
	return true;
}
