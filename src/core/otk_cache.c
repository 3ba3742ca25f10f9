/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A memo by user and device: a line "signed_curve25519 50" for each algorithm
 * with one-time keys, "- signed_curve25519" for an unused fallback key.
 * See otk_cache.h.
 */
#include "core/otk_cache.h"

#include "base/memo.h"
#include "store/q_keys.h"

#define BYTES_MAX ((size_t)32 << 20)

static struct memo counts = MEMO_INIT(BYTES_MAX);

static struct str
key_of(struct arena *a, struct str user, struct str device)
{
	struct buf b;

	buf_init(&b, a, user.n + device.n + 1);
	buf_str(&b, user);
	buf_char(&b, '\0');
	buf_str(&b, device);
	return buf_view(&b);
}

static bool
load(struct ctx *c, struct str user, struct str device, struct str *lines)
{
	struct key_rows have, unused;
	struct buf b;

	if (!otk_counts_of(c->db, c->a, user, device, &have, &c->err) ||
	    !fallback_unused(c->db, c->a, user, device, &unused, &c->err))
		return false;
	buf_init(&b, c->a, SIZE_MAX);
	for (size_t i = 0; i < have.n; i++) {
		buf_str(&b, have.at[i].algorithm);
		buf_char(&b, ' ');
		buf_i64(&b, have.at[i].n);
		buf_char(&b, '\n');
	}
	for (size_t i = 0; i < unused.n; i++) {
		buf_c(&b, "- ");
		buf_str(&b, unused.at[i].algorithm);
		buf_char(&b, '\n');
	}
	*lines = buf_view(&b);
	return true;
}

static size_t
count_lines(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

static void
read_lines(struct arena *a, struct str text, struct otk_count **out,
    size_t *n, struct str **unused, size_t *nunused)
{
	static const struct str usual = S_INIT("signed_curve25519");
	size_t most = count_lines(text) + 1;
	bool told = false;

	*out = arena_array(a, struct otk_count, most);
	*unused = arena_array(a, struct str, most);
	*n = *nunused = 0;
	while (text.n > 0) {
		struct str line, first, second;
		int64_t left = 0;

		(void)str_cut(text, '\n', &line, &text);
		(void)str_cut(line, ' ', &first, &second);
		if (str_eq(first, S("-"))) {
			(*unused)[(*nunused)++] = second;
			continue;
		}
		(void)!str_i64(second, &left);
		(*out)[(*n)++] = (struct otk_count){ first, left };
		told = told || str_eq(first, usual);
	}
	if (!told)
		(*out)[(*n)++] = (struct otk_count){ usual, 0 };
}

bool
otk_counts(struct ctx *c, struct str user, struct str device,
    struct otk_count **out, size_t *n, struct str **unused, size_t *nunused)
{
	struct str key = key_of(c->a, user, device), lines;
	uint64_t forgets;

	if (!memo_get(&counts, c->a, key, &lines, &forgets)) {
		if (!load(c, user, device, &lines))
			return false;
		memo_put(&counts, key, lines, forgets);
	}
	read_lines(c->a, lines, out, n, unused, nunused);
	return true;
}

void
otk_forget(struct ctx *c, struct str user, struct str device)
{
	memo_forget(&counts, key_of(c->a, user, device));
}

void
otk_cache_stop(void)
{
	memo_clear(&counts);
}
