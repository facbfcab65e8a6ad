#include "shrink.h"

#include <math.h>
#include <stdlib.h>

#include "base.h"

enum { CHANNELS = 4, WEIGHT_ONE = 1 << 14, LIGHT_MAX = 65535 };
/* A larger picture is averaged by whole boxes first: the filter, which does the rest, would see no difference. */
enum { ENOUGH = AVATAR_SIDE * 4 };

/* What of a line of the source, a row or a column, makes one pixel of the avatar. */
struct taps {
    uint32_t first, count;
    const int32_t *weights; /* their sum is WEIGHT_ONE */
};

struct axis {
    struct taps taps[AVATAR_SIDE];
    int32_t *weights;
};

struct shrink {
    uint32_t box;              /* pixels a side that are averaged */
    uint32_t rows, rows_left;  /* of the source: taken so far, still to come */
    uint32_t skip_x, skip_y;   /* pixels at the left and top that fill no box */
    uint32_t width, height, y; /* in boxes; how many rows of them are done */
    struct axis across, down;
    uint16_t light[256]; /* sRGB to linear light */
    uint32_t *sums;      /* [width][CHANNELS]: of the present row of boxes */
    uint16_t *row;       /* the same, averaged: linear light, weighed by its opacity */
    uint16_t *narrow;    /* [height][AVATAR_SIDE][CHANNELS]: resampled across */
};

static double light_of(double srgb)
{
    return srgb <= 0.04045 ? srgb / 12.92 : pow((srgb + 0.055) / 1.055, 2.4);
}

static double srgb_of(double light)
{
    return light <= 0.0031308 ? light * 12.92 : 1.055 * pow(light, 1 / 2.4) - 0.055;
}

/* Catmull-Rom: 1 in the middle, 0 from two pixels on. */
static double filter(double x)
{
    x = fabs(x);
    if (x < 1)
        return 1 - x * x * (2.5 - 1.5 * x);
    return x < 2 ? 2 - x * (4 - x * (2.5 - 0.5 * x)) : 0;
}

/* Effect: rounds weights so that their sum is WEIGHT_ONE: a plain area keeps its colour to the last bit. */
static void round_weights(const double *exact, double sum, uint32_t count, int32_t *weights)
{
    int32_t left = WEIGHT_ONE;
    uint32_t largest = 0;
    for (uint32_t i = 0; i < count; i++) {
        weights[i] = (int32_t)lround(exact[i] / sum * WEIGHT_ONE);
        left -= weights[i];
        if (weights[i] > weights[largest])
            largest = i;
    }
    weights[largest] += left;
}

/* Effect: the filter for the middle `side` of `length` pixels. */
static void axis_init(struct axis *axis, uint32_t length, uint32_t side)
{
    double step = (double)side / AVATAR_SIDE, widen = step > 1 ? step : 1, begin = (length - side) / 2.0;
    uint32_t taps_max = (uint32_t)ceil(4 * widen) + 2;
    double *exact = tb_alloc_zero(taps_max, sizeof *exact);
    axis->weights = tb_alloc_zero((size_t)taps_max * AVATAR_SIDE, sizeof *axis->weights);
    for (uint32_t i = 0; i < AVATAR_SIDE; i++) {
        double middle = begin + (i + 0.5) * step, sum = 0;
        double low = floor(middle - 2 * widen), high = ceil(middle + 2 * widen);
        uint32_t first = low < 0 ? 0 : (uint32_t)low, last = high > length ? length : (uint32_t)high;
        tb_assert(last > first && last - first <= taps_max);
        for (uint32_t at = first; at < last; at++) {
            exact[at - first] = filter((at + 0.5 - middle) / widen);
            sum += exact[at - first];
        }
        int32_t *weights = axis->weights + (size_t)i * taps_max;
        round_weights(exact, sum, last - first, weights);
        axis->taps[i] = (struct taps){first, last - first, weights};
    }
    free(exact);
}

struct shrink *shrink_new(uint32_t width, uint32_t height)
{
    tb_assert(width > 0 && height > 0 && width <= 65535 && height <= 65535);
    struct shrink *shrink = tb_alloc_zero(1, sizeof *shrink);
    uint32_t side = width < height ? width : height;
    shrink->box = side < ENOUGH ? 1 : side / ENOUGH;
    shrink->rows_left = height;
    shrink->width = width / shrink->box;
    shrink->height = height / shrink->box;
    shrink->skip_x = width % shrink->box / 2;
    shrink->skip_y = height % shrink->box / 2;
    axis_init(&shrink->across, shrink->width, side / shrink->box);
    axis_init(&shrink->down, shrink->height, side / shrink->box);
    for (int i = 0; i < 256; i++)
        shrink->light[i] = (uint16_t)lround(light_of(i / 255.0) * LIGHT_MAX);
    shrink->sums = tb_alloc_zero((size_t)shrink->width * CHANNELS, sizeof *shrink->sums);
    shrink->row = tb_alloc_zero((size_t)shrink->width * CHANNELS, sizeof *shrink->row);
    shrink->narrow = tb_alloc_zero((size_t)shrink->height * AVATAR_SIDE * CHANNELS, sizeof *shrink->narrow);
    return shrink;
}

void shrink_free(struct shrink **shrink)
{
    if (*shrink == NULL)
        return;
    free((*shrink)->across.weights);
    free((*shrink)->down.weights);
    free((*shrink)->sums);
    free((*shrink)->row);
    free((*shrink)->narrow);
    free(*shrink);
    *shrink = NULL;
}

