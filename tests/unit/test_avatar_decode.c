/* Pictures of every kind, whole, damaged and hostile, through the decoder as the worker calls it. */
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "check_main.h"
#include "clock.h"
#include "persona/avatar/decode.h"
#include "persona/avatar/png_picture.h"
#include "pictures.h"

static uint8_t rgba[AVATAR_RGBA_BYTES];

static enum avatar_status decode(const struct picture *picture)
{
    memset(rgba, 0x55, sizeof rgba);
    uint8_t *exact = malloc(picture->size + 1); /* so that the sanitizer sees a read beyond */
    memcpy(exact, picture->bytes, picture->size);
    exact = realloc(exact, picture->size > 0 ? picture->size : 1);
    enum avatar_status status = avatar_decode(exact, picture->size, AVATAR_SIDE_MAX, rgba);
    free(exact);
    return status;
}

static enum avatar_status decode_and_free(struct picture picture)
{
    enum avatar_status status = decode(&picture);
    free(picture.bytes);
    return status;
}

static const uint8_t *pixel(int x, int y)
{
    return rgba + (y * AVATAR_SIDE + x) * 4;
}

/* --- the shape --- */

static void holds_the_circle(void)
{
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pixel(i % 2 * 127, i / 2 * 127)[3], 0);
    int between = 0;
    for (int y = 0; y < AVATAR_SIDE; y++) {
        for (int x = 0; x < AVATAR_SIDE; x++) {
            int dx = 2 * x - 127, dy = 2 * y - 127, square = dx * dx + dy * dy, alpha = pixel(x, y)[3];
            if (square >= 130 * 130)
                check_quick(alpha == 0);
            if (square <= 126 * 126)
                check_quick(alpha == 255);
            between += alpha > 0 && alpha < 255;
            /* Nothing but opacity changes from left to right in the upper half until the middle. */
            if (x > 0 && x < 64)
                check_quick(alpha >= pixel(x - 1, y)[3]);
            check_quick(alpha == pixel(127 - x, y)[3] && alpha == pixel(y, x)[3]);
        }
    }
    ck_assert_int_gt(between, 200); /* a smooth edge: some 400 pixels long */
    ck_assert_int_lt(between, 700);
}

/* Effect: expects the four quarters, in reading order. */
static void shows(const enum quarter expected[4], int tolerance)
{
    for (int i = 0; i < 4; i++) {
        const uint8_t *at = pixel(i % 2 == 0 ? 40 : 88, i / 2 == 0 ? 40 : 88);
        uint32_t colour = pictures_colour(expected[i]);
        for (int channel = 0; channel < 3; channel++)
            ck_assert_msg(abs(at[channel] - (int)(colour >> (16 - 8 * channel) & 255)) <= tolerance,
                          "quarter %d is %02x%02x%02x, not %06x", i, at[0], at[1], at[2], colour);
        ck_assert_int_eq(at[3], 255);
    }
}

static const enum quarter upright[] = {RED, GREEN, BLUE, WHITE};

static const struct png_spec colourful[] = {
    {300, 200, PNG_RGB, 8, false, false},    {300, 200, PNG_RGB, 16, false, false},
    {200, 300, PNG_RGBA, 8, false, false},   {128, 128, PNG_RGBA, 16, true, false},
    {301, 207, PNG_RGB, 8, true, false},     {64, 64, PNG_PALETTE, 8, false, false},
    {300, 200, PNG_PALETTE, 4, true, false}, {4096, 40, PNG_RGB, 8, false, false},
    {20, 4096, PNG_RGB, 8, false, false},    {2, 2, PNG_RGB, 8, false, false},
    {1100, 1030, PNG_RGB, 16, true, false},
};

START_TEST(a_png_of_any_kind_keeps_its_colours)
{
    ck_assert_int_eq((int)decode_and_free(pictures_png(&colourful[_i])), AVATAR_OK);
    holds_the_circle();
    shows(upright, colourful[_i].width == 2 ? 120 : 2); /* two pixels a side: the colours run into each other */
}
END_TEST

static const struct png_spec grey[] = {{300, 200, PNG_GREY, 8, false, false},
                                       {300, 200, PNG_GREY, 16, true, false},
                                       {300, 200, PNG_GREY, 4, false, false},
                                       {300, 200, PNG_GREY_ALPHA, 8, false, false}};

