/* exif: the orientation in a JPEG's APP1 marker; nothing else of it is looked at. Pure. */
#ifndef TB_AVATAR_EXIF_H
#define TB_AVATAR_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* bytes: the marker's, from "Exif" on. Return: 1 … 8; 1 (upright) when it does not say, or makes no sense. */
int exif_orientation(const uint8_t *bytes, size_t size);

#endif
