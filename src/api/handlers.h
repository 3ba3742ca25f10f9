/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The handlers' prototypes, from the table. */
#ifndef API_HANDLERS_H
#define API_HANDLERS_H

#include <stdbool.h>

struct req;

#define ROUTE(m, p, h, ...) bool h(struct req *rq);
#include "api/routes.def"
#undef ROUTE

#endif