static uint16_t rounded(int64_t weighed)
{
    int64_t value = (weighed + WEIGHT_ONE / 2) / WEIGHT_ONE;
    return (uint16_t)(value < 0 ? 0 : value > LIGHT_MAX ? LIGHT_MAX : value);
}

/* Effect: the sums of count pixels that are `stride` values apart, by their weights. */
static void weigh(const uint16_t *from, size_t stride, const struct taps *taps, uint16_t to[CHANNELS])
{
    int64_t sums[CHANNELS] = {0};
    for (uint32_t i = 0; i < taps->count; i++, from += stride) {
        for (int channel = 0; channel < CHANNELS; channel++)
            sums[channel] += (int64_t)taps->weights[i] * from[channel];
    }
    for (int channel = 0; channel < CHANNELS; channel++)
        to[channel] = rounded(sums[channel]);
}

/* Effect: adds a row's pixels to their boxes, those that the filter looks at. */
static void add_row(struct shrink *shrink, const uint8_t *rgba)
{
    uint32_t first = shrink->across.taps[0].first;
    uint32_t last = shrink->across.taps[AVATAR_SIDE - 1].first + shrink->across.taps[AVATAR_SIDE - 1].count;
    const uint8_t *pixel = rgba + ((size_t)first * shrink->box + shrink->skip_x) * CHANNELS;
    for (uint32_t x = first; x < last; x++) {
        uint32_t *to = shrink->sums + (size_t)x * CHANNELS;
        for (uint32_t i = 0; i < shrink->box; i++, pixel += CHANNELS) {
            uint32_t alpha = pixel[3];
            for (int channel = 0; channel < 3; channel++)
                to[channel] +=
                    alpha == 255 ? shrink->light[pixel[channel]] : (shrink->light[pixel[channel]] * alpha + 127) / 255;
            to[3] += alpha * 257;
        }
    }
}

/* Effect: a row of boxes is whole: averages and resamples it. */
static void finish_row(struct shrink *shrink)
{
    uint32_t count = shrink->box * shrink->box;
    for (size_t i = 0; i < (size_t)shrink->width * CHANNELS; i++) {
        shrink->row[i] = (uint16_t)((shrink->sums[i] + count / 2) / count);
        shrink->sums[i] = 0;
    }
    uint16_t *narrow = shrink->narrow + (size_t)shrink->y++ * AVATAR_SIDE * CHANNELS;
    for (uint32_t x = 0; x < AVATAR_SIDE; x++) {
        const struct taps *taps = &shrink->across.taps[x];
        weigh(shrink->row + (size_t)taps->first * CHANNELS, CHANNELS, taps, narrow + (size_t)x * CHANNELS);
    }
}

void shrink_row(struct shrink *shrink, const uint8_t *rgba)
{
    tb_assert(shrink->rows_left > 0);
    shrink->rows_left--;
    uint32_t at = shrink->rows++;
    if (at < shrink->skip_y || shrink->y == shrink->height)
        return;
    add_row(shrink, rgba);
    if ((at - shrink->skip_y) % shrink->box == shrink->box - 1)
        finish_row(shrink);
}

/* Return: how much of a pixel lies in the circle, 0 … 1: its distance to the edge, which runs nearly straight through
 * it. */
static double coverage(uint32_t x, uint32_t y)
{
    double radius = AVATAR_SIDE / 2.0, inside = radius + 0.5 - hypot(x + 0.5 - radius, y + 0.5 - radius);
    return inside < 0 ? 0 : inside > 1 ? 1 : inside;
}

/* Effect: which pixel of the picture as it lies there belongs at x, y once it is turned. */
static void turn(int orientation, uint32_t *x, uint32_t *y)
{
    const uint32_t last = AVATAR_SIDE - 1, from_x = *x, from_y = *y;
    bool swaps = orientation >= 5 && orientation <= 8;
    if (swaps) {
        *x = from_y;
        *y = from_x;
    }
    if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
        *x = last - *x;
    if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
        *y = last - *y;
}

void shrink_finish(const struct shrink *shrink, int orientation, uint8_t rgba[AVATAR_RGBA_BYTES])
{
    tb_assert(shrink->rows_left == 0 && shrink->y == shrink->height);
    for (uint32_t i = 0; i < AVATAR_SIDE * AVATAR_SIDE; i++) {
        uint32_t x = i % AVATAR_SIDE, y = i / AVATAR_SIDE;
        double covered = coverage(x, y);
        uint16_t pixel[CHANNELS];
        turn(orientation, &x, &y);
        const struct taps *taps = &shrink->down.taps[y];
        weigh(shrink->narrow + ((size_t)taps->first * AVATAR_SIDE + x) * CHANNELS, AVATAR_SIDE * CHANNELS, taps, pixel);
        uint8_t *to = rgba + (size_t)i * CHANNELS;
        to[3] = (uint8_t)lround(pixel[3] * covered / 257);
        for (int channel = 0; channel < 3; channel++) {
            double light = pixel[3] == 0 ? 0 : (double)pixel[channel] / pixel[3];
            to[channel] = to[3] == 0 ? 0 : (uint8_t)lround(255 * srgb_of(light > 1 ? 1 : light));
        }
    }
}
