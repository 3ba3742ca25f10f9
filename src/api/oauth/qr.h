/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A text as a QR code, for a page: SVG within the HTML, so that CSP needs no picture. */
#ifndef API_OAUTH_QR_H
#define API_OAUTH_QR_H

#include "base/str.h"

/* Dark on light, with the quiet zone; a text too long for a code gives nothing. */
void qr_svg(struct buf *b, struct str text, const char *label);

#endif
