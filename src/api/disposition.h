/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* How a file is to be shown. spec: client-server, "Serving content". */
#ifndef API_DISPOSITION_H
#define API_DISPOSITION_H

#include "base/arena.h"
#include "base/str.h"

/*
 * The value of Content-Disposition: in place for types that run nothing, else
 * to be saved. An empty name: none is said. Pure.
 */
struct str disposition(struct arena *a, struct str type, struct str name);

#endif
