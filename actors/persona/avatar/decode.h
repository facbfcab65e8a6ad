/* decode: an upload's bytes to an avatar's pixels. Meant for the worker's sandbox; pure but for the memory it takes. */
#ifndef TB_AVATAR_DECODE_H
#define TB_AVATAR_DECODE_H

#include "avatar.h"

/* Effect: reads the picture and writes its avatar. side_max: pixels a side the picture may have (AVATAR_SIDE_MAX).
 * Return: what became of it; rgba is undefined unless OK. */
enum avatar_status avatar_decode(const uint8_t *bytes, size_t size, uint32_t side_max, uint8_t rgba[AVATAR_RGBA_BYTES]);

#endif
