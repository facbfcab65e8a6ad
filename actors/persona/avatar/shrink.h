/* shrink: a picture of any size to AVATAR_SIDE pixels a side, in a circle. The square in its middle is resampled with
 * the Catmull-Rom filter, widened when it shrinks so that every pixel counts, in linear light and with colours weighed
 * by their opacity; turned as its EXIF orientation says; and made transparent outside the circle, whose edge is smooth.
 * Rows come one after the other, so a large picture needs no memory of its own size. Integers but for the filter's
 * weights: the same picture gives the same bytes. Pure.
 *
 *   struct shrink *shrink = shrink_new(width, height);
 *   for (uint32_t y = 0; y < height; y++) shrink_row(shrink, row_of(y));
 *   shrink_finish(shrink, SHRINK_UPRIGHT, rgba);
 *   shrink_free(&shrink); */
#ifndef TB_AVATAR_SHRINK_H
#define TB_AVATAR_SHRINK_H

#include <stdint.h>

#include "avatar.h"

struct shrink;

/* EXIF's orientation, 1 … 8: where the first row and the first column belong. */
enum { SHRINK_UPRIGHT = 1, SHRINK_ORIENTATIONS = 8 };

/* width, height: pixels, 1 … 65535. Gives a shrink for shrink_free. */
struct shrink *shrink_new(uint32_t width, uint32_t height);
void shrink_free(struct shrink **shrink);

/* Effect: takes the next row from the top: width pixels of 8-bit sRGB and straight alpha. More than height rows: a bug.
 */
void shrink_row(struct shrink *shrink, const uint8_t *rgba);

/* Effect: writes the avatar. All rows must have come. orientation: 1 … 8, anything else is upright. */
void shrink_finish(const struct shrink *shrink, int orientation, uint8_t rgba[AVATAR_RGBA_BYTES]);

#endif
