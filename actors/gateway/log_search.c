/* log_search: one reader per directory goes backwards through its files; the reader whose line is the newest comes
 * next. */
#include "log_search.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "clock.h"
#include "json_in.h"

enum { CHUNK = 64 * 1024, BUFFER = 3 * CHUNK, FILES_MAX = 64, FILE_NAME_MAX = 32, TIME_LENGTH = 24 };
static const char line_start[] = "{\"ts\":\"";

struct reader {
    int dir, file;                        /* -1 = none */
    char names[FILES_MAX][FILE_NAME_MAX]; /* newest first */
    size_t name_count, name_next;
    off_t unread;     /* bytes of the file before those in the buffer */
    char *buffer;     /* BUFFER bytes */
    size_t length;    /* of what is in it and not taken yet */
    const char *line; /* the present one, in the buffer; NULL = none is left */
    size_t line_length;
};

struct log_search {
    struct log_filter filter;
    char since[CLOCK_TEXT_MAX];
    struct reader readers[LOG_READERS_MAX];
    size_t reader_count;
    size_t bytes, skipped, found;
    bool is_over, is_complete;
};

bool log_filter_is_plain(const char *value)
{
    size_t length = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_@");
    return length <= LOG_FILTER_MAX && value[length] == '\0';
}

/* --- one directory, backwards --- */

/* Return: whether s6-log gives files such names: "current", or '@', 24 digits and ".s" or ".u". */
static bool is_log_file(const char *name)
{
    if (strcmp(name, "current") == 0)
        return true;
    return name[0] == '@' && strspn(name + 1, "0123456789abcdef") == 24 && name[25] == '.' &&
           (name[26] == 's' || name[26] == 'u') && name[27] == '\0';
}

/* Newest first: "current", then by the time in the name, latest first. */
static int compare_names(const void *a, const void *b)
{
    bool a_current = *(const char *)a == 'c', b_current = *(const char *)b == 'c';
    return a_current || b_current ? (int)b_current - (int)a_current : strcmp(b, a);
}

static bool reader_open(struct reader *reader, int root, const char *name)
{
    *reader = (struct reader){.dir = -1, .file = -1};
    reader->dir = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (reader->dir < 0)
        return false;
    DIR *dir = fdopendir(dup(reader->dir));
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (is_log_file(entry->d_name) && reader->name_count < FILES_MAX &&
            tb_copy_text(reader->names[reader->name_count], FILE_NAME_MAX, entry->d_name))
            reader->name_count++;
    if (dir != NULL)
        closedir(dir);
    qsort(reader->names, reader->name_count, FILE_NAME_MAX, compare_names);
    reader->buffer = tb_alloc_zero(BUFFER, 1);
    return true;
}

static void reader_close(struct reader *reader)
{
    if (reader->file >= 0)
        close(reader->file);
    if (reader->dir >= 0)
        close(reader->dir);
    free(reader->buffer);
    *reader = (struct reader){.dir = -1, .file = -1};
}

/* Effect: goes on to the next older file. Return: false when there is none. */
static bool next_file(struct reader *reader)
{
    if (reader->file >= 0)
        close(reader->file);
    reader->file = -1;
    reader->length = 0;
    while (reader->file < 0 && reader->name_next < reader->name_count) {
        struct stat status;
        int file =
            openat(reader->dir, reader->names[reader->name_next++], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
            reader->file = file;
            reader->unread = status.st_size;
        } else if (file >= 0) {
            close(file);
        }
    }
    return reader->file >= 0;
}

/* Effect: reads the piece before what is in the buffer; a line longer than the buffer is dropped. */
static void fill(struct log_search *search, struct reader *reader)
{
    if (reader->length > BUFFER - CHUNK) {
        search->skipped++;
        reader->length = 0;
    }
    size_t size = reader->unread < CHUNK ? (size_t)reader->unread : CHUNK;
    memmove(reader->buffer + size, reader->buffer, reader->length);
    ssize_t got = pread(reader->file, reader->buffer, size, reader->unread - (off_t)size);
    search->bytes += size;
    if (got != (ssize_t)size) { /* cut or unreadable meanwhile: leave the rest of it out */
        reader->unread = 0;
        reader->length = 0;
        return;
    }
    reader->unread -= (off_t)size;
    reader->length += size;
}

/* Effect: takes the next older line into line; NULL at the end of everything or, for now, at the byte bound. */
static void next_raw_line(struct log_search *search, struct reader *reader)
{
    reader->line = NULL;
    for (;;) {
        if (reader->length > 0 && reader->buffer[reader->length - 1] == '\n')
            reader->length--;
        const char *before = reader->length > 0 ? memrchr(reader->buffer, '\n', reader->length) : NULL;
        if (before != NULL || (reader->length > 0 && reader->unread == 0)) {
            size_t start = before == NULL ? 0 : (size_t)(before - reader->buffer) + 1;
            reader->line = reader->buffer + start;
            reader->line_length = reader->length - start;
            reader->length = start;
            return;
        }
        if (reader->unread > 0) {
            if (search->bytes >= LOG_SEARCH_BYTES_MAX)
                return;
            fill(search, reader);
        } else if (!next_file(reader)) {
            return;
        }
    }
}

/* Return: whether it begins as our lines do, with a time that can be compared as text. */
static bool is_ours(const char *line, size_t length)
{
    const char *time = line + sizeof line_start - 1;
    return length > sizeof line_start + TIME_LENGTH && memcmp(line, line_start, sizeof line_start - 1) == 0 &&
           time[4] == '-' && time[10] == 'T' && time[TIME_LENGTH - 1] == 'Z' && time[TIME_LENGTH] == '"';
}