START_TEST(a_grey_png_stays_grey)
{
    static const int levels[] = {0x33, 0x99, 0x66, 0xff};
    ck_assert_int_eq((int)decode_and_free(pictures_png(&grey[_i])), AVATAR_OK);
    holds_the_circle();
    for (int i = 0; i < 4; i++) {
        const uint8_t *at = pixel(i % 2 == 0 ? 40 : 88, i / 2 == 0 ? 40 : 88);
        ck_assert_msg(abs(at[0] - levels[i]) <= 1 && at[1] == at[0] && at[2] == at[0], "%d: %d %d %d", i, at[0], at[1],
                      at[2]);
    }
}
END_TEST

START_TEST(one_bit_is_black_and_white)
{
    ck_assert_int_eq((int)decode_and_free(pictures_png(&(struct png_spec){50, 50, PNG_GREY, 1, false, false})),
                     AVATAR_OK);
    ck_assert_int_eq(pixel(40, 40)[0], 0);
    ck_assert_int_eq(pixel(88, 88)[0], 255);
}
END_TEST

static const struct png_spec transparent[] = {{300, 200, PNG_PALETTE, 8, false, true},
                                              {300, 200, PNG_RGB, 8, false, true},
                                              {300, 200, PNG_RGB, 16, false, true},
                                              {300, 200, PNG_GREY, 8, true, true},
                                              {300, 200, PNG_GREY, 4, false, true}};

START_TEST(what_trns_makes_transparent_is)
{
    ck_assert_int_eq((int)decode_and_free(pictures_png(&transparent[_i])), AVATAR_OK);
    ck_assert_int_eq(pixel(88, 88)[3], 0);
    ck_assert_int_eq(pixel(40, 40)[3], 255);
    ck_assert_int_eq(pixel(0, 0)[3], 0);
}
END_TEST

START_TEST(transparent_pixels_lend_no_colour_to_their_neighbours)
{
    ck_assert_int_eq((int)decode_and_free(pictures_png(&(struct png_spec){331, 331, PNG_RGBA, 8, false, true})),
                     AVATAR_OK);
    for (int x = 30; x < 98; x++) { /* red beside invisible green */
        const uint8_t *at = pixel(x, 40);
        if (at[3] > 8)
            ck_assert_msg(at[0] > 250 && at[1] < 5 && at[2] < 5, "x %d: %d %d %d %d", x, at[0], at[1], at[2], at[3]);
    }
    ck_assert_int_eq(pixel(30, 40)[3], 255);
    ck_assert_int_eq(pixel(98, 40)[3], 0);
}
END_TEST

START_TEST(one_pixel_fills_the_circle)
{
    ck_assert_int_eq((int)decode_and_free(pictures_png(&(struct png_spec){1, 1, PNG_RGB, 8, false, false})), AVATAR_OK);
    holds_the_circle();
    for (int i = 0; i < AVATAR_SIDE; i++)
        check_quick(memcmp(pixel(i, 64), "\xff\0\0", 3) == 0 || pixel(i, 64)[3] == 0);
}
END_TEST

START_TEST(the_middle_is_what_is_kept)
{
    /* A wide picture: its quarters meet in the middle, the far ends are cut off; one pixel more or less is seen. */
    ck_assert_int_eq((int)decode_and_free(pictures_png(&(struct png_spec){513, 128, PNG_RGB, 8, false, false})),
                     AVATAR_OK);
    ck_assert_int_eq(pixel(62, 32)[1], 0);
    ck_assert_int_eq(pixel(65, 32)[0], 0);
    ck_assert_int_gt(pixel(64, 32)[0] + pixel(64, 32)[1], 150); /* between two pixels of the source */
}
END_TEST

