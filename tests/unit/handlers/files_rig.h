/* A directory of files to serve, and requests for them. */
#ifndef FILES_RIG_H
#define FILES_RIG_H

#include "handlers/files.h"
#include "http/h1_worker.h"

struct files_rig {
	char dir[64];  /* of its own; what is outside the root lies here */
	char root[80]; /* below it */
	struct hz_files_conf conf;
	struct hz_handler handler; /* built by files_rig_build */
	char why[200];
};

/* Aborts when it cannot. */
struct files_rig *files_rig_open(void);
void files_rig_close(struct files_rig *rig); /* removes the directory */

/* A file below the root, with the directories it needs, or "../NAME" beside it. */
void files_rig_write(const struct files_rig *rig, const char *path, const char *text, size_t bytes);
void files_rig_text(const struct files_rig *rig, const char *path, const char *text);
void files_rig_path(const struct files_rig *rig, const char *path, char out[256]);

/* Sets both times of a file to so many seconds before now. */
void files_rig_age(const struct files_rig *rig, const char *path, long seconds);

/* Builds the handler from conf; the one before is freed after, and what it has is shared. Returns the status. */
int files_rig_build(struct files_rig *rig);

/* A request, inside a flight, with a stream that counts how often it is woken. */
struct files_ask {
	struct hz_h1_flight flight;
	struct hz_stream stream;
	struct hz_env env;
	unsigned wakes;
	char path[512];
};

/* GET of path, which the route's parameter is: "css/a.css". Fields are added by files_ask_field. */
struct files_ask *files_ask_open(const char *path);
void files_ask_field(struct files_ask *ask, const char *name, const char *value);
void files_ask_run(struct files_ask *ask, const struct hz_handler *handler);
void files_ask_close(struct files_ask *ask); /* releases the source */

/* Status of files_ask_run for path without more ado. */
uint16_t files_rig_status(const struct files_rig *rig, const char *path);

/* Head (without Date) and body, whatever their kind; bodies that are read must be done otherwise. Allocated. */
char *files_ask_head(const struct files_ask *ask);
char *files_ask_body(const struct files_ask *ask, size_t *bytes);
bool files_ask_body_is(const struct files_ask *ask, const char *text);
bool files_ask_has_line(const struct files_ask *ask, const char *line); /* without CRLF */

#endif
