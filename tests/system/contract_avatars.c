/* Avatars over HTTP: uploads of every kind, what is served, every refusal, the seeds. */
#include "contract.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "pictures.h"

enum { PICTURE_MAX = 204800, SIDE = 128 };
#define AVATAR "/api/personas/oosterwijck/avatar"

static struct api_answer *put(const void *bytes, size_t size, const char *headers)
{
    return api_call_bytes(PORT, "PUT", AVATAR, bytes, size, headers);
}

/* Effect: uploads, expects 200, writes the URL into avatar_url (96 bytes), frees the picture. */
static void put_picture(struct picture picture, char *avatar_url)
{
    struct api_answer *answer = put(picture.bytes, picture.size, NULL);
    ck_assert_msg(answer->status == 200, "%s", answer->raw);
    ck_assert_int_eq(api_int(answer, "width"), SIDE);
    ck_assert_int_eq(api_int(answer, "height"), SIDE);
    ck_assert_uint_eq(json_object_size(answer->json), 4);
    (void)snprintf(avatar_url, 96, "%s", api_text(answer, "avatarUrl"));
    ck_assert_int_eq(strncmp(avatar_url, "/uploads/avatars/oosterwijck-", 29), 0);
    long bytes = api_int(answer, "bytes");
    api_free(&answer);
    answer = api_call(PORT, "HEAD", avatar_url, NULL, NULL);
    ck_assert_int_eq(strtol(api_header(answer, "Content-Length"), NULL, 10), bytes);
    api_free(&answer);
    free(picture.bytes);
}

/* Effect: fetches a PNG and decodes it into rgba (side × side × 4 bytes). */
static void fetch(const char *path, const char *cache, uint32_t side, uint8_t *rgba)
{
    struct api_answer *answer = api_call(PORT, "GET", path, NULL, NULL);
    ck_assert_msg(answer->status == 200, "%s: %.300s", path, answer->raw);
    ck_assert_str_eq(api_header(answer, "Content-Type"), "image/png");
    ck_assert_str_eq(api_header(answer, "X-Content-Type-Options"), "nosniff");
    ck_assert_str_eq(api_header(answer, "Cache-Control"), cache);
    png_image image = {.version = PNG_IMAGE_VERSION};
    size_t size = answer->raw_size - (size_t)(answer->body - answer->raw);
    ck_assert(png_image_begin_read_from_memory(&image, answer->body, size));
    ck_assert_uint_eq(image.width, side);
    ck_assert_uint_eq(image.height, side);
    image.format = PNG_FORMAT_RGBA;
    ck_assert(png_image_finish_read(&image, NULL, rgba, 0, NULL));
    api_free(&answer);
}

#define FOR_EVER "public, max-age=31536000, immutable"

/* --- what is taken --- */

