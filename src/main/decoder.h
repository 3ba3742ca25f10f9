/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Inside the decoder: pictures in memory. */
#ifndef MAIN_DECODER_H
#define MAIN_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIDE_MAX 16384
#define PIXELS_MAX 100000000

struct picture {
	uint8_t *rgba;			/* 4 bytes a pixel */
	int width, height;
	bool alpha;			/* some pixel is not opaque */
};

/* JPEG, PNG, WebP, or a GIF's first frame; at least wide x high where it can be decoded smaller. */
bool picture_decode(const uint8_t *p, size_t n, int wide, int high, struct picture *out);
/* To fit within wide x high, or, with crop, to fill it; never enlarged. */
bool picture_scale(const struct picture *in, int wide, int high, bool crop, struct picture *out);
/* JPEG, or PNG where there is alpha. */
bool picture_encode(const struct picture *in, uint8_t **out, size_t *n);

#endif
