/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reading pictures, by the libraries; sizes are checked before memory is taken. */
#include "main/decoder.h"

#include <gif_lib.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>
#include <webp/decode.h>

static bool
make(struct picture *p, int width, int height)
{
	if (width <= 0 || height <= 0 || width > SIDE_MAX ||
	    height > SIDE_MAX || (int64_t)width * height > PIXELS_MAX)
		return false;
	p->width = width;
	p->height = height;
	p->rgba = calloc((size_t)width * (size_t)height, 4);
	return p->rgba != NULL;
}

/* The smallest of libjpeg's scales that is not below what is wanted. */
static tjscalingfactor
jpeg_scale(int width, int height, int wide, int high)
{
	tjscalingfactor best = { 1, 1 }, *all;
	int n = 0;

	all = tjGetScalingFactors(&n);
	for (int i = 0; all != NULL && i < n; i++) {
		if (TJSCALED(width, all[i]) < wide ||
		    TJSCALED(height, all[i]) < high ||
		    all[i].num * best.denom >= best.num * all[i].denom)
			continue;
		best = all[i];
	}
	return best;
}

static bool
read_jpeg(const uint8_t *p, size_t n, int wide, int high, struct picture *out)
{
	tjhandle h = tjInitDecompress();
	int width, height, sub, space;
	tjscalingfactor f;
	bool ok;

	if (h == NULL)
		return false;
	ok = tjDecompressHeader3(h, p, (unsigned long)n, &width, &height, &sub,
	    &space) == 0 && width <= SIDE_MAX && height <= SIDE_MAX &&
	    (int64_t)width * height <= PIXELS_MAX;
	if (ok) {
		f = jpeg_scale(width, height, wide, high);
		ok = make(out, TJSCALED(width, f), TJSCALED(height, f)) &&
		    (tjDecompress2(h, p, (unsigned long)n, out->rgba,
		    out->width, 0, out->height, TJPF_RGBA, 0) == 0 ||
		    tjGetErrorCode(h) == TJERR_WARNING);
	}
	tjDestroy(h);
	return ok;
}

static bool
read_png(const uint8_t *p, size_t n, struct picture *out)
{
	png_image img = { .version = PNG_IMAGE_VERSION };
	bool ok;

	if (!png_image_begin_read_from_memory(&img, p, n))
		return false;
	out->alpha = (img.format & PNG_FORMAT_FLAG_ALPHA) != 0;
	img.format = PNG_FORMAT_RGBA;
	ok = img.width <= SIDE_MAX && img.height <= SIDE_MAX &&
	    make(out, (int)img.width, (int)img.height) &&
	    png_image_finish_read(&img, NULL, out->rgba, 0, NULL) != 0;
	png_image_free(&img);
	return ok;
}

static bool
read_webp(const uint8_t *p, size_t n, struct picture *out)
{
	WebPBitstreamFeatures f;

	if (WebPGetFeatures(p, n, &f) != VP8_STATUS_OK || f.has_animation ||
	    !make(out, f.width, f.height))
		return false;
	out->alpha = f.has_alpha != 0;
	return WebPDecodeRGBAInto(p, n, out->rgba, (size_t)f.width *
	    (size_t)f.height * 4, f.width * 4) != NULL;
}

struct bytes {
	const uint8_t *p;
	size_t n;
};

static int
gif_read(GifFileType *g, GifByteType *to, int want)
{
	struct bytes *b = g->UserData;
	size_t n = want < 0 ? 0 : (size_t)want;

	if (n > b->n)
		n = b->n;
	memcpy(to, b->p, n);
	b->p += n;
	b->n -= n;
	return (int)n;
}

static void
gif_draw(const GifFileType *g, struct picture *out)
{
	const SavedImage *s = &g->SavedImages[0];
	const ColorMapObject *map = s->ImageDesc.ColorMap != NULL
	    ? s->ImageDesc.ColorMap : g->SColorMap;
	GraphicsControlBlock gcb = { .TransparentColor = NO_TRANSPARENT_COLOR };
	const GifImageDesc *d = &s->ImageDesc;

	DGifSavedExtensionToGCB((GifFileType *)(uintptr_t)g, 0, &gcb);
	for (int y = 0; y < d->Height; y++) {
		for (int x = 0; x < d->Width; x++) {
			int c = s->RasterBits[y * d->Width + x];
			int at_x = x + d->Left, at_y = y + d->Top;
			uint8_t *to;

			if (at_x >= out->width || at_y >= out->height ||
			    c == gcb.TransparentColor || map == NULL ||
			    c >= map->ColorCount)
				continue;
			to = out->rgba + 4 * ((size_t)at_y *
			    (size_t)out->width + (size_t)at_x);
			to[0] = map->Colors[c].Red;
			to[1] = map->Colors[c].Green;
			to[2] = map->Colors[c].Blue;
			to[3] = 255;
		}
	}
	out->alpha = true;
}

/* The first frame; reading stops after it, so that a film is no more work than a picture. */
static bool
read_gif(const uint8_t *p, size_t n, struct picture *out)
{
	struct bytes b = { p, n };
	GifFileType *g = DGifOpen(&b, gif_read, NULL);
	bool ok;

	if (g == NULL)
		return false;
	ok = g->SWidth > 0 && g->SHeight > 0 && g->SWidth <= SIDE_MAX &&
	    g->SHeight <= SIDE_MAX && n < ((size_t)32 << 20) &&
	    make(out, g->SWidth, g->SHeight) && DGifSlurp(g) == GIF_OK &&
	    g->ImageCount > 0;
	if (ok)
		gif_draw(g, out);
	DGifCloseFile(g, NULL);
	return ok;
}

bool
picture_decode(const uint8_t *p, size_t n, int wide, int high,
    struct picture *out)
{
	memset(out, 0, sizeof(*out));
	if (n > 3 && memcmp(p, "\xff\xd8\xff", 3) == 0)
		return read_jpeg(p, n, wide, high, out);
	if (n > 8 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0)
		return read_png(p, n, out);
	if (n > 12 && memcmp(p, "RIFF", 4) == 0 &&
	    memcmp(p + 8, "WEBP", 4) == 0)
		return read_webp(p, n, out);
	if (n > 6 && memcmp(p, "GIF8", 4) == 0)
		return read_gif(p, n, out);
	return false;
}