static void next_line(struct log_search *search, struct reader *reader)
{
    for (next_raw_line(search, reader); reader->line != NULL && !is_ours(reader->line, reader->line_length);
         next_raw_line(search, reader))
        search->skipped++;
}

static const char *time_of(const struct reader *reader)
{
    return reader->line + sizeof line_start - 1;
}

/* --- the search --- */

/* Return: whether it is named like a process of an actor ("balance-1") that the filter lets through. */
static bool is_wanted_dir(const struct log_search *search, const char *name)
{
    size_t actor = strspn(name, "abcdefghijklmnopqrstuvwxyz");
    if (actor == 0 || name[actor] != '-' || name[actor + 1] == '\0' ||
        strspn(name + actor + 1, "0123456789") != strlen(name + actor + 1))
        return false;
    return search->filter.actor[0] == '\0' ||
           (strlen(search->filter.actor) == actor && memcmp(search->filter.actor, name, actor) == 0);
}

struct log_search *log_search_new(const char *dir, const struct log_filter *filter)
{
    struct log_search *search = tb_alloc_zero(1, sizeof *search);
    search->filter = *filter;
    if (filter->since_us > 0)
        (void)clock_format(filter->since_us, search->since);
    int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = root < 0 ? NULL : fdopendir(dup(root));
    for (struct dirent *entry; list != NULL && (entry = readdir(list)) != NULL;)
        if (search->reader_count < LOG_READERS_MAX && is_wanted_dir(search, entry->d_name) &&
            reader_open(&search->readers[search->reader_count], root, entry->d_name))
            search->reader_count++;
    if (list != NULL)
        closedir(list);
    if (root >= 0)
        close(root);
    for (size_t i = 0; i < search->reader_count; i++)
        next_line(search, &search->readers[i]);
    return search;
}

void log_search_free(struct log_search **search)
{
    if (*search == NULL)
        return;
    for (size_t i = 0; i < (*search)->reader_count; i++)
        reader_close(&(*search)->readers[i]);
    free(*search);
    *search = NULL;
}

/* Return: whether the line has this member with this value. A quote inside a string is escaped, so the pattern can only
 * be found where a member begins. */
static bool has_member(const char *line, size_t length, const char *name, const char *value)
{
    char pattern[LOG_FILTER_MAX + 24];
    if (value[0] == '\0')
        return true;
    int size = snprintf(pattern, sizeof pattern, ",\"%s\":\"%s\"", name, value);
    tb_assert(size > 0 && (size_t)size < sizeof pattern);
    return memmem(line, length, pattern, (size_t)size) != NULL;
}

/* Effect: appends the line as it is; whom and what it is about is always there, null where the line says nothing. */
static void append_line(struct text *items, const char *line, size_t length, const struct json_in *json)
{
    static const char *const always[] = {"orderId", "userId", "traceId"};
    while (length > 0 && line[length - 1] != '}')
        length--;
    text_append(items, line, length - 1);
    for (size_t i = 0; i < TB_ARRAY_SIZE(always); i++) {
        size_t at = 0;
        while (at < json->count && strcmp(json->fields[at].name, always[i]) != 0)
            at++;
        if (at == json->count)
            text_append_format(items, ",\"%s\":null", always[i]);
    }
    text_append(items, "}", 1);
}

static void judge(struct log_search *search, const struct reader *reader, struct text *items)
{
    const struct log_filter *filter = &search->filter;
    const char *line = reader->line;
    size_t length = reader->line_length;
    if (!has_member(line, length, "orderId", filter->order_id) ||
        !has_member(line, length, "userId", filter->user_id) || !has_member(line, length, "actor", filter->actor) ||
        !has_member(line, length, "level", filter->level))
        return;
    struct json_in json;
    struct err err;
    if (json_in_parse(&json, line, length, &err) < 0) {
        search->skipped++;
        return;
    }
    if (search->found++ > 0)
        text_append(items, ",", 1);
    append_line(items, line, length, &json);
}

/* Return: the reader whose line is the newest; NULL when none is left. */
static struct reader *newest(struct log_search *search)
{
    struct reader *best = NULL;
    for (size_t i = 0; i < search->reader_count; i++) {
        struct reader *reader = &search->readers[i];
        if (reader->line != NULL && (best == NULL || memcmp(time_of(reader), time_of(best), TIME_LENGTH) > 0))
            best = reader;
    }
    return best;
}

bool log_search_step(struct log_search *search, size_t bytes, struct text *items)
{
    size_t until = search->bytes + bytes, lines = 0;
    while (!search->is_over && search->bytes < until && lines++ < bytes / 128) {
        struct reader *reader = newest(search);
        if (search->bytes >= LOG_SEARCH_BYTES_MAX || search->found >= search->filter.limit) {
            search->is_over = true;
        } else if (reader == NULL ||
                   (search->since[0] != '\0' && memcmp(time_of(reader), search->since, TIME_LENGTH) < 0)) {
            search->is_over = search->is_complete = true;
        } else {
            judge(search, reader, items);
            next_line(search, reader);
        }
    }
    return search->is_over;
}

bool log_search_is_complete(const struct log_search *search)
{
    return search->is_complete;
}

size_t log_search_skipped(const struct log_search *search)
{
    return search->skipped;
}

size_t log_search_bytes(const struct log_search *search)
{
    return search->bytes;
}
