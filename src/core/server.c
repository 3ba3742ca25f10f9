/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The process-wide facts, and the order in which core starts and stops. */
#include "base/log.h"
#include "core/ctx.h"
#include "core/evcache.h"
#include "core/media.h"
#include "core/room_impl.h"
#include "core/sticky.h"
#include "core/watch.h"
#include "crypto/digest.h"
#include "room/ids.h"
#include "store/q_meta.h"
#include "store/statetree.h"
#include "store/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static struct {
	struct server s;
	struct arena *a;
} the;

const struct server *
server_get(void)
{
	return &the.s;
}

bool
server_is_local(struct str id)
{
	return str_eq(id_server(id), the.s.name);
}

static bool
make_dir(struct str path, struct err *e)
{
	const char *p = str_cz(the.a, path);

	if (mkdir(p, 0700) == 0 || errno == EEXIST)
		return true;
	return fail(e, M_UNKNOWN, "Cannot make the folder %s: %s", p,
	    strerror(errno));
}

static bool
load_key(struct err *e)
{
	const char *path = str_cz(the.a, str_cat(the.a, the.s.data_dir,
	    S("/signing.key")));

	if (sign_key_read(the.a, path, &the.s.key, e))
		return true;
	if (e->code != M_NOT_FOUND)
		return false;
	err_clear(e);
	sign_key_new(the.a, &the.s.key);
	log_info("server", "made a signing key", LS("id", the.s.key.id));
	return sign_key_write(path, &the.s.key, e);
}

/* A data folder belongs to one server name for ever. */
static bool
check_name(struct db *db, struct err *e)
{
	struct str kept = { NULL, 0 };

	if (!meta_get(db, the.a, S("server_name"), &kept, e))
		return false;
	if (kept.n == 0)
		return meta_set(db, S("server_name"), the.s.name, e);
	return str_eq(kept, the.s.name) || fail(e, M_INVALID_PARAM,
	    "This data folder belongs to the server " STR_FMT
	    ": server.name can never change", STR_ARG(kept));
}

static bool
start_store(const struct conf *conf, struct err *e)
{
	struct db *db;
	bool ok;

	if (!store_open(str_cz(the.a, conf->store_url),
	    str_cz(the.a, the.s.data_dir), conf->store_sync,
	    (int)conf->store_readers, &the.s.store, e))
		return false;
	db = db_attach(the.s.store, e);
	ok = db != NULL && check_name(db, e) && stream_start(db, e) &&
	    statetree_start(db, (size_t)conf->cache_rooms / 8, e) &&
	    sticky_start(db, e);
	db_detach(db);
	return ok;
}

bool
server_start(const struct conf *conf, struct err *e)
{
	crypto_start();
	the.a = arena_new(1 << 20);
	the.s.name = str_dup(the.a, conf->server_name);
	the.s.data_dir = str_dup(the.a, conf->data_dir);
	if (!id_server_name_ok(the.s.name))
		return fail(e, M_INVALID_PARAM, "server.name must be a host "
		    "name, with a port if need be");
	if (!make_dir(the.s.data_dir, e) || !load_key(e) ||
	    !start_store(conf, e))
		return false;
	evcache_start((size_t)conf->cache_rooms / 2);
	room_cache_start((size_t)conf->cache_rooms / 2);
	notify_start();
	return media_start(e);
}

void
server_stop(void)
{
	notify_stop();
	room_cache_stop();
	evcache_stop();
	store_close(the.s.store);
	sign_key_wipe(&the.s.key);
	arena_free(the.a);
	memset(&the, 0, sizeof(the));
}
