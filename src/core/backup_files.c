/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The files of a backup: keys and records are copied; media are linked, since
 * they never change, and copied where the backup lies on another file system.
 */
#include "base/file.h"
#include "core/media.h"

/* A folder of the data folder; one that was never made is no loss. */
static bool
take(struct ctx *c, struct str dir, struct str part, enum file_copy_how how)
{
	if (file_copy(c->a, str_cat(c->a, server_get()->data_dir, part),
	    str_cat(c->a, dir, part), how, &c->err))
		return true;
	if (c->err.code != M_NOT_FOUND)
		return false;
	err_clear(&c->err);
	return true;
}

bool
backup_files(struct ctx *c, struct str dir)
{
	return file_copy(c->a, str_cat(c->a, server_get()->data_dir,
	    S("/signing.key")), str_cat(c->a, dir, S("/signing.key")),
	    FILE_COPY, &c->err) &&
	    take(c, dir, S("/media"), FILE_LINK) &&
	    take(c, dir, S("/ledger"), FILE_COPY);
}