START_TEST(shrinking_averages_light_not_numbers)
{
    /* Half black, half white, pixel by pixel: as bright as sRGB 188, which a mean of numbers (128) misses. */
    struct picture picture = pictures_png_head(512, 512, 8, 0, false), rows = {0};
    for (int y = 0; y < 512; y++) {
        uint8_t row[513] = {0};
        for (int x = 0; x < 512; x++)
            row[x + 1] = (x + y) % 2 == 0 ? 255 : 0;
        pictures_append(&rows, row, sizeof row);
    }
    /* Stored, not compressed: by zlib's own rules. */
    struct picture stream = {0};
    pictures_append(&stream, "\x78\x01", 2);
    uint32_t a = 1, b = 0;
    for (size_t at = 0; at < rows.size; at += 65535) {
        size_t length = rows.size - at < 65535 ? rows.size - at : 65535;
        uint8_t head[] = {at + length == rows.size, (uint8_t)length, (uint8_t)(length >> 8), (uint8_t)~length,
                          (uint8_t)(~length >> 8)};
        pictures_append(&stream, head, sizeof head);
        pictures_append(&stream, rows.bytes + at, length);
    }
    for (size_t i = 0; i < rows.size; i++) {
        a = (a + rows.bytes[i]) % 65521;
        b = (b + a) % 65521;
    }
    uint8_t sum[] = {(uint8_t)(b >> 8), (uint8_t)b, (uint8_t)(a >> 8), (uint8_t)a};
    pictures_append(&stream, sum, sizeof sum);
    pictures_chunk(&picture, "IDAT", stream.bytes, stream.size);
    pictures_chunk(&picture, "IEND", NULL, 0);
    ck_assert_int_eq((int)decode_and_free(picture), AVATAR_OK);
    ck_assert_int_ge(pixel(64, 64)[0], 186);
    ck_assert_int_le(pixel(64, 64)[0], 190);
    free(rows.bytes), free(stream.bytes);
}
END_TEST

/* --- JPEG --- */

static const struct jpeg_spec jpegs[] = {
    {.width = 300, .height = 200},
    {.width = 300, .height = 200, .progressive = true},
    {.width = 300, .height = 200, .kind = JPEG_CMYK},
    {.width = 300, .height = 200, .kind = JPEG_CMYK_PLAIN},
    {.width = 300, .height = 200, .kind = JPEG_YCCK, .progressive = true},
    {.width = 2500, .height = 1800},
    {.width = 4096, .height = 4096, .progressive = true},
    {.width = 16, .height = 16},
};

START_TEST(a_jpeg_of_any_kind_keeps_its_colours)
{
    ck_assert_int_eq((int)decode_and_free(pictures_jpeg(&jpegs[_i])), AVATAR_OK);
    holds_the_circle();
    shows(upright, jpegs[_i].width == 16 ? 60 : 6);
}
END_TEST

START_TEST(a_grey_jpeg_stays_grey)
{
    ck_assert_int_eq(
        (int)decode_and_free(pictures_jpeg(&(struct jpeg_spec){.width = 90, .height = 90, .kind = JPEG_GREY})),
        AVATAR_OK);
    ck_assert(abs(pixel(40, 40)[0] - 0x33) <= 2 && pixel(40, 40)[1] == pixel(40, 40)[0]);
}
END_TEST

/* What is seen when a picture with red, green, blue, white in reading order is turned as EXIF says. */
static const enum quarter turned[][4] = {
    [1] = {RED, GREEN, BLUE, WHITE}, [2] = {GREEN, RED, WHITE, BLUE}, [3] = {WHITE, BLUE, GREEN, RED},
    [4] = {BLUE, WHITE, RED, GREEN}, [5] = {RED, BLUE, GREEN, WHITE}, [6] = {BLUE, RED, WHITE, GREEN},
    [7] = {WHITE, GREEN, BLUE, RED}, [8] = {GREEN, WHITE, RED, BLUE},
};

START_TEST(exif_turns_it)
{
    struct jpeg_spec spec = {.width = 300, .height = 200, .orientation = _i % 8 + 1, .motorola = _i >= 8};
    ck_assert_int_eq((int)decode_and_free(pictures_jpeg(&spec)), AVATAR_OK);
    shows(turned[spec.orientation], 6);
    holds_the_circle();
}
END_TEST

START_TEST(a_senseless_orientation_is_upright)
{
    static const int senseless[] = {9, 255};
    struct jpeg_spec spec = {.width = 100, .height = 100, .orientation = senseless[_i]};
    ck_assert_int_eq((int)decode_and_free(pictures_jpeg(&spec)), AVATAR_OK);
    shows(upright, 6);
}
END_TEST

/* --- sizes --- */

START_TEST(the_largest_are_taken)
{
    struct png_spec spec = {4096, 4096, PNG_PALETTE, 4, false, false};
    struct picture picture = pictures_png(&spec);
    ck_assert_uint_le(picture.size, AVATAR_PICTURE_MAX);
    ck_assert_int_eq((int)decode_and_free(picture), AVATAR_OK);
    shows(upright, 2);
    spec.interlaced = true; /* which takes all of it in memory */
    ck_assert_int_eq((int)decode_and_free(pictures_png(&spec)), AVATAR_OK);
    shows(upright, 2);
}
END_TEST