START_TEST(an_upload_is_a_circle_that_everybody_sees_within_a_second)
{
    static uint8_t rgba[SIDE * SIDE * 4];
    char avatar_url[96], again[96], id[64], path[96];
    put_picture(pictures_jpeg(&(struct jpeg_spec){.width = 640, .height = 480, .orientation = 6, .progressive = true}),
                avatar_url);
    fetch(avatar_url, FOR_EVER, SIDE, rgba);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(rgba[((i / 2 * 127) * SIDE + i % 2 * 127) * 4 + 3], 0);
    static const enum quarter turned[] = {BLUE, RED, WHITE, GREEN};
    for (int i = 0; i < 4; i++) {
        const uint8_t *at = rgba + ((i / 2 == 0 ? 40 : 88) * SIDE + (i % 2 == 0 ? 40 : 88)) * 4;
        for (int channel = 0; channel < 3; channel++)
            ck_assert_int_le(abs(at[channel] - (int)(pictures_colour(turned[i]) >> (16 - 8 * channel) & 255)), 6);
        ck_assert_int_eq(at[3], 255);
    }
    /* The persona, a new order, an old order's page, the stream of events. */
    struct api_answer *answer = api_wait(PORT, "/api/personas/oosterwijck", "avatarUrl", avatar_url);
    ck_assert_str_eq(api_text(answer, "avatarUrl"), avatar_url);
    api_free(&answer);
    answer = contract_post("avatar-1", "\"userId\":\"oosterwijck\",\"side\":\"BUY\",\"quantity\":1,\"price\":\"1.00\"");
    ck_assert_str_eq(api_text(answer, "persona.avatarUrl"), avatar_url);
    (void)snprintf(id, sizeof id, "%s", api_text(answer, "orderId"));
    api_free(&answer);
    put_picture(pictures_png(&(struct png_spec){50, 60, PNG_RGBA, 8, true, true}), again);
    ck_assert_str_ne(again, avatar_url);
    (void)snprintf(path, sizeof path, "/api/orders/%s", id);
    answer = api_wait(PORT, path, "persona.avatarUrl", again);
    ck_assert_str_eq(api_text(answer, "persona.avatarUrl"), again);
    api_free(&answer);
    answer = api_call(PORT, "GET", "/api/events?stream=ops&userId=oosterwijck&limit=1000", NULL, NULL);
    json_t *items = api_at(answer, "items"), *last = json_array_get(items, json_array_size(items) - 1);
    ck_assert_str_eq(json_string_value(json_object_get(last, "type")), "PersonaUpdated");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(last, "payload"), "avatarUrl")), again);
    api_free(&answer);
}
END_TEST

START_TEST(the_same_picture_has_the_same_address)
{
    struct png_spec spec = {90, 70, PNG_PALETTE, 4, false, true};
    char one[96], two[96], three[96];
    put_picture(pictures_png(&spec), one);
    put_picture(pictures_png(&spec), two);
    spec.width = 50;
    put_picture(pictures_png(&spec), three);
    ck_assert_str_eq(one, two);
    ck_assert_str_ne(one, three);
}
END_TEST

START_TEST(every_kind_is_taken)
{
    static const struct jpeg_spec jpegs[] = {{.width = 200, .height = 100, .kind = JPEG_CMYK},
                                             {.width = 200, .height = 100, .kind = JPEG_YCCK},
                                             {.width = 200, .height = 100, .kind = JPEG_GREY},
                                             {.width = 200, .height = 100, .progressive = true}};
    static const struct png_spec pngs[] = {{1, 1, PNG_RGB, 8, false, false},
                                           {200, 100, PNG_RGB, 16, true, false},
                                           {200, 100, PNG_PALETTE, 8, false, true},
                                           {4096, 4096, PNG_PALETTE, 4, true, false}};
    char avatar_url[96];
    for (size_t i = 0; i < TB_ARRAY_SIZE(jpegs); i++)
        put_picture(pictures_jpeg(&jpegs[i]), avatar_url);
    for (size_t i = 0; i < TB_ARRAY_SIZE(pngs); i++)
        put_picture(pictures_png(&pngs[i]), avatar_url);
}
END_TEST

START_TEST(content_type_and_coding_do_not_matter)
{
    struct picture picture = pictures_png(&(struct png_spec){60, 60, PNG_RGB, 8, false, false});
    struct api_answer *answer = put(picture.bytes, picture.size, "Content-Type: text/html\r\n");
    ck_assert_msg(answer->status == 200, "%s", answer->raw);
    api_free(&answer);
    struct picture request = {0};
    char line[64];
    pictures_append(&request,
                    "PUT " AVATAR " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n",
                    strlen("PUT " AVATAR " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n"));
    for (size_t at = 0; at < picture.size; at += 100) {
        size_t length = picture.size - at < 100 ? picture.size - at : 100;
        pictures_append(&request, line, (size_t)snprintf(line, sizeof line, "%zx\r\n", length));
        pictures_append(&request, picture.bytes + at, length);
        pictures_append(&request, "\r\n", 2);
    }
    pictures_append(&request, "0\r\n\r\n", 5);
    answer = api_raw_for(PORT, request.bytes, request.size, 20);
    ck_assert_msg(answer->status == 200, "%s", answer->raw);
    api_free(&answer);
    free(picture.bytes), free(request.bytes);
}
END_TEST

