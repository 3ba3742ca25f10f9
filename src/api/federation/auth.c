/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See auth.h. */
#include "api/federation/auth.h"

#include "base/log.h"
#include "core/fed.h"
#include "core/server_keys.h"
#include "room/ids.h"

#include <string.h>

static bool
is_token(char c)
{
	return c > ' ' && c != ',' && c != '=' && c != '"' && c < 127;
}

/* A quoted string or a token at the start of *s, which moves on. */
static bool
take_value(struct arena *a, struct str *s, struct str *out)
{
	struct buf b;
	size_t i = 0;

	if (s->n == 0 || s->p[0] != '"') {
		while (i < s->n && (is_token(s->p[i]) || s->p[i] == '='))
			i++;
		*out = str_sub(*s, 0, i);
		*s = str_from(*s, i);
		return i > 0;
	}
	buf_init(&b, a, 256);
	for (i = 1; i < s->n && s->p[i] != '"'; i++) {
		if (s->p[i] == '\\' && ++i == s->n)
			return false;
		buf_char(&b, s->p[i]);
	}
	if (i == s->n)
		return false;
	*s = str_from(*s, i + 1);
	*out = buf_view(&b);
	return true;
}

/* False: it was said before, and two readers could each heed another one. */
static bool
keep(struct x_matrix *x, struct str name, struct str value)
{
	struct str *to = NULL;

	if (str_eq_nocase(name, S("origin")))
		to = &x->origin;
	else if (str_eq_nocase(name, S("destination")))
		to = &x->destination;
	else if (str_eq_nocase(name, S("key")))
		to = &x->key;
	else if (str_eq_nocase(name, S("sig")))
		to = &x->sig;
	if (to == NULL)
		return true;
	if (to->p != NULL)
		return false;
	*to = value.p != NULL ? value : S("");
	return true;
}

bool
x_matrix_read(struct arena *a, struct str h, struct x_matrix *out)
{
	struct str name, value;
	size_t i;

	*out = (struct x_matrix){ .origin = { NULL, 0 } };
	if (h.n < 9 || h.n > 2048 ||
	    !str_eq_nocase(str_sub(h, 0, 9), S("X-Matrix ")))
		return false;
	h = str_from(h, 9);
	do {
		h = str_trim(h);
		for (i = 0; i < h.n && is_token(h.p[i]); i++)
			continue;
		name = str_sub(h, 0, i);
		h = str_from(h, i);
		if (name.n == 0 || h.n == 0 || h.p[0] != '=')
			return false;
		h = str_from(h, 1);
		if (!take_value(a, &h, &value) || !keep(out, name, value))
			return false;
		h = str_trim(h);
		if (h.n > 0 && h.p[0] != ',')
			return false;
		if (h.n > 0)
			h = str_from(h, 1);
	} while (h.n > 0);
	return out->origin.n > 0 && out->key.n > 0 && out->sig.n > 0;
}

/* What was signed: the request as the specification has it. */
static struct str
signed_bytes(struct req *rq, const struct x_matrix *x)
{
	struct arena *a = rq->ctx.a;
	struct json j = json_new_obj();
	struct str uri = rq->v->path;

	if (rq->v->query.n > 0)
		uri = str_fmt(a, STR_FMT "?" STR_FMT, STR_ARG(uri),
		    STR_ARG(rq->v->query));
	json_set(a, &j, S("method"), json_of_str(rq->v->method_name));
	json_set(a, &j, S("uri"), json_of_str(uri));
	json_set(a, &j, S("origin"), json_of_str(x->origin));
	json_set(a, &j, S("destination"), json_of_str(server_get()->name));
	if (rq->has_body)
		json_set(a, &j, S("content"), rq->body);
	return sign_json_bytes(a, &j);
}

static bool
not_signed(struct req *rq, const char *why)
{
	return fail(&rq->ctx.err, M_UNAUTHORIZED, "%s", why);
}

/* Why is for the operator: the other server learns no more than that. */
static bool
no_key(struct req *rq, const struct x_matrix *x)
{
	log_info("federation", "a request could not be checked",
	    LS("server", x->origin), LS("key", x->key),
	    LS("why", str_c(rq->ctx.err.text)));
	return not_signed(rq, "Your server's keys could not be had, or do "
	    "not hold");
}

bool
server_auth(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	uint8_t key[SIGN_PUBLIC_BYTES], sig[SIGN_BYTES];
	struct x_matrix x;

	if (!x_matrix_read(c->a, http_header_get(rq->v, "Authorization"), &x))
		return not_signed(rq, "The request must be signed with an "
		    "X-Matrix header");
	if (!id_server_name_ok(x.origin) || !sign_read_sig(x.sig, sig))
		return not_signed(rq, "The X-Matrix header is malformed");
	if (x.destination.n > 0 &&
	    !str_eq(x.destination, server_get()->name))
		return not_signed(rq, "The request is for another server");
	if (!fed_allowed(x.origin))
		return fail(&c->err, M_FORBIDDEN,
		    "This server does not federate with yours");
	if (!server_key_get(c, x.origin, x.key, c->now_ms, true, key))
		return no_key(rq, &x);
	if (!sign_ok(key, signed_bytes(rq, &x), sig))
		return not_signed(rq, "The request's signature does not fit");
	c->who.kind = ACTOR_SERVER;
	c->who.user = x.origin;
	return true;
}