static const struct {
    uint32_t width, height;
    int png, jpeg;
} sizes[] = {{4097, 10, AVATAR_TOO_LARGE, AVATAR_TOO_LARGE},     {10, 4097, AVATAR_TOO_LARGE, AVATAR_TOO_LARGE},
             {20000, 20000, AVATAR_TOO_LARGE, AVATAR_TOO_LARGE}, {65535, 65535, AVATAR_TOO_LARGE, AVATAR_TOO_LARGE},
             {0x7fffffff, 0x7fffffff, AVATAR_TOO_LARGE, -1},     {0xffffffff, 1, AVATAR_UNDECODABLE, -1},
             {0, 10, AVATAR_UNDECODABLE, AVATAR_UNDECODABLE},    {10, 0, AVATAR_UNDECODABLE, AVATAR_UNDECODABLE}};

START_TEST(too_large_is_known_from_the_header_alone)
{
    int64_t began_us = clock_monotonic_us();
    ck_assert_int_eq((int)decode_and_free(pictures_png_head(sizes[_i].width, sizes[_i].height, 8, 2, false)),
                     sizes[_i].png);
    if (sizes[_i].jpeg >= 0) { /* a small one whose header says otherwise */
        struct picture picture = pictures_jpeg(&(struct jpeg_spec){.width = 16, .height = 16});
        for (size_t i = 2; i + 9 < picture.size; i++) {
            if (picture.bytes[i] != 0xff || picture.bytes[i + 1] != 0xc0)
                continue;
            uint8_t said[] = {(uint8_t)(sizes[_i].height >> 8), (uint8_t)sizes[_i].height,
                              (uint8_t)(sizes[_i].width >> 8), (uint8_t)sizes[_i].width};
            memcpy(picture.bytes + i + 5, said, sizeof said);
            break;
        }
        ck_assert_int_eq((int)decode_and_free(picture), sizes[_i].jpeg);
    }
    ck_assert_int_lt(clock_monotonic_us() - began_us, 10000000); /* nothing was made for four hundred million pixels */
}
END_TEST

/* --- damaged --- */

static struct picture victim(int which)
{
    switch (which) {
    case 0:
        return pictures_png(&(struct png_spec){60, 50, PNG_RGB, 8, false, false});
    case 1:
        return pictures_png(&(struct png_spec){60, 50, PNG_PALETTE, 8, true, true});
    case 2:
        return pictures_jpeg(&(struct jpeg_spec){.width = 60, .height = 50, .orientation = 6});
    default:
        return pictures_jpeg(&(struct jpeg_spec){.width = 60, .height = 50, .progressive = true});
    }
}

START_TEST(a_picture_cut_short_anywhere_is_refused)
{
    struct picture whole = victim(_i);
    ck_assert_int_eq((int)decode(&whole), AVATAR_OK);
    for (size_t size = 0; size < whole.size; size++) {
        struct picture cut = {whole.bytes, size};
        enum avatar_status status = decode(&cut);
        check_quick(status == (avatar_format_of(whole.bytes, size) == AVATAR_FORMAT_NONE ? AVATAR_UNSUPPORTED
                                                                                         : AVATAR_UNDECODABLE));
    }
    free(whole.bytes);
}
END_TEST

START_TEST(a_changed_byte_breaks_nothing_but_the_picture)
{
    struct picture whole = victim(_i);
    for (size_t at = 0; at < whole.size; at++) {
        uint8_t was = whole.bytes[at];
        for (int change = 0; change < 3; change++) {
            whole.bytes[at] = change == 0 ? 0 : change == 1 ? 0xff : (uint8_t)~was;
            enum avatar_status status = decode(&whole);
            check_quick(status == AVATAR_OK || (status >= AVATAR_UNSUPPORTED && status <= AVATAR_TOO_LARGE));
            if (status == AVATAR_OK)
                check_quick(pixel(0, 0)[3] == 0);
        }
        whole.bytes[at] = was;
    }
    free(whole.bytes);
}
END_TEST

START_TEST(what_is_no_picture_is_unsupported)
{
    static const char *const others[] = {"",
                                         "G",
                                         "GIF89a",
                                         "<svg xmlns='http://www.w3.org/2000/svg'/>",
                                         "RIFF....WEBP",
                                         "\x89PNG\r\n\x1a",
                                         "\xff\xd8",
                                         "\x89png\r\n\x1a\n",
                                         "BM",
                                         "%PDF-1.7"};
    struct picture picture = {0};
    pictures_append(&picture, others[_i], strlen(others[_i]));
    ck_assert_int_eq((int)decode_and_free(picture), AVATAR_UNSUPPORTED);
}
END_TEST

