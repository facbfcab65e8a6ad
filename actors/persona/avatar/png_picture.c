#include "png_picture.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "shrink.h"

enum { SIGNATURE_BYTES = 8, IHDR_END = 33, CHANNELS = 4, SIDE_OF_FORMAT_MAX = 0x7fffffff };

struct reading {
    const uint8_t *bytes;
    size_t size, at;
    png_structp png;
    png_infop info;
    struct shrink *shrink;
    uint8_t *pixels; /* a row, or all of an interlaced picture */
    png_bytep *rows;
};

static void on_error(png_structp png, png_const_charp text)
{
    (void)text;
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep to, size_t size)
{
    struct reading *reading = png_get_io_ptr(png);
    if (size > reading->size - reading->at)
        png_error(png, "cut short");
    memcpy(to, reading->bytes + reading->at, size);
    reading->at += size;
}

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Return: what the header says of the size, before anything is made for it. */
static enum avatar_status check_size(const uint8_t *bytes, size_t size, uint32_t side_max)
{
    static const uint8_t ihdr[] = {0, 0, 0, 13, 'I', 'H', 'D', 'R'};
    if (size < IHDR_END || memcmp(bytes + SIGNATURE_BYTES, ihdr, sizeof ihdr) != 0)
        return AVATAR_UNDECODABLE;
    uint32_t width = big_endian(bytes + 16), height = big_endian(bytes + 20);
    if (width == 0 || height == 0 || width > SIDE_OF_FORMAT_MAX || height > SIDE_OF_FORMAT_MAX)
        return AVATAR_UNDECODABLE;
    return width > side_max || height > side_max ? AVATAR_TOO_LARGE : AVATAR_OK;
}

/* Effect: has everything passed over that does not change pixels: texts and profiles may be compressed a thousandfold.
 */
static void skip_chunks(png_structp png)
{
    static const png_byte names[] = "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0"
                                    "sRGB\0sTER\0tEXt\0tIME\0zTXt";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, names, (int)(sizeof names / 5));
}

/* Effect: whatever it is becomes 8-bit RGBA. */
static void set_transforms(png_structp png)
{
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
}

static void read_pixels(struct reading *reading, uint32_t width, uint32_t height, bool interlaced)
{
    size_t row_bytes = (size_t)width * CHANNELS;
    if (png_get_rowbytes(reading->png, reading->info) != row_bytes)
        png_error(reading->png, "not RGBA after all");
    uint32_t kept = interlaced ? height : 1;
    reading->pixels = calloc(kept, row_bytes);
    reading->rows = calloc(kept, sizeof *reading->rows);
    if (reading->pixels == NULL || reading->rows == NULL)
        png_error(reading->png, "out of memory");
    for (uint32_t y = 0; y < kept; y++)
        reading->rows[y] = reading->pixels + y * row_bytes;
    if (interlaced)
        png_read_image(reading->png, reading->rows);
    for (uint32_t y = 0; y < height; y++) {
        if (!interlaced)
            png_read_row(reading->png, reading->rows[0], NULL);
        shrink_row(reading->shrink, reading->rows[interlaced ? y : 0]);
    }
}

/* Effect: all that may fail. Return: false when it did. */
static bool read_all(struct reading *reading, uint32_t side_max)
{
    if (setjmp(png_jmpbuf(reading->png)) != 0)
        return false;
    png_set_read_fn(reading->png, reading, read_bytes);
    png_set_user_limits(reading->png, side_max, side_max);
    skip_chunks(reading->png);
    png_read_info(reading->png, reading->info);
    set_transforms(reading->png);
    bool interlaced = png_set_interlace_handling(reading->png) > 1;
    png_read_update_info(reading->png, reading->info);
    uint32_t width = png_get_image_width(reading->png, reading->info);
    uint32_t height = png_get_image_height(reading->png, reading->info);
    reading->shrink = shrink_new(width, height);
    read_pixels(reading, width, height, interlaced);
    png_read_end(reading->png, NULL); /* the file's end must be there */
    return true;
}

enum avatar_status png_picture_read(const uint8_t *bytes, size_t size, uint32_t side_max,
                                    uint8_t rgba[AVATAR_RGBA_BYTES])
{
    enum avatar_status status = check_size(bytes, size, side_max);
    if (status != AVATAR_OK)
        return status;
    struct reading reading = {.bytes = bytes, .size = size};
    reading.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
    reading.info = reading.png == NULL ? NULL : png_create_info_struct(reading.png);
    status = reading.info != NULL && read_all(&reading, side_max) ? AVATAR_OK : AVATAR_UNDECODABLE;
    if (status == AVATAR_OK)
        shrink_finish(reading.shrink, SHRINK_UPRIGHT, rgba);
    png_destroy_read_struct(&reading.png, &reading.info, NULL);
    shrink_free(&reading.shrink);
    free(reading.pixels);
    free(reading.rows);
    return status;
}

/* --- out --- */

struct writing {
    uint8_t *bytes;
    size_t size, capacity;
};

static void write_bytes(png_structp png, png_bytep from, size_t size)
{
    struct writing *writing = png_get_io_ptr(png);
    if (writing->size + size > writing->capacity) {
        writing->capacity = 2 * (writing->size + size);
        writing->bytes = tb_realloc(writing->bytes, writing->capacity, 1);
    }
    memcpy(writing->bytes + writing->size, from, size);
    writing->size += size;
}

static void write_flush(png_structp png)
{
    (void)png;
}

_Noreturn static void on_write_error(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
    tb_assert_failed("an avatar can be written", __FILE__, __LINE__); /* only when memory is out */
}

uint8_t *png_picture_write(const uint8_t rgba[AVATAR_RGBA_BYTES], size_t *size)
{
    struct writing writing = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, on_write_error, on_warning);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    tb_assert(info != NULL);
    png_set_write_fn(png, &writing, write_bytes, write_flush);
    png_set_IHDR(png, info, AVATAR_SIDE, AVATAR_SIDE, 8, PNG_COLOR_TYPE_RGBA, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, 9);
    png_write_info(png, info);
    for (size_t y = 0; y < AVATAR_SIDE; y++)
        png_write_row(png, rgba + y * AVATAR_SIDE * CHANNELS);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    *size = writing.size;
    return writing.bytes;
}
