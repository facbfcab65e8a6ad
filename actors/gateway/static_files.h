/* static_files: the web page's files, when a directory of them is configured; a small page about the API otherwise.
 * Paths are resolved beneath the directory by the kernel (openat2, RESOLVE_BENEATH), so nothing outside can be reached.
 * Files are small and read at once. */
#ifndef TB_GATEWAY_STATIC_FILES_H
#define TB_GATEWAY_STATIC_FILES_H

#include "http.h"

/* Effect: answers a GET or HEAD outside /api. directory: "" = none. */
void static_files_respond(const char *directory, struct http_request *request);

#endif
