/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* User-interactive authentication. For signed-in users req_uia() of req.h is enough. */
#ifndef API_UIA_H
#define API_UIA_H

#include "api/req.h"

struct uia {
	const struct str *flow;		/* each a flow of this one stage */
	size_t nflows;
	bool body_may_change;
	struct str *token;		/* out: the registration token that was shown */
	struct str params;		/* JSON members of the challenge's params */
};

/* True: done, go on. False: the 401 with what to do, or another error, is set. */
bool uia_ask(struct req *rq, const struct uia *u) MUST_CHECK;
/* Before cross-signing keys are replaced: as req_uia, or by m.oauth for who signed in by OAuth 2.0. */
bool uia_ask_reset(struct req *rq) MUST_CHECK;

#endif