START_TEST(the_right_beginning_and_then_garbage_is_undecodable)
{
    struct picture picture = {0};
    uint8_t garbage[4096];
    uint32_t state = 12345 + (uint32_t)_i;
    for (size_t i = 0; i < sizeof garbage; i++) {
        state = state * 1103515245 + 12345;
        garbage[i] = (uint8_t)(state >> 16);
    }
    pictures_append(&picture, _i % 2 == 0 ? "\x89PNG\r\n\x1a\n" : "\xff\xd8\xff\xe0", _i % 2 == 0 ? 8 : 4);
    pictures_append(&picture, garbage, sizeof garbage);
    ck_assert_int_eq((int)decode_and_free(picture), AVATAR_UNDECODABLE);
}
END_TEST

/* --- hostile --- */

/* Gives a PNG of 1×1 with a chunk before its pixels. */
static struct picture with_chunk(const char *type, const struct picture *content)
{
    struct picture picture = pictures_png_head(1, 1, 8, 2, false), pixels = pictures_zeros(4);
    pictures_chunk(&picture, type, content->bytes, content->size);
    pictures_chunk(&picture, "IDAT", pixels.bytes, pixels.size);
    pictures_chunk(&picture, "IEND", NULL, 0);
    free(pixels.bytes);
    return picture;
}

static const char *const bombs[] = {"iCCP", "zTXt", "iTXt", "tEXt", "sPLT", "eXIf", "acTL", "fdAT", "xxXx"};

START_TEST(chunks_that_inflate_a_thousandfold_are_passed_over)
{
    struct picture content = {0}, zeros = pictures_zeros(32 << 20);
    pictures_append(&content, "name\0\0", strcmp(bombs[_i], "iTXt") == 0 ? 5 : 6);
    if (strcmp(bombs[_i], "iTXt") == 0)
        pictures_append(&content, "\1\0\0\0", 4);
    pictures_append(&content, zeros.bytes, zeros.size);
    int64_t began_us = clock_monotonic_us();
    ck_assert_int_eq((int)decode_and_free(with_chunk(bombs[_i], &content)), AVATAR_OK);
    ck_assert_int_lt(clock_monotonic_us() - began_us, 5000000);
    free(content.bytes), free(zeros.bytes);
}
END_TEST

START_TEST(pixels_that_inflate_beyond_the_picture_are_not_read)
{
    struct picture picture = pictures_png_head(4, 4, 8, 2, false), zeros = pictures_zeros(32 << 20);
    pictures_chunk(&picture, "IDAT", zeros.bytes, zeros.size);
    pictures_chunk(&picture, "IEND", NULL, 0);
    int64_t began_us = clock_monotonic_us();
    enum avatar_status status = decode_and_free(picture);
    ck_assert(status == AVATAR_OK || status == AVATAR_UNDECODABLE);
    ck_assert_int_lt(clock_monotonic_us() - began_us, 5000000);
    free(zeros.bytes);
}
END_TEST

START_TEST(a_chunk_longer_than_the_file_is_refused)
{
    struct picture picture = pictures_png_head(4, 4, 8, 2, false);
    pictures_append(&picture, "\x7f\xff\xff\xffIDAT", 8);
    ck_assert_int_eq((int)decode_and_free(picture), AVATAR_UNDECODABLE);
}
END_TEST

START_TEST(more_scans_than_any_camera_makes_are_refused)
{
    /* The last scan of a progressive picture, a thousand times over: each costs a pass over all of it. */
    struct picture whole = pictures_jpeg(&(struct jpeg_spec){.width = 2048, .height = 2048, .progressive = true});
    size_t scan = 0;
    for (size_t i = 0; i + 1 < whole.size; i++) {
        if (whole.bytes[i] == 0xff && whole.bytes[i + 1] == 0xda)
            scan = i;
    }
    struct picture many = {0};
    pictures_append(&many, whole.bytes, whole.size - 2);
    for (int i = 0; i < 1000 && many.size < AVATAR_PICTURE_MAX; i++)
        pictures_append(&many, whole.bytes + scan, whole.size - 2 - scan);
    pictures_append(&many, "\xff\xd9", 2);
    int64_t began_us = clock_monotonic_us();
    ck_assert_int_eq((int)decode_and_free(many), AVATAR_UNDECODABLE);
    ck_assert_int_lt(clock_monotonic_us() - began_us, 20000000);
    free(whole.bytes);
}
END_TEST

