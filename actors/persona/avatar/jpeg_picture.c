#include "jpeg_picture.h"

/* jpeglib.h needs FILE, and needs it first. */
#include <stdio.h>

#include <jerror.h>
#include <jpeglib.h>
#include <setjmp.h>
#include <stdlib.h>

#include "base.h"
#include "exif.h"
#include "shrink.h"

enum {
    SCANS_MAX = 64, /* progressive encoders make about ten; each costs a pass over the whole picture */
    MARKER_EXIF = JPEG_APP0 + 1,
    MARKER_MAX = 0xffff,
    ENOUGH = AVATAR_SIDE * 4, /* the decoder may halve a picture as long as its short side keeps this many pixels */
    CHANNELS = 4,
};

struct reading {
    struct jpeg_decompress_struct jpeg; /* first: the library's callbacks are given this */
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf out;
    struct shrink *shrink;
    uint8_t *line, *rgba; /* a row as decoded; the same as RGBA */
    int orientation;
};

/* jpeg is the first member. */
static struct reading *reading_of(j_common_ptr jpeg)
{
    return (struct reading *)jpeg;
}

_Noreturn static void on_error(j_common_ptr jpeg)
{
    longjmp(reading_of(jpeg)->out, 1);
}

/* What the library would only warn of (cut short, damaged) is an error, but for what does not touch the pixels. */
static void on_message(j_common_ptr jpeg, int level)
{
    int code = jpeg->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM && code != JWRN_TOO_MUCH_DATA)
        on_error(jpeg);
}

static void on_progress(j_common_ptr jpeg)
{
    if (jpeg->is_decompressor && reading_of(jpeg)->jpeg.input_scan_number > SCANS_MAX)
        on_error(jpeg);
}

static void find_orientation(struct reading *reading)
{
    reading->orientation = SHRINK_UPRIGHT;
    for (jpeg_saved_marker_ptr marker = reading->jpeg.marker_list; marker != NULL; marker = marker->next) {
        if (marker->marker == MARKER_EXIF && marker->data_length > 6 && marker->data[0] == 'E') {
            reading->orientation = exif_orientation(marker->data, marker->data_length);
            return;
        }
    }
}

/* Effect: chooses what is decoded to, and how small at once. */
static void set_output(struct jpeg_decompress_struct *jpeg)
{
    bool is_print = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    unsigned side = jpeg->image_width < jpeg->image_height ? jpeg->image_width : jpeg->image_height;
    jpeg->out_color_space = is_print ? JCS_CMYK : JCS_RGB;
    jpeg->scale_num = jpeg->scale_denom = 1;
    while (jpeg->scale_denom < 8 && side / (jpeg->scale_denom * 2) >= ENOUGH)
        jpeg->scale_denom *= 2;
    jpeg->dct_method = JDCT_ISLOW;
}

/* Effect: RGB or CMYK to RGBA. Whoever writes Adobe's marker stores CMYK inverted. */
static void to_rgba(const struct jpeg_decompress_struct *jpeg, const uint8_t *from, uint8_t *to)
{
    bool is_print = jpeg->out_color_space == JCS_CMYK, inverted = jpeg->saw_Adobe_marker;
    for (JDIMENSION x = 0; x < jpeg->output_width; x++, from += is_print ? 4 : 3, to += CHANNELS) {
        unsigned paper = !is_print ? 255 : inverted ? from[3] : 255u - from[3]; /* what the black lets through */
        for (int channel = 0; channel < 3; channel++) {
            unsigned light = !is_print || inverted ? from[channel] : 255u - from[channel];
            to[channel] = (uint8_t)((light * paper + 127) / 255);
        }
        to[3] = 255;
    }
}

static void read_pixels(struct reading *reading)
{
    struct jpeg_decompress_struct *jpeg = &reading->jpeg;
    reading->line = calloc(jpeg->output_width, CHANNELS);
    reading->rgba = calloc(jpeg->output_width, CHANNELS);
    if (reading->line == NULL || reading->rgba == NULL)
        on_error((j_common_ptr)jpeg);
    reading->shrink = shrink_new(jpeg->output_width, jpeg->output_height);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = reading->line;
        if (jpeg_read_scanlines(jpeg, &row, 1) != 1)
            on_error((j_common_ptr)jpeg);
        to_rgba(jpeg, reading->line, reading->rgba);
        shrink_row(reading->shrink, reading->rgba);
    }
}

/* Effect: all that may fail. */
static enum avatar_status read_all(struct reading *reading, const uint8_t *bytes, size_t size, uint32_t side_max)
{
    struct jpeg_decompress_struct *jpeg = &reading->jpeg;
    if (setjmp(reading->out) != 0)
        return reading->errors.msg_code == JERR_IMAGE_TOO_BIG ? AVATAR_TOO_LARGE : AVATAR_UNDECODABLE;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &reading->progress;
    jpeg_save_markers(jpeg, MARKER_EXIF, MARKER_MAX);
    jpeg_mem_src(jpeg, bytes, size);
    (void)jpeg_read_header(jpeg, TRUE);
    if (jpeg->image_width > side_max || jpeg->image_height > side_max)
        return AVATAR_TOO_LARGE;
    find_orientation(reading);
    set_output(jpeg);
    (void)jpeg_start_decompress(jpeg);
    if (jpeg->output_components != (jpeg->out_color_space == JCS_CMYK ? 4 : 3))
        return AVATAR_UNDECODABLE;
    read_pixels(reading);
    (void)jpeg_finish_decompress(jpeg); /* the file's end must be there */
    return AVATAR_OK;
}

enum avatar_status jpeg_picture_read(const uint8_t *bytes, size_t size, uint32_t side_max,
                                     uint8_t rgba[AVATAR_RGBA_BYTES])
{
    struct reading reading = {.progress.progress_monitor = on_progress};
    reading.jpeg.err = jpeg_std_error(&reading.errors);
    reading.errors.error_exit = on_error;
    reading.errors.emit_message = on_message;
    enum avatar_status status = read_all(&reading, bytes, size, side_max);
    if (status == AVATAR_OK)
        shrink_finish(reading.shrink, reading.orientation, rgba);
    jpeg_destroy_decompress(&reading.jpeg);
    shrink_free(&reading.shrink);
    free(reading.line);
    free(reading.rgba);
    return status;
}
