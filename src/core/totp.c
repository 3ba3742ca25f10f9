/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See totp.h. */
#include "core/totp.h"

#include "base/enc.h"
#include "crypto/digest.h"

uint32_t
totp_code(struct str secret, int64_t step)
{
	uint8_t message[8], mac[20];
	uint64_t v = (uint64_t)step;
	uint32_t code;
	size_t at;

	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)(v >> (56 - 8 * i));
	hmac_sha1(secret, str_n((const char *)message, sizeof(message)), mac);
	at = mac[19] & 15;
	code = (uint32_t)(mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 |
	    (uint32_t)mac[at + 2] << 8 | mac[at + 3];
	return code % 1000000;
}

bool
totp_check(struct str secret, struct str text, int64_t now_s, int64_t *step)
{
	char code[TOTP_DIGITS];
	bool ok = false;

	for (int64_t s = now_s / TOTP_STEP_S - 1; s <= now_s / TOTP_STEP_S + 1;
	    s++) {
		uint32_t v = totp_code(secret, s);

		for (size_t i = TOTP_DIGITS; i > 0; i--) {
			code[i - 1] = (char)('0' + v % 10);
			v /= 10;
		}
		if (str_eq_secret(str_n(code, sizeof(code)), text)) {
			ok = true;
			*step = s;
		}
	}
	return ok;
}

static void
base32(struct buf *b, struct str bytes, bool groups)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	size_t bits = bytes.n * 8;

	for (size_t at = 0, n = 0; at < bits; at += 5, n++) {
		unsigned v = 0;

		for (size_t i = at; i < at + 5; i++) {
			unsigned byte = i < bits ? (unsigned char)
			    bytes.p[i / 8] : 0;

			v = v << 1 | (byte >> (7 - i % 8) & 1);
		}
		if (groups && n > 0 && n % 4 == 0)
			buf_char(b, ' ');
		buf_char(b, letters[v]);
	}
}

struct str
totp_shown(struct arena *a, struct str secret)
{
	struct buf b;

	buf_init(&b, a, 256);
	base32(&b, secret, true);
	return buf_view(&b);
}

struct str
totp_uri(struct arena *a, struct str secret, struct str issuer,
    struct str account)
{
	struct str name = pct_encode(a, issuer);
	struct buf b;

	buf_init(&b, a, 4096);
	buf_c(&b, "otpauth://totp/");
	buf_str(&b, name);
	buf_char(&b, ':');
	buf_str(&b, pct_encode(a, account));
	buf_c(&b, "?secret=");
	base32(&b, secret, false);
	buf_c(&b, "&issuer=");
	buf_str(&b, name);
	return buf_view(&b);
}
