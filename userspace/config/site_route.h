/* Reading one route, split over files. Private to config. */
#ifndef HZ_SITE_ROUTE_H
#define HZ_SITE_ROUTE_H

#include "config/site_read.h"

/* A route while it is read. */
struct hz_site_route_read {
	struct hz_site_route *route;
	const struct hz_yaml_node *handler; /* the key of the handler that was read, or NULL */
	struct hz_span param[HZ_LIMIT_route_params_max]; /* names in the pattern */
	uint32_t param_count;
	const struct hz_yaml_node *cache; /* the route's own key, beside `files`; NULL */
	uint32_t hole_count;              /* parameters in the JSON values, each time they occur */
	bool is_match_bad; /* reported; what depends on the parameters is not checked */
	char where[48];    /* "route 'hello'" */
};

/* METHOD[,METHOD] PATH: methods, pattern, param. */
void hz_site_match_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read);

/* `respond`, `bytes`, `echo`. */
void hz_site_respond_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                          void *route_read);
void hz_site_bytes_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read);
void hz_site_echo_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read);

/* `files: /srv/www`, `redirect: { to: /new/{id} }`; `cache: 64MiB` beside files, `delay: 100ms` beside any handler. */
void hz_site_files_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read);
void hz_site_cache_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read);
/* What only the whole route tells. */
void hz_site_files_finish(struct hz_site_reader *r, const struct hz_yaml_node *item,
                          struct hz_site_route_read *rr);
void hz_site_redirect_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                           void *route_read);
void hz_site_delay_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read);

/* A content type as an answer's head takes it; false after an error. */
bool hz_site_content_type_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                               struct hz_span *out);
void hz_site_module_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                         void *route_read);

/* `events: { topic: news }`, `lines`, and `publish: { topic: news }`. */
void hz_site_events_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                         void *route_read);
void hz_site_lines_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read);
void hz_site_publish_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                          void *route_read);

/* `hosts: [www.example.org, "*.example.org"]` and `paths: { trailing_slash: same }`. */
void hz_site_hosts_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read);
void hz_site_paths_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read);

/* Whether the pattern has a parameter of that name; if not, an error at the part of a scalar. */
bool hz_site_param_check(struct hz_site_reader *r, const struct hz_site_route_read *rr,
                         const struct hz_yaml_node *at, size_t offset, struct hz_span name);

/* Routes that claim the same requests, and routes of one name. */
void hz_site_routes_check(struct hz_site_reader *r, const struct hz_yaml_node *list);

#endif
