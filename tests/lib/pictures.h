/* pictures: PNGs and JPEGs for tests, of every kind an upload may have, and hostile ones made by hand. Everything given
 * is heap memory for free(). One thread.
 *
 *   struct picture picture = pictures_jpeg(&(struct jpeg_spec){.width = 60, .height = 40, .progressive = true});
 *   … picture.bytes, picture.size …
 *   free(picture.bytes); */
#ifndef TB_TEST_PICTURES_H
#define TB_TEST_PICTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct picture {
    uint8_t *bytes;
    size_t size;
};

/* The scene that all of them show: four quarters, red and green above, blue and white below. */
enum quarter { RED, GREEN, BLUE, WHITE };
/* Return: the quarter's colour, 0xRRGGBB. */
uint32_t pictures_colour(enum quarter quarter);

enum png_kind { PNG_RGB, PNG_RGBA, PNG_GREY, PNG_GREY_ALPHA, PNG_PALETTE };
struct png_spec {
    uint32_t width, height;
    enum png_kind kind;
    int depth; /* 0 = 8; RGB, RGBA, GREY: 16 too; GREY, PALETTE: 1 (GREY only), 4 too */
    bool interlaced;
    bool see_through; /* RGBA: the right half has no opacity; PALETTE, GREY, RGB: white is transparent (tRNS) */
};
struct picture pictures_png(const struct png_spec *spec);

struct jpeg_spec {
    uint32_t width, height;
    enum { JPEG_COLOUR, JPEG_GREY, JPEG_CMYK, JPEG_YCCK, JPEG_CMYK_PLAIN } kind; /* PLAIN: without Adobe's marker */
    bool progressive;
    int orientation; /* 0 = no EXIF */
    bool motorola;   /* EXIF with its bytes the other way round */
};
struct picture pictures_jpeg(const struct jpeg_spec *spec);

/* --- by hand --- */

/* Effect: appends bytes; grows picture. */
void pictures_append(struct picture *picture, const void *bytes, size_t size);
/* Effect: appends a chunk with its length and checksum. */
void pictures_chunk(struct picture *picture, const char *type, const void *bytes, size_t size);
/* Gives a PNG's signature and header alone (colour type as in the format). */
struct picture pictures_png_head(uint32_t width, uint32_t height, int depth, int colour_type, bool interlaced);
/* Gives zlib's stream of `size` equal bytes. */
struct picture pictures_zeros(size_t size);

#endif