/* --- what is not --- */

START_TEST(a_body_too_large_is_413_before_it_is_sent)
{
    static const char by_length[] = "PUT " AVATAR " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 204801\r\n"
                                    "Expect: 100-continue\r\n\r\n";
    struct api_answer *answer = api_raw(PORT, by_length, sizeof by_length - 1);
    contract_problem(answer, 413, "TOO_LARGE");
    ck_assert_ptr_null(strstr(answer->raw, "100 Continue"));
    api_free(&answer);
    struct picture request = {0};
    static const char chunked[] = "PUT " AVATAR " HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "32001\r\n"; /* one more, in one piece, of which the last byte never comes */
    uint8_t *zeros = tb_alloc_zero(PICTURE_MAX + 1, 1);
    pictures_append(&request, chunked, sizeof chunked - 1);
    pictures_append(&request, zeros, PICTURE_MAX + 1);
    answer = api_raw(PORT, request.bytes, request.size);
    contract_problem(answer, 413, "TOO_LARGE");
    api_free(&answer);
    answer = put(zeros, PICTURE_MAX, NULL); /* as many as there may be */
    contract_problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE");
    api_free(&answer);
    free(zeros), free(request.bytes);
}
END_TEST

static void expect(struct picture picture, int status, const char *code, const char *detail)
{
    struct api_answer *answer = put(picture.bytes, picture.size, NULL);
    contract_problem(answer, status, code);
    ck_assert_msg(strstr(api_text(answer, "detail"), detail) != NULL, "%s", answer->body);
    api_free(&answer);
    free(picture.bytes);
}

START_TEST(what_is_no_picture_is_415_and_what_is_broken_422)
{
    static const char text[] = "GIF89a is none of ours", broken[] = "\xff\xd8\xff\xe0 and no more";
    struct picture picture = {0};
    expect(picture, 415, "UNSUPPORTED_MEDIA_TYPE", "PNG or a JPEG");
    pictures_append(&picture, text, sizeof text);
    expect(picture, 415, "UNSUPPORTED_MEDIA_TYPE", "PNG or a JPEG");
    picture = (struct picture){0};
    pictures_append(&picture, broken, sizeof broken);
    expect(picture, 422, "AVATAR_UNDECODABLE", "damaged");
    picture = pictures_png(&(struct png_spec){60, 60, PNG_RGB, 8, false, false});
    picture.size -= 20;
    expect(picture, 422, "AVATAR_UNDECODABLE", "cut short");
    expect(pictures_png_head(20000, 20000, 8, 2, false), 422, "AVATAR_UNDECODABLE", "4096 pixels");
    expect(pictures_jpeg(&(struct jpeg_spec){.width = 4097, .height = 2}), 422, "AVATAR_UNDECODABLE", "4096 pixels");
    struct picture bomb = pictures_png_head(64, 64, 8, 2, false), zeros = pictures_zeros(32 << 20);
    pictures_chunk(&bomb, "zTXt", zeros.bytes, zeros.size);
    expect(bomb, 422, "AVATAR_UNDECODABLE", "damaged"); /* no pixels at all */
    free(zeros.bytes);
}
END_TEST

START_TEST(a_persona_that_is_not_there_is_404)
{
    struct picture picture = pictures_png(&(struct png_spec){60, 60, PNG_RGB, 8, false, false});
    static const char *const paths[] = {"/api/personas/nobody-here/avatar", "/api/personas/No%20Id/avatar"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(paths); i++) {
        struct api_answer *answer = api_call_bytes(PORT, "PUT", paths[i], picture.bytes, picture.size, NULL);
        contract_problem(answer, 404, "NOT_FOUND");
        api_free(&answer);
    }
    free(picture.bytes);
}
END_TEST

