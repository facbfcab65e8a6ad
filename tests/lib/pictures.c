#include "pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

#include "base.h"

static const uint32_t colours[] = {[RED] = 0xff0000, [GREEN] = 0x00ff00, [BLUE] = 0x0000ff, [WHITE] = 0xffffff};
static const uint8_t greys[] = {[RED] = 0x33, [GREEN] = 0x99, [BLUE] = 0x66, [WHITE] = 0xff};

uint32_t pictures_colour(enum quarter quarter)
{
    return colours[quarter];
}

static enum quarter quarter_of(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    return (enum quarter)((2 * x >= width ? 1 : 0) + (2 * y >= height ? 2 : 0));
}

void pictures_append(struct picture *picture, const void *bytes, size_t size)
{
    picture->bytes = tb_realloc(picture->bytes, picture->size + size + 1, 1);
    if (size > 0)
        memcpy(picture->bytes + picture->size, bytes, size);
    picture->size += size;
}

/* --- PNG --- */

static void on_write(png_structp png, png_bytep bytes, size_t size)
{
    pictures_append(png_get_io_ptr(png), bytes, size);
}

static void on_flush(png_structp png)
{
    (void)png;
}

static int colour_type_of(enum png_kind kind)
{
    static const int types[] = {[PNG_RGB] = PNG_COLOR_TYPE_RGB,
                                [PNG_RGBA] = PNG_COLOR_TYPE_RGBA,
                                [PNG_GREY] = PNG_COLOR_TYPE_GRAY,
                                [PNG_GREY_ALPHA] = PNG_COLOR_TYPE_GRAY_ALPHA,
                                [PNG_PALETTE] = PNG_COLOR_TYPE_PALETTE};
    return types[kind];
}

/* Effect: one row of samples, packed as the format wants it. */
static void write_row(const struct png_spec *spec, int depth, uint32_t y, uint8_t *row)
{
    size_t bit = 0;
    for (uint32_t x = 0; x < spec->width; x++) {
        enum quarter quarter = quarter_of(x, y, spec->width, spec->height);
        uint8_t alpha = spec->see_through && 2 * x >= spec->width ? 0 : 255, samples[4];
        size_t count = 0;
        if (spec->kind == PNG_PALETTE) {
            samples[count++] = (uint8_t)quarter;
        } else if (spec->kind == PNG_RGB || spec->kind == PNG_RGBA) {
            for (int shift = 16; shift >= 0; shift -= 8)
                samples[count++] = (uint8_t)(colours[quarter] >> shift);
        } else {
            samples[count++] = (uint8_t)(greys[quarter] >> (depth < 8 ? 8 - depth : 0));
        }
        if (spec->kind == PNG_RGBA || spec->kind == PNG_GREY_ALPHA)
            samples[count++] = alpha;
        for (size_t i = 0; i < count; i++, bit += (size_t)depth) {
            if (depth == 16)
                row[bit / 8] = row[bit / 8 + 1] = samples[i];
            else
                row[bit / 8] = (uint8_t)(row[bit / 8] | samples[i] << (8 - (size_t)depth - bit % 8));
        }
    }
}

static void set_extras(const struct png_spec *spec, int depth, png_structp png, png_infop info)
{
    if (spec->kind == PNG_PALETTE) {
        png_color palette[4];
        png_byte opacity[4] = {255, 255, 255, 0};
        for (int i = 0; i < 4; i++)
            palette[i] = (png_color){(png_byte)(colours[i] >> 16), (png_byte)(colours[i] >> 8), (png_byte)colours[i]};
        png_set_PLTE(png, info, palette, 4);
        if (spec->see_through)
            png_set_tRNS(png, info, opacity, 4, NULL);
    } else if (spec->see_through && (spec->kind == PNG_GREY || spec->kind == PNG_RGB)) {
        png_uint_16 most = (png_uint_16)((1u << depth) - 1);
        png_color_16 white = {.red = most, .green = most, .blue = most, .gray = most};
        png_set_tRNS(png, info, NULL, 0, &white);
    }
}

struct picture pictures_png(const struct png_spec *spec)
{
    struct picture picture = {0};
    int depth = spec->depth == 0 ? 8 : spec->depth;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &picture, on_write, on_flush);
    png_set_compression_level(png, 9);
    png_set_IHDR(png, info, spec->width, spec->height, depth, colour_type_of(spec->kind),
                 spec->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    set_extras(spec, depth, png, info);
    png_write_info(png, info);
    size_t row_bytes = (size_t)spec->width * 8;
    uint8_t *pixels = tb_alloc_zero(spec->height, row_bytes);
    png_bytep *rows = tb_alloc_zero(spec->height, sizeof *rows);
    for (uint32_t y = 0; y < spec->height; y++) {
        rows[y] = pixels + y * row_bytes;
        write_row(spec, depth, y, rows[y]);
    }
    png_write_image(png, rows);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    free(pixels), free(rows);
    return picture;
}

