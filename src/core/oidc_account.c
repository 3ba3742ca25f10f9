/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Which account belongs to a subject of the provider. Once linked, only the
 * subject counts: a name or address that changes hands there opens nothing
 * here. The first time, the name is made by oidc.localpart; an account that
 * has it already is linked only if oidc.existing says so, as whoever names
 * people at the provider then holds these accounts.
 */
#include "core/oidc_account.h"

#include "base/log.h"
#include "core/account.h"
#include "core/oidc_token.h"
#include "store/q_upstream.h"

static bool
refuse(const char *why, bool *found)
{
	log_warn("oidc", "nobody here is that person", LC("why", why));
	*found = false;
	return true;
}

/* Claims as templates see them: addresses count as verified if the operator says so. */
static struct json
trusted(struct ctx *c, const struct json *claims)
{
	struct json v = json_copy(c->a, claims);

	if (conf_get()->oidc_trust_email)
		json_set(c->a, &v, S("email_verified"), json_of_bool(true));
	return v;
}

static bool
name_of(struct ctx *c, const struct json *claims, struct str *user)
{
	const struct conf *conf = conf_get();
	struct str name;

	if (!oidc_template(c->a, conf->oidc_localpart, claims,
	    conf->oidc_email_domains.at, conf->oidc_email_domains.n, &name))
		return false;
	if (account_id(c, oidc_localpart(c->a, name), user))
		return true;
	err_clear(&c->err);
	return false;
}

struct linking {
	struct upstream_who who;
	bool fresh;
};

static bool
link_body(struct db *db, void *arg, struct err *e)
{
	struct linking *x = arg;

	return upstream_link_insert(db, &x->who, &x->fresh, e);
}

static bool
make(struct ctx *c, const struct json *claims, struct str user, bool *found)
{
	struct account_new n = { .kind = S("user"), .user = user };

	if (!oidc_template(c->a, conf_get()->oidc_display_name, claims, NULL,
	    0, &n.display_name))
		n.display_name = (struct str){ NULL, 0 };
	n.display_name = str_utf8_clip(n.display_name, 256);
	if (account_create(c, &n)) {
		*found = true;
		return true;
	}
	if (c->err.code != M_USER_IN_USE)
		return false;
	err_clear(&c->err);
	return refuse("the name was taken meanwhile", found);
}

bool
oidc_account(struct ctx *c, struct str issuer, const struct json *claims,
    struct str *user, bool *found)
{
	struct linking l = { .who = { .issuer = issuer,
	    .subject = json_str(claims, S("sub")), .created_ms = c->now_ms } };
	struct upstream_who *x = &l.who;
	struct account account;
	struct json v = trusted(c, claims);
	bool there;

	if (!upstream_link_find(c->db, c->a, issuer, x->subject, user, found,
	    &c->err))
		return false;
	if (*found)
		return true;
	if (!name_of(c, &v, &x->user))
		return refuse("its claims make no name by oidc.localpart",
		    found);
	if (!account_find(c->db, c->a, x->user, &account, &there, &c->err))
		return false;
	if (there && (account.deactivated || !str_eq(account.kind,
	    S("user")) || !str_eq(conf_get()->oidc_existing, S("link"))))
		return refuse("an account of that name is there", found);
	if (!there && !conf_get()->oidc_create)
		return refuse("there is no such account, and none is made",
		    found);
	*found = there;
	if (!there && !make(c, &v, x->user, found))
		return false;
	*user = x->user;
	if (!*found)
		return true;
	if (!db_transact(c->db, link_body, &l, &c->err))
		return false;
	return l.fresh || refuse("it was linked elsewhere meanwhile", found);
}
