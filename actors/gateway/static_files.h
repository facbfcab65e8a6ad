/* static_files: the web page's files, when a directory of them is configured; a small page about the API otherwise.
 * Paths are resolved beneath the directory by the kernel (openat2, RESOLVE_BENEATH), so nothing outside can be reached.
 * Files are small and read at once.
 *
 * Beside a file may lie what the build made of it: NAME.br and NAME.gz go to clients that take them (Accept-Encoding).
 * Files below assets/ have a hash in their name and are kept for good; everything else is asked for again, and answered
 * 304 while it is the same. A path without a dot that is no file and no data (/orders, /settings/users) is a screen of
 * the page: who asks for text/html gets index.html, everybody else 404. */
#ifndef TB_GATEWAY_STATIC_FILES_H
#define TB_GATEWAY_STATIC_FILES_H

#include <stdbool.h>

#include "http.h"

/* Effect: answers with the regular file at path (decoded, relative) beneath directory. cache: the value of
 * Cache-Control. Return: false, and no answer, when there is none. */
bool static_files_send(const char *directory, const char *path, const char *cache, struct http_request *request);

/* Effect: answers a GET or HEAD outside /api. directory: "" = none. */
void static_files_respond(const char *directory, struct http_request *request);

#endif