static void append_number(struct picture *picture, uint32_t number)
{
    uint8_t bytes[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
    pictures_append(picture, bytes, sizeof bytes);
}

void pictures_chunk(struct picture *picture, const char *type, const void *bytes, size_t size)
{
    append_number(picture, (uint32_t)size);
    size_t begin = picture->size;
    pictures_append(picture, type, 4);
    pictures_append(picture, bytes, size);
    append_number(picture, (uint32_t)crc32(0, picture->bytes + begin, (uInt)(picture->size - begin)));
}

struct picture pictures_png_head(uint32_t width, uint32_t height, int depth, int colour_type, bool interlaced)
{
    struct picture picture = {0}, header = {0};
    uint8_t rest[] = {(uint8_t)depth, (uint8_t)colour_type, 0, 0, interlaced};
    append_number(&header, width);
    append_number(&header, height);
    pictures_append(&header, rest, sizeof rest);
    pictures_append(&picture, "\x89PNG\r\n\x1a\n", 8);
    pictures_chunk(&picture, "IHDR", header.bytes, header.size);
    free(header.bytes);
    return picture;
}

struct picture pictures_zeros(size_t size)
{
    uLongf length = compressBound(size);
    uint8_t *zeros = tb_alloc_zero(size, 1);
    struct picture stream = {.bytes = tb_alloc_zero(length, 1)};
    tb_assert(compress2(stream.bytes, &length, zeros, size, 9) == Z_OK);
    stream.size = length;
    free(zeros);
    return stream;
}

/* --- JPEG --- */

static void write_exif(j_compress_ptr jpeg, const struct jpeg_spec *spec)
{
    uint8_t intel[] = {'E',  'x', 'i',  'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, /* the directory's place */
                       2,    0,   0x0f, 1,   2, 0, 0,   0,   0,  0, 0, 0, 0, 0, /* a maker's name, empty */
                       0x12, 1,   3,    0,   1, 0, 0,   0,   0,  0, 0, 0, 0, 0, 0, 0};
    uint8_t motorola[] = {'E', 'x', 'i', 'f', 0, 0, 'M', 'M',  0, 42, 0, 0, 0, 8, 0, 2, 1, 0x0f, 0, 2, 0, 0,
                          0,   0,   0,   0,   0, 0, 1,   0x12, 0, 3,  0, 0, 0, 1, 0, 0, 0, 0,    0, 0, 0, 0};
    intel[36] = (uint8_t)spec->orientation;
    motorola[37] = (uint8_t)spec->orientation;
    if (spec->motorola)
        jpeg_write_marker(jpeg, JPEG_APP0 + 1, motorola, sizeof motorola);
    else
        jpeg_write_marker(jpeg, JPEG_APP0 + 1, intel, sizeof intel);
}

static void set_colours(j_compress_ptr jpeg, const struct jpeg_spec *spec)
{
    bool is_print = spec->kind != JPEG_COLOUR && spec->kind != JPEG_GREY;
    jpeg->input_components = is_print ? 4 : spec->kind == JPEG_GREY ? 1 : 3;
    jpeg->in_color_space = is_print ? JCS_CMYK : spec->kind == JPEG_GREY ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(jpeg);
    if (spec->kind == JPEG_YCCK)
        jpeg_set_colorspace(jpeg, JCS_YCCK);
    if (spec->kind == JPEG_CMYK_PLAIN)
        jpeg->write_Adobe_marker = FALSE;
}

static void jpeg_row(const struct jpeg_spec *spec, uint32_t y, uint8_t *row)
{
    bool inverted = spec->kind == JPEG_CMYK || spec->kind == JPEG_YCCK;
    for (uint32_t x = 0; x < spec->width; x++) {
        enum quarter quarter = quarter_of(x, y, spec->width, spec->height);
        if (spec->kind == JPEG_GREY) {
            *row++ = greys[quarter];
            continue;
        }
        for (int shift = 16; shift >= 0; shift -= 8) {
            uint8_t light = (uint8_t)(colours[quarter] >> shift);
            *row++ = spec->kind == JPEG_COLOUR || inverted ? light : (uint8_t)(255 - light);
        }
        if (spec->kind != JPEG_COLOUR)
            *row++ = inverted ? 255 : 0; /* no black */
    }
}

struct picture pictures_jpeg(const struct jpeg_spec *spec)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &size);
    jpeg.image_width = spec->width;
    jpeg.image_height = spec->height;
    set_colours(&jpeg, spec);
    jpeg_set_quality(&jpeg, 90, TRUE);
    if (spec->progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    if (spec->orientation != 0)
        write_exif(&jpeg, spec);
    uint8_t *row = tb_alloc_zero(spec->width, 4);
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW rows[] = {row};
        jpeg_row(spec, jpeg.next_scanline, row);
        (void)jpeg_write_scanlines(&jpeg, rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(row);
    return (struct picture){bytes, size};
}
