/* png_picture: PNG in and out; the only file that knows libpng. Runs in the worker's sandbox: it trusts nothing it
 * reads, and needs no system call but for memory. */
#ifndef TB_AVATAR_PNG_PICTURE_H
#define TB_AVATAR_PNG_PICTURE_H

#include "avatar.h"

/* Effect: reads a whole PNG (any colour type and depth, interlaced too; of an animated one its still picture) and
 * writes its avatar. Chunks that do not change the pixels are passed over unread, colour profiles among them: colours
 * are taken for sRGB. side_max: pixels. Return: OK, TOO_LARGE, or UNDECODABLE (rgba is then undefined). */
enum avatar_status png_picture_read(const uint8_t *bytes, size_t size, uint32_t side_max,
                                    uint8_t rgba[AVATAR_RGBA_BYTES]);

/* Effect: makes a PNG of an avatar. Gives its bytes for free() and sets *size; aborts when memory is out. */
uint8_t *png_picture_write(const uint8_t rgba[AVATAR_RGBA_BYTES], size_t *size);

#endif
