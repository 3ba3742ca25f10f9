/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Time-based one-time codes. Pure. spec: RFC 6238 with RFC 4226: SHA-1, six digits, 30 seconds. */
#ifndef CORE_TOTP_H
#define CORE_TOTP_H

#include "base/arena.h"
#include "base/str.h"

#define TOTP_SECRET_BYTES 20
#define TOTP_STEP_S 30
#define TOTP_DIGITS 6

/* The code of a step (seconds since 1970 / 30). */
uint32_t totp_code(struct str secret, int64_t step);
/* Is the text the code of this step, or of one beside it? *step says of which. Takes the same time whatever is wrong. */
bool totp_check(struct str secret, struct str text, int64_t now_s, int64_t *step);
/* The secret as applications take it: base32 in groups of four. */
struct str totp_shown(struct arena *a, struct str secret);
/* "otpauth://totp/..." for applications. */
struct str totp_uri(struct arena *a, struct str secret, struct str issuer, struct str account);

#endif
