/* site.yaml as plain constants. Built by parsing, never changed; freed as one. */
#ifndef HZ_SITE_H
#define HZ_SITE_H

#include "core/base.h"
#include "core/common.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mw_conf.h"
#include "core/source_rule.h"

#define HZ_SITE_NAME_MAX    32
#define HZ_SITE_LISTENS_MAX 64
#define HZ_SITE_HEALTH_MAX  16
#define HZ_SITE_PROBERS_MAX 64 /* prefixes of one health entry; 16 of them fit HZ_PROBERS_MAX */
/* Largest request body a site may allow: what a worker has blocks for. */
#define HZ_SITE_BODY_BYTES_MAX ((uint64_t)HZ_LIMIT_body_block_bytes * HZ_LIMIT_body_blocks)

struct hz_site_listen {
	char interface[16];
	struct hz_endpoint endpoint;
	uint8_t shed_class; /* enum hz_shed_class: whose new connections are refused first */
	uint32_t line;
};

/* A health answer from the kernel at every listen address: on a port of its own, or for some sources on
 * a port that is listened on. */
struct hz_site_health {
	uint16_t port;
	bool is_udp;
	uint32_t from_count; /* 0: a port of its own */
	const struct hz_mw_prefix *from;
	uint8_t path_bytes;
	char path[65];
	uint8_t body_bytes;
	char body[HZ_HEALTH_BODY_MAX + 1];
	uint32_t line;
};

/* A list of sources in a file of its own, one prefix per line. */
struct hz_site_source_file {
	struct hz_span path; /* relative: to the directory of the site's file */
	enum hz_source_list list;
	uint32_t line, column, width; /* of its name in the site's file */
};

/* Where a prefix of a list stands. */
struct hz_source_place {
	uint32_t file; /* 0: the site's; else that of sources.file[file - 1] */
	uint32_t line, column, width;
};

/* Who may come to what the site listens on. */
struct hz_site_sources {
	uint32_t line; /* 0: there is no such section */
	uint32_t rule_count;
	const struct hz_source_rule *rule; /* by family, address and bits; no prefix twice */
	const struct hz_source_place
		*place; /* of each rule; NULL when the site has no such files */
	uint32_t file_count;
	struct hz_site_source_file file[HZ_SOURCE_LISTS];
};

enum hz_site_handler {
	HZ_HANDLER_RESPOND,
	HZ_HANDLER_BYTES,
	HZ_HANDLER_ECHO,
	HZ_HANDLER_FILES,
	HZ_HANDLER_REDIRECT,
	HZ_HANDLER_EVENTS,
	HZ_HANDLER_LINES,
	HZ_HANDLER_PUBLISH,
	HZ_HANDLER_MODULE, /* of a shared object */
	HZ_HANDLER_OWN,    /* of the program itself, hz_site_append */
};

/* Messages that routes publish and stream. The first one is hz.latency, which hz itself feeds. */
struct hz_site_topic {
	char name[HZ_SITE_NAME_MAX];
	uint32_t keep; /* messages, */
	uint64_t bytes;
	uint32_t line;
};
#define HZ_SITE_TOPIC_LATENCY "hz.latency"

/* A content type by the extension of a file's name, which has no dot. */
struct hz_site_file_type {
	struct hz_span extension;
	struct hz_span type;
};

/* A tree of files. */
struct hz_site_files {
	struct hz_span root;     /* relative: to the directory of the site's file */
	struct hz_conf_place at; /* of it */
	uint32_t index_count;
	const struct hz_span *index; /* names of a directory's index file, the best first */
	uint64_t cache_bytes;        /* of content in memory */
	bool is_coded;               /* gzip, br and zstd are offered */
	uint32_t type_count;
	const struct hz_site_file_type *type;
};

/* One member of a JSON answer: "key": value, where value is text in which {name} stands for a route
 * parameter. */
struct hz_site_json_member {
	struct hz_span key;
	struct hz_span value;
};

/* How a route reads paths; all zero is strict. The names are those of the file. */
struct hz_site_paths {
	enum { HZ_SITE_DOTS_RESOLVE, HZ_SITE_DOTS_REFUSE } dot_segments;
	enum { HZ_SITE_SLASHES_KEEP, HZ_SITE_SLASHES_MERGE } duplicate_slashes;
	enum { HZ_SITE_SLASH_PARAM, HZ_SITE_SLASH_ANY, HZ_SITE_SLASH_REFUSE } encoded_slash;
	enum {
		HZ_SITE_TRAILING_STRICT,
		HZ_SITE_TRAILING_REDIRECT,
		HZ_SITE_TRAILING_SAME
	} trailing_slash;
};

