/* http_security: the headers that tell a browser what our answers may be used for. Data (under /api, /health, /metrics)
 * may do nothing at all when it is opened as a page; everything else is the web page: its own scripts, styles, pictures
 * and connections (to us: WebSocket and SSE), nothing inline, in no frame. */
#include <string.h>

#include "base.h"
#include "http_internal.h"

#define COMMON                                                                                                         \
    "X-Content-Type-Options: nosniff\r\n"                                                                              \
    "Referrer-Policy: no-referrer\r\n"                                                                                 \
    "Cross-Origin-Resource-Policy: same-origin\r\n"

static const char data_headers[] = COMMON "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n";

static const char page_headers[] =
    COMMON "Cross-Origin-Opener-Policy: same-origin\r\n"
           "Permissions-Policy: camera=(), geolocation=(), microphone=(), payment=(), usb=()\r\n"
           "Content-Security-Policy: default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
           "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\n";

static bool is_below(const char *path, const char *root)
{
    size_t length = strlen(root);
    return strncmp(path, root, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

void http_security_headers(struct text *text, const char *path)
{
    if (is_below(path, "/api") || is_below(path, "/health") || is_below(path, "/metrics") || *path == '\0')
        text_append(text, data_headers, sizeof data_headers - 1);
    else
        text_append(text, page_headers, sizeof page_headers - 1);
}
