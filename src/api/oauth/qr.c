/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See qr.h. The code itself is libqrencode's. */
#include "api/oauth/qr.h"

#include <limits.h>
#include <qrencode.h>

#define QUIET 4				/* modules of light around it */

void
qr_svg(struct buf *b, struct str text, const char *label)
{
	QRcode *q = text.n > INT_MAX ? NULL : QRcode_encodeData((int)text.n,
	    (const unsigned char *)text.p, 0, QR_ECLEVEL_M);
	int side;

	if (q == NULL)
		return;
	side = q->width + 2 * QUIET;
	buf_fmt(b, "<svg class=\"qr\" role=\"img\" aria-label=\"%s\" "
	    "viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
	    "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>"
	    "<path fill=\"#000\" d=\"", label, side, side, side, side);
	for (int y = 0; y < q->width; y++)
		for (int x = 0; x < q->width; x++)
			if ((q->data[y * q->width + x] & 1) != 0)
				buf_fmt(b, "M%d %dh1v1h-1z", x + QUIET,
				    y + QUIET);
	buf_c(b, "\"/></svg>\n");
	QRcode_free(q);
}
