/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Second factors: one-time codes by an application, recovery codes, passkeys.
 * An account that has one is not opened by its password alone.
 */
#ifndef CORE_FACTOR_H
#define CORE_FACTOR_H

#include "core/ctx.h"
#include "store/q_factor.h"

#define RECOVERY_CODES 10

struct factors {
	bool totp;
	struct passkey_row *passkey;
	size_t npasskeys;
	int64_t recovery;		/* codes left */
};
bool factor_list(struct ctx *c, struct str user, struct factors *out) MUST_CHECK;
/* Does a password alone not suffice? */
bool factor_owed(struct ctx *c, struct str user, bool *owed) MUST_CHECK;

/* A secret that is not in force yet, and a token that brings it back for ten minutes. */
bool factor_totp_begin(struct ctx *c, struct str user, struct str *secret, struct str *token) MUST_CHECK;
/* What factor_totp_begin kept; *found false: another's, or over. It is used by this. */
bool factor_totp_pending(struct ctx *c, struct str user, struct str token, struct str *secret, bool *found) MUST_CHECK;
/* The same secret is kept again, for another try. */
bool factor_totp_keep(struct ctx *c, struct str user, struct str secret, struct str *token) MUST_CHECK;
/* Puts it in force if the code is right (*ok). */
bool factor_totp_set(struct ctx *c, struct str user, struct str secret, struct str code, bool *ok) MUST_CHECK;
bool factor_totp_remove(struct ctx *c, struct str user) MUST_CHECK;

/* A code by an application, or a recovery code; each holds once. */
bool factor_code_use(struct ctx *c, struct str user, struct str text, bool *ok) MUST_CHECK;
/* Fresh recovery codes in place of the old ones: the only time they are seen. */
bool factor_recovery_new(struct ctx *c, struct str user, struct str code[RECOVERY_CODES]) MUST_CHECK;
/* Of a person who has no other factor left, the recovery codes go too. id: one passkey, or empty: every factor. */
bool factor_remove(struct ctx *c, struct str user, struct str passkey) MUST_CHECK;

#endif
