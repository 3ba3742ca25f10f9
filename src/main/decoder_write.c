/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Scaling by the mean of what falls on a pixel, and writing. */
#include "main/decoder.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#define QUALITY 80

/* The part of the source that is shown, and the size it is shown at. */
struct plan {
	int x, y, w, h, wide, high;
};

static struct plan
plan_of(const struct picture *in, int wide, int high, bool crop)
{
	struct plan p = { 0, 0, in->width, in->height, wide, high };
	int64_t a = (int64_t)in->width * high, b = (int64_t)in->height * wide;

	if (crop && a > b) {
		p.w = (int)(b / high);
		p.x = (in->width - p.w) / 2;
	} else if (crop) {
		p.h = (int)(a / wide);
		p.y = (in->height - p.h) / 2;
	} else if (a > b) {
		p.high = (int)(b / in->width);
	} else {
		p.wide = (int)(a / in->height);
	}
	p.w = p.w < 1 ? 1 : p.w;
	p.h = p.h < 1 ? 1 : p.h;
	if (p.wide > p.w || p.high > p.h) {
		p.wide = p.w;
		p.high = p.h;
	}
	p.wide = p.wide < 1 ? 1 : p.wide;
	p.high = p.high < 1 ? 1 : p.high;
	return p;
}

/* The mean of a rectangle; transparent pixels weigh nothing. */
static void
mean(const struct picture *in, int x0, int y0, int x1, int y1, uint8_t to[4])
{
	uint64_t sum[3] = { 0, 0, 0 }, alpha = 0, n = 0;

	for (int y = y0; y < y1; y++) {
		const uint8_t *p = in->rgba + 4 * ((size_t)y *
		    (size_t)in->width + (size_t)x0);

		for (int x = x0; x < x1; x++, p += 4) {
			for (int k = 0; k < 3; k++)
				sum[k] += (uint64_t)p[k] * p[3];
			alpha += p[3];
			n++;
		}
	}
	for (int k = 0; k < 3; k++)
		to[k] = (uint8_t)(alpha > 0 ? sum[k] / alpha : 0);
	to[3] = (uint8_t)(n > 0 ? alpha / n : 0);
}

bool
picture_scale(const struct picture *in, int wide, int high, bool crop,
    struct picture *out)
{
	struct plan p = plan_of(in, wide, high, crop);

	*out = (struct picture){ .width = p.wide, .height = p.high,
	    .alpha = in->alpha };
	out->rgba = calloc((size_t)p.wide * (size_t)p.high, 4);
	if (out->rgba == NULL)
		return false;
	for (int y = 0; y < p.high; y++) {
		int y0 = p.y + (int)((int64_t)y * p.h / p.high);
		int y1 = p.y + (int)((int64_t)(y + 1) * p.h / p.high);

		for (int x = 0; x < p.wide; x++) {
			int x0 = p.x + (int)((int64_t)x * p.w / p.wide);
			int x1 = p.x + (int)((int64_t)(x + 1) * p.w / p.wide);

			mean(in, x0, y0, x1 > x0 ? x1 : x0 + 1,
			    y1 > y0 ? y1 : y0 + 1, out->rgba + 4 *
			    ((size_t)y * (size_t)p.wide + (size_t)x));
		}
	}
	return true;
}

static bool
write_png(const struct picture *in, uint8_t **out, size_t *n)
{
	png_image img = { .version = PNG_IMAGE_VERSION,
	    .width = (png_uint_32)in->width,
	    .height = (png_uint_32)in->height, .format = PNG_FORMAT_RGBA };
	png_alloc_size_t size = 0;

	if (!png_image_write_to_memory(&img, NULL, &size, 0, in->rgba, 0,
	    NULL))
		return false;
	*out = malloc(size);
	*n = size;
	return *out != NULL && png_image_write_to_memory(&img, *out, &size, 0,
	    in->rgba, 0, NULL) != 0;
}

bool
picture_encode(const struct picture *in, uint8_t **out, size_t *n)
{
	unsigned long size = 0;
	tjhandle h;
	bool ok;

	*out = NULL;
	if (in->alpha)
		return write_png(in, out, n);
	h = tjInitCompress();
	ok = h != NULL && tjCompress2(h, in->rgba, in->width, 0, in->height,
	    TJPF_RGBA, out, &size, TJSAMP_420, QUALITY, 0) == 0;
	if (h != NULL)
		tjDestroy(h);
	*n = size;
	return ok;
}