START_TEST(of_an_animation_the_still_picture_is_taken)
{
    struct picture still = pictures_png(&(struct png_spec){60, 60, PNG_RGB, 8, false, false}), picture = {0};
    static const uint8_t frames[] = {0, 0, 0, 2, 0, 0, 0, 0};
    static const uint8_t frame[26] = {0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 60};
    pictures_append(&picture, still.bytes, 33);
    pictures_chunk(&picture, "acTL", frames, sizeof frames);
    pictures_chunk(&picture, "fcTL", frame, sizeof frame);
    pictures_append(&picture, still.bytes + 33, still.size - 33 - 12);
    pictures_chunk(&picture, "fdAT", "\0\0\0\1nonsense", 12);
    pictures_chunk(&picture, "IEND", NULL, 0);
    ck_assert_int_eq((int)decode_and_free(picture), AVATAR_OK);
    shows(upright, 2);
    free(still.bytes);
}
END_TEST

/* --- out again --- */

START_TEST(what_is_stored_reads_back_the_same)
{
    uint8_t first[AVATAR_RGBA_BYTES];
    ck_assert_int_eq((int)decode_and_free(pictures_jpeg(&(struct jpeg_spec){.width = 300, .height = 200})), AVATAR_OK);
    memcpy(first, rgba, sizeof first);
    size_t size = 0, again_size = 0;
    uint8_t *bytes = png_picture_write(first, &size), *again = png_picture_write(first, &again_size);
    ck_assert_uint_eq(size, again_size); /* so the same picture has the same name */
    ck_assert_mem_eq(bytes, again, size);
    free(again);
    /* A stored avatar, uploaded: only the edge fades a little more. */
    ck_assert_int_eq((int)decode_and_free((struct picture){bytes, size}), AVATAR_OK);
    for (int i = 0; i < 4; i++) {
        const uint8_t *at = pixel(40 + i * 12, 50);
        ck_assert(memcmp(at, first + (at - rgba), 4) == 0);
    }
}
END_TEST

CHECK_MAIN("avatar_decode", tcase_set_timeout(cases, 120);
           tcase_add_loop_test(cases, a_png_of_any_kind_keeps_its_colours, 0, (int)TB_ARRAY_SIZE(colourful));
           tcase_add_loop_test(cases, a_grey_png_stays_grey, 0, (int)TB_ARRAY_SIZE(grey));
           tcase_add_test(cases, one_bit_is_black_and_white);
           tcase_add_loop_test(cases, what_trns_makes_transparent_is, 0, (int)TB_ARRAY_SIZE(transparent));
           tcase_add_test(cases, transparent_pixels_lend_no_colour_to_their_neighbours);
           tcase_add_test(cases, one_pixel_fills_the_circle); tcase_add_test(cases, the_middle_is_what_is_kept);
           tcase_add_test(cases, shrinking_averages_light_not_numbers);
           tcase_add_loop_test(cases, a_jpeg_of_any_kind_keeps_its_colours, 0, (int)TB_ARRAY_SIZE(jpegs));
           tcase_add_test(cases, a_grey_jpeg_stays_grey); tcase_add_loop_test(cases, exif_turns_it, 0, 16);
           tcase_add_loop_test(cases, a_senseless_orientation_is_upright, 0, 2);
           tcase_add_test(cases, the_largest_are_taken);
           tcase_add_loop_test(cases, too_large_is_known_from_the_header_alone, 0, (int)TB_ARRAY_SIZE(sizes));
           tcase_add_loop_test(cases, a_picture_cut_short_anywhere_is_refused, 0, 4);
           tcase_add_loop_test(cases, a_changed_byte_breaks_nothing_but_the_picture, 0, 4);
           tcase_add_loop_test(cases, what_is_no_picture_is_unsupported, 0, 10);
           tcase_add_loop_test(cases, the_right_beginning_and_then_garbage_is_undecodable, 0, 6);
           tcase_add_loop_test(cases, chunks_that_inflate_a_thousandfold_are_passed_over, 0, (int)TB_ARRAY_SIZE(bombs));
           tcase_add_test(cases, pixels_that_inflate_beyond_the_picture_are_not_read);
           tcase_add_test(cases, a_chunk_longer_than_the_file_is_refused);
           tcase_add_test(cases, more_scans_than_any_camera_makes_are_refused);
           tcase_add_test(cases, of_an_animation_the_still_picture_is_taken);
           tcase_add_test(cases, what_is_stored_reads_back_the_same);)
