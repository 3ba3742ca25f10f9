/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See disposition.h. The types are those that the specification lists as safe
 * to show; all others could act in the name of the site that shows them.
 */
#include "api/disposition.h"

#include "base/enc.h"

/* Types that a browser may show in place; everything else is saved. */
static bool
is_inline(struct str type)
{
	static const struct str ok[] = {
		S_INIT("text/css"), S_INIT("text/plain"), S_INIT("text/csv"),
		S_INIT("application/json"), S_INIT("application/ld+json"),
		S_INIT("image/jpeg"), S_INIT("image/gif"), S_INIT("image/png"),
		S_INIT("image/apng"), S_INIT("image/webp"),
		S_INIT("image/avif"), S_INIT("video/mp4"),
		S_INIT("video/webm"), S_INIT("video/ogg"),
		S_INIT("video/quicktime"), S_INIT("audio/mp4"),
		S_INIT("audio/webm"), S_INIT("audio/aac"),
		S_INIT("audio/mpeg"), S_INIT("audio/ogg"),
		S_INIT("audio/wave"), S_INIT("audio/wav"),
		S_INIT("audio/x-wav"), S_INIT("audio/x-pn-wav"),
		S_INIT("audio/flac"), S_INIT("audio/x-flac"),
	};
	struct str rest;

	if (!str_cut(type, ';', &type, &rest))
		rest = type;
	for (size_t i = 0; i < LEN(ok); i++)
		if (str_eq_nocase(ok[i], str_trim(type)))
			return true;
	return false;
}

struct str
disposition(struct arena *a, struct str type, struct str name)
{
	struct str how = is_inline(type) ? S("inline") : S("attachment");

	if (name.n == 0)
		return how;
	return str_fmt(a, STR_FMT "; filename*=utf-8''" STR_FMT, STR_ARG(how),
	    STR_ARG(pct_encode(a, name)));
}
