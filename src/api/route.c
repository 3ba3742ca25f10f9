/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The table and how a path finds its row: rows by number of parts, then part
 * by part; a literal part wins over a {name}.
 */
#include "api/route.h"

#include <assert.h>
#include <string.h>

#include "api/handlers.h"
#include "api/req.h"

#define PARTS_MAX 12
#define ROUTES_MAX 512

#define ROUTE(m, p, h, au, ra, ac, fl) \
	{ METHOD_##m, p, h, #h, AUTH_##au, RATE_##ra, ACCESS_##ac, fl },
static const struct route routes[] = {
#include "api/routes.def"
};
#undef ROUTE

struct entry {
	const struct route *route;
	struct str part[PARTS_MAX];
	bool open[PARTS_MAX];		/* a {name} */
	size_t n, nopen;
};

static struct entry entries[ROUTES_MAX];
static size_t by_parts[PARTS_MAX + 2];	/* first entry with that many parts */

const struct route *
routes_all(size_t *n)
{
	*n = LEN(routes);
	return routes;
}

/*
 * Clients of old ask by r0 for what v3 is now: the same endpoints, under the
 * name they had before the specification's versions were numbered.
 */
static void
modernise(struct str *part, size_t n)
{
	if (n < 3 || !str_eq(part[0], S("_matrix")))
		return;
	if (str_eq(part[2], S("r0")) && (str_eq(part[1], S("client")) ||
	    str_eq(part[1], S("media"))))
		part[2] = S("v3");
}

/* Parts of a path that begins with '/'; too many: false. */
static bool
split(struct str path, struct str *part, size_t *n)
{
	struct str rest;
	bool more;

	*n = 0;
	if (path.n == 0 || path.p[0] != '/')
		return false;
	path = str_from(path, 1);
	do {
		if (*n == PARTS_MAX)
			return false;
		more = str_cut(path, '/', &part[*n], &rest);
		(*n)++;
		path = rest;
	} while (more);
	return true;
}

static void
enter(struct entry *x, const struct route *r)
{
	bool ok = split(str_c(r->pattern), x->part, &x->n);

	assert(ok);
	x->route = r;
	x->nopen = 0;
	for (size_t i = 0; i < x->n; i++) {
		x->open[i] = str_starts(x->part[i], S("{"));
		x->nopen += x->open[i];
	}
	assert(x->nopen <= REQ_PARAMS_MAX);
}

void
routes_start(void)
{
	size_t at = 0;

	assert(LEN(routes) <= ROUTES_MAX);
	/* Fewest open parts first, so that literals win. */
	for (size_t parts = 0; parts <= PARTS_MAX; parts++) {
		by_parts[parts] = at;
		for (size_t open = 0; open <= parts; open++) {
			for (size_t i = 0; i < LEN(routes); i++) {
				struct entry x;

				enter(&x, &routes[i]);
				if (x.n == parts && x.nopen == open)
					entries[at++] = x;
			}
		}
	}
	by_parts[PARTS_MAX + 1] = at;
	assert(at == LEN(routes));
	for (size_t i = 0; i < at; i++)
		for (size_t k = 0; k < i; k++)
			assert(entries[i].route->method !=
			    entries[k].route->method ||
			    strcmp(entries[i].route->pattern,
			    entries[k].route->pattern) != 0);
}

static bool
fits(const struct entry *x, const struct str *part)
{
	for (size_t i = x->n; i > 0; i--)
		if (!x->open[i - 1] && !str_eq(x->part[i - 1], part[i - 1]))
			return false;
	return true;
}

const struct route *
route_find(enum http_method m, struct str path, struct str *params,
    size_t *nparams, bool *known)
{
	struct str part[PARTS_MAX];
	size_t n;

	*known = false;
	*nparams = 0;
	if (!split(path, part, &n))
		return NULL;
	modernise(part, n);
	for (size_t i = by_parts[n]; i < by_parts[n + 1]; i++) {
		const struct entry *x = &entries[i];

		if (!fits(x, part))
			continue;
		*known = true;
		if (x->route->method != m)
			continue;
		for (size_t k = 0; k < n; k++)
			if (x->open[k])
				params[(*nparams)++] = part[k];
		return x->route;
	}
	return NULL;
}
