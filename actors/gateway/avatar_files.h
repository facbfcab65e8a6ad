/* avatar_files: pictures of personas: uploaded ones from uploads_dir/avatars, where the persona actor stores them, and
 * the seeds' portraits, which are part of this program (ui/public/avatars/seed), whether there is a page or not. */
#ifndef TB_GATEWAY_AVATAR_FILES_H
#define TB_GATEWAY_AVATAR_FILES_H

#include <stdbool.h>

#include "http.h"

/* Effect: answers a GET or HEAD of /uploads/avatars/… or /avatars/seed/…, also with 404. uploads_dir: "" = none.
 * Return: false, and no answer, for any other path. */
bool avatar_files_respond(const char *uploads_dir, struct http_request *request);

#endif
