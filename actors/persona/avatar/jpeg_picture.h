/* jpeg_picture: JPEG in; the only file that knows libjpeg. Runs in the worker's sandbox: it trusts nothing it reads,
 * and needs no system call but for memory. */
#ifndef TB_AVATAR_JPEG_PICTURE_H
#define TB_AVATAR_JPEG_PICTURE_H

#include "avatar.h"

/* Effect: reads a whole JPEG (baseline, progressive, grey, YCbCr, RGB, CMYK, YCCK) and writes its avatar, turned as
 * EXIF says. Data that is cut short or damaged is refused, not patched; so are more scans than any camera makes.
 * side_max: pixels. Return: OK, TOO_LARGE, or UNDECODABLE (rgba is then undefined). */
enum avatar_status jpeg_picture_read(const uint8_t *bytes, size_t size, uint32_t side_max,
                                     uint8_t rgba[AVATAR_RGBA_BYTES]);

#endif