struct hz_site_route {
	char name[HZ_SITE_NAME_MAX]; /* its own, else as route_name.h makes it of its match */
	uint32_t line, column;
	struct hz_conf_place at;    /* of its module's file, else of itself */
	uint32_t methods;           /* mask by http/tokens.def order; GET implies HEAD */
	struct hz_span pattern;     /* "/user/:id" */
	uint32_t host_count;        /* 0: any host */
	const struct hz_span *host; /* lower case: "www.example.org", "*.example.org", "[::1]" */
	struct hz_site_paths paths;
	enum hz_site_handler handler;
	/* respond */
	uint16_t status;
	struct hz_span content_type; /* default text/plain; application/json for json */
	struct hz_span body;         /* text */
	uint32_t json_count;         /* > 0: a JSON object instead of body */
	const struct hz_site_json_member *json;
	/* bytes */
	struct hz_span count_param; /* name of the parameter that holds the count */
	uint64_t count_max;
	const struct hz_site_files *files;
	struct hz_span redirect_to; /* with status */
	uint64_t delay_ns;          /* before the handler is asked */
	/* module */
	const char *module_file; /* absolute */
	const char *module_config;
	const void *own; /* module, own: what stands behind it, of who resolved or appended it */
	/* echo and others */
	uint64_t body_bytes_max;
	/* events, lines, publish */
	uint32_t topic; /* index in the site's topics */
	uint32_t readers_max;
	struct hz_conf_place readers_at; /* line 0: the default */
	bool closes_slow;
	uint64_t heartbeat_ns, retry_ms;
	struct hz_mw_set mw; /* defaults included */
};

struct hz_site {
	uint32_t listen_count;
	struct hz_site_listen listen[HZ_SITE_LISTENS_MAX];
	uint32_t health_count;
	struct hz_site_health health[HZ_SITE_HEALTH_MAX];
	struct hz_site_sources sources;
	struct {
		uint32_t header_bytes, header_count, uri_bytes;
		uint64_t body_bytes;
		uint32_t requests_per_connection; /* 0: no limit */
		uint32_t connections_per_source;  /* 0: no limit */
		uint64_t connection_lifetime_ns;
	} limits;
	struct hz_site_paths paths;  /* what a route does not say itself */
	struct hz_mw_set defaults;   /* of every route, and of answers without one */
	struct hz_mw_jwt_conf *jwts; /* every `jwt` there is, linked by next */
	struct hz_mw_log_conf *logs; /* every `log` there is, linked by next */
	uint32_t topic_count;
	const struct hz_site_topic *topic;
	uint32_t route_count;
	const struct hz_site_route *route;
	uint32_t refs;                 /* who holds the site, see hz_site_share */
	const char *directory;         /* of its file; NULL: it was parsed from text */
	struct hz_site_memory *memory; /* owned: everything the spans point to */
};

/* One problem, with its place; several are reported per run. */
struct hz_site_error {
	uint32_t line, column, width; /* width: how many bytes the caret underlines */
	char text[200];
	char hint[80];   /* "did you mean 'servers'?" or empty */
	char file[128];  /* whose line it is, when it is not the site's; else empty */
	char quote[140]; /* then: the line */
	bool is_warning;
};
#define HZ_SITE_ERRORS_MAX 20

struct hz_site_errors {
	uint32_t count;
	struct hz_site_error error[HZ_SITE_ERRORS_MAX];
};

/* Parses text (not terminated) of a file called name. 0, -EINVAL (errors filled) or -ENOMEM. */
int hz_site_parse(struct hz_span text, struct hz_site **out, struct hz_site_errors *errors);

/* Reads path: a regular file of root or the caller, no symlink (-ELOOP), not writable by group or
 * others (-EPERM), at most HZ_LIMIT_site_bytes_max (-EFBIG). 0 or -errno; -EINVAL with errors->count >
 * 0 for content, else for the file itself. *text is the content for hz_site_errors_print, owned by the
 * caller (free), also on failure; empty when there was none. */
int hz_site_load(const char *path, struct hz_site **out, struct hz_span *text,
                 struct hz_site_errors *errors);

/* For a site that was parsed from text: reads the files that its `sources` name and adds their prefixes;
 * hz_site_load has done so. 0, -EINVAL with errors, or -ENOMEM. */
int hz_site_sources_load(struct hz_site *site, struct hz_site_errors *errors);

/* Why hz_site_load returned status for the file itself (errors->count == 0), in err: what is wrong with
 * the file, and what to type. Returns status. */
int hz_site_load_explain(const char *path, int status, int exit_code, struct hz_err *err);

/* "FILE:14:5: error: ..." with the source line and a caret, as UX of compilers. to may be a memstream. */
void hz_site_errors_print(void *file_stream, const char *name, struct hz_span text,
                          const struct hz_site_errors *errors);

/* What a start does with a site after reading it may fail in several places at once. status and err say what did; all
 * collects it at its place in the file, and 0 says go on. With all NULL, and without memory, returns status. */
int hz_site_problem(struct hz_site_errors *all, const struct hz_conf_place *at, int status,
                    const struct hz_err *err);

/* Name of the lowest method in a route's mask. */
const char *hz_site_method_name(uint32_t mask);

/* A route that the program itself adds. */
struct hz_site_own {
	const char *match;       /* as in the file: "GET /users/:id" */
	const char *name;        /* NULL: as a route of the file without one */
	uint64_t body_bytes_max; /* 0: the site's */
	const void *own;
};

/* Whether a route may be called so: 1..31 letters, digits, '_', '-' and '.', which is not the first. */
bool hz_site_name_is_good(const char *name);

/* Adds routes behind those of the file, whose names are others. 0, -EINVAL with why (at least 200 bytes) for people, or -ENOMEM; then the site
 * is as it was, but for its memory. */
int hz_site_append(struct hz_site *site, const struct hz_site_own *own, uint32_t count, char *why,
                   size_t why_bytes);

/* One holder more, who frees it as well. Not for two threads at a time. */
struct hz_site *hz_site_share(struct hz_site *site);
void hz_site_free(struct hz_site *site); /* the last holder's frees; accepts NULL */

#endif
