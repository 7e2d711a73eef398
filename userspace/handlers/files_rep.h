/* One representation of a file (RFC 9110 3.2): bytes in one coding, with heads that only lack the Date. */
#ifndef HZ_FILES_REP_H
#define HZ_FILES_REP_H

#include "handlers/files_bytes.h"

struct hz_files_rep {
	struct hz_files_bytes *bytes;  /* one reference */
	uint32_t holders;              /* atomic: answers that are still being sent */
	struct hz_files_rep *retired;  /* next in a list of those that outlived their index */
	struct hz_http_prepared whole; /* 200; its body is empty when bytes are not in memory */
	struct hz_http_prepared not_modified; /* 304 */
	struct hz_span type;
	struct hz_span fields; /* lines of a 200 apart from type and length; for 206 */
	uint8_t text[];
};

struct hz_files_rep_conf {
	struct hz_files_bytes *bytes; /* its reference goes over on success */
	enum hz_coding coding; /* Content-Encoding; not always bytes->coding: x.gz is a gzip file */
	struct hz_span type;
	uint64_t modified_s; /* Last-Modified; 0: none */
	bool varies;         /* the file has more than one representation */
};

/* 0 or -ENOMEM. */
int hz_files_rep_build(const struct hz_files_rep_conf *conf, struct hz_files_rep **out);
void hz_files_rep_free(struct hz_files_rep *rep); /* accepts NULL */

/* On a worker, before its next quiescent state since it found rep: rep stays until release, also when its index goes. */
void hz_files_rep_hold(struct hz_files_rep *rep);
void hz_files_rep_release(struct hz_files_rep *rep);

/* Of an index that no worker sees any more: frees rep, or puts it into *list as long as it is held. Accepts NULL. */
void hz_files_rep_retire(struct hz_files_rep *rep, struct hz_files_rep **list);

/* Content that only answers under way still need. */
struct hz_files_held {
	uint32_t count;
	uint64_t memory_bytes;
};

/* Frees those of *list that nobody holds any more, and says what remains. */
void hz_files_rep_reclaim(struct hz_files_rep **list, struct hz_files_held *out);

static inline struct hz_span hz_files_rep_etag(const struct hz_files_rep *rep)
{
	return (struct hz_span){ rep->bytes->tag, rep->bytes->tag_bytes };
}

static inline bool hz_files_rep_is_in_memory(const struct hz_files_rep *rep)
{
	return rep->bytes->fd == -1;
}

#endif
