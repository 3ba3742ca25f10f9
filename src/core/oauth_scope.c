/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See oauth_scope.h. */
#include "core/oauth_scope.h"

#include "room/ids.h"

static const struct str api[] = {
	S_INIT("urn:matrix:client:api:*"),
	S_INIT("urn:matrix:org.matrix.msc2967.client:api:*"),
};
static const struct str device[] = {
	S_INIT("urn:matrix:client:device:"),
	S_INIT("urn:matrix:org.matrix.msc2967.client:device:"),
};

/* RFC 6749, section 3.3: what a scope token is made of. */
static bool
token_ok(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e || s.p[i] == '"' ||
		    s.p[i] == '\\')
			return false;
	return s.n > 0;
}

static bool
is_api(struct str token)
{
	for (size_t i = 0; i < LEN(api); i++)
		if (str_eq(token, api[i]))
			return true;
	return false;
}

static bool
is_device(struct str token, struct str *id)
{
	for (size_t i = 0; i < LEN(device); i++)
		if (str_starts(token, device[i])) {
			*id = str_from(token, device[i].n);
			return true;
		}
	return false;
}

bool
oauth_scope_read(struct arena *a, struct str text, struct oauth_scope *out)
{
	struct oauth_scope s = { .device = { NULL, 0 } };
	struct str token, rest = text, id;
	bool access = false, more;
	struct buf b;

	if (text.n > SCOPE_MAX)
		return false;
	buf_init(&b, a, SCOPE_MAX + 1);
	do {
		more = str_cut(rest, ' ', &token, &rest);
		if (token.n == 0)
			continue;
		if (!token_ok(token))
			return false;
		if (is_device(token, &id)) {
			if (!id_device_ok(id) ||
			    (s.device.n > 0 && !str_eq(s.device, id)))
				return false;
			s.device = id;
		} else if (is_api(token)) {
			access = true;
		} else {
			continue;
		}
		if (b.n > 0)
			buf_char(&b, ' ');
		buf_str(&b, token);
	} while (more);
	s.granted = buf_view(&b);
	*out = s;
	return access && s.device.n > 0 && !b.over;
}