START_TEST(many_at_once_are_answered_or_put_off)
{
    /* More than are taken at a time: each gets its avatar or a 503 that says "again", and nothing else happens. */
    enum { MANY = 12 };
    struct picture picture = pictures_png(&(struct png_spec){2000, 2000, PNG_PALETTE, 4, true, false});
    char command[512], file[] = "/tmp/tulip-picture-XXXXXX";
    int fd = mkstemp(file);
    FILE *out = fdopen(fd, "we");
    ck_assert_uint_eq(fwrite(picture.bytes, 1, picture.size, out), picture.size);
    (void)fclose(out);
    (void)snprintf(command, sizeof command,
                   "seq %d | xargs -P %d -I{} curl -s -o /dev/null -w '%%{http_code}\\n' -X PUT --data-binary @%s "
                   "http://127.0.0.1:%d" AVATAR,
                   MANY, MANY, file, PORT);
    FILE *codes = popen(command, "re");
    int done = 0, put_off = 0, status;
    while (fscanf(codes, "%d", &status) == 1) {
        done += status == 200;
        put_off += status == 503;
    }
    (void)pclose(codes);
    (void)remove(file);
    ck_assert_int_eq(done + put_off, MANY);
    ck_assert_int_gt(done, 0);
    free(picture.bytes);
}
END_TEST

/* --- what is served --- */

START_TEST(the_seeds_have_their_portraits)
{
    static const char *const names[] = {"clusius", "oosterwijck", "leeuwenhoek"};
    static uint8_t rgba[SIDE * SIDE * 4];
    char path[96];
    for (size_t i = 0; i < TB_ARRAY_SIZE(names); i++) {
        (void)snprintf(path, sizeof path, "/avatars/seed/%s.png", names[i]);
        fetch(path, "public, max-age=3600", 64, rgba);
        struct api_answer *answer = api_call(PORT, "HEAD", path, NULL, NULL);
        ck_assert_int_le(strtol(api_header(answer, "Content-Length"), NULL, 10), 10240);
        api_free(&answer);
        (void)snprintf(path, sizeof path, "/avatars/seed/%s@2x.png", names[i]);
        fetch(path, "public, max-age=3600", SIDE, rgba);
    }
}
END_TEST

START_TEST(nothing_else_is_served_there)
{
    static const char *const paths[] = {"/uploads/avatars/",
                                        "/uploads/avatars/nobody-0123456789abcdef.png",
                                        "/uploads/avatars/..%2f..%2fsettings%2fTB_PORT",
                                        "/uploads/avatars/%2e%2e/%2e%2e/settings/TB_PORT",
                                        "/uploads/avatars/.new-1-2",
                                        "/uploads/TB_PORT",
                                        "/avatars/seed/nobody.png",
                                        "/avatars/seed/"};
    for (size_t i = 0; i < TB_ARRAY_SIZE(paths); i++) {
        struct api_answer *answer = api_call(PORT, "GET", paths[i], NULL, NULL);
        contract_problem(answer, 404, "NOT_FOUND");
        ck_assert_str_eq(api_header(answer, "Cache-Control"), "no-store");
        api_free(&answer);
    }
}
END_TEST

TCase *contract_avatars(void)
{
    TCase *part = tcase_create("avatars");
    tcase_set_timeout(part, 120);
    tcase_add_test(part, an_upload_is_a_circle_that_everybody_sees_within_a_second);
    tcase_add_test(part, the_same_picture_has_the_same_address);
    tcase_add_test(part, every_kind_is_taken);
    tcase_add_test(part, content_type_and_coding_do_not_matter);
    tcase_add_test(part, a_body_too_large_is_413_before_it_is_sent);
    tcase_add_test(part, what_is_no_picture_is_415_and_what_is_broken_422);
    tcase_add_test(part, a_persona_that_is_not_there_is_404);
    tcase_add_test(part, many_at_once_are_answered_or_put_off);
    tcase_add_test(part, the_seeds_have_their_portraits);
    tcase_add_test(part, nothing_else_is_served_there);
    return part;
}
