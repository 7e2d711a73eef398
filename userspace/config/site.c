/* A site from its text: the tree first, then section by section. */
#include "config/site.h"

#include "config/site_read.h"
#include <errno.h>
#include <stdlib.h>

/* In the order in which they are read, whatever the order in the file: health answers look at what is
 * listened on, routes at limits and paths. */
static const struct hz_site_key sections[] = {
	{ "listen", hz_site_listen_read, false },   { "health", hz_site_health_read, false },
	{ "sources", hz_site_sources_read, false }, { "limits", hz_site_limits_read, false },
	{ "paths", hz_site_paths_section, false },  { "defaults", hz_site_defaults_read, false },
	{ "topics", hz_site_topics_read, false },   { "routes", hz_site_routes_read, false },
};

static void section_known(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	(void)r;
	(void)key;
	(void)into;
}

static void sections_read(struct hz_site_reader *r, const struct hz_yaml_node *root)
{
	struct hz_site_key known[HZ_ARRAY_LEN(sections)];

	for (size_t i = 0; i < HZ_ARRAY_LEN(sections); i++) {
		known[i] = sections[i];
		known[i].read = section_known;
	}
	hz_site_read_map(r, root, "the site", known, HZ_ARRAY_LEN(known), NULL);
	if (root->kind != HZ_YAML_MAP)
		return;
	for (size_t i = 0; i < HZ_ARRAY_LEN(sections) && r->err == 0; i++) {
		const struct hz_yaml_node *key = hz_yaml_doc_key(root, sections[i].name);

		if (key != NULL)
			sections[i].read(r, key, NULL);
	}
}

static int site_read(struct hz_span text, struct hz_site_memory *document, struct hz_site *site,
                     struct hz_site_errors *errors)
{
	struct hz_site_reader r = { .site = site, .errors = errors };
	struct hz_yaml_node *root;
	int err = hz_yaml_doc_parse(text, document, &root, errors);

	if (err != 0)
		return err;
	sections_read(&r, root);
	if (r.err != 0)
		return r.err;
	return errors->count > 0 ? -EINVAL : 0;
}

int hz_site_parse(struct hz_span text, struct hz_site **out, struct hz_site_errors *errors)
{
	struct hz_site_memory *document = hz_site_memory_open();
	struct hz_site *site = calloc(1, sizeof(*site));
	int err = -ENOMEM;

	errors->count = 0;
	if (site != NULL) {
		site->refs = 1;
		site->memory = hz_site_memory_open();
	}
	if (document != NULL && site != NULL && site->memory != NULL) {
		hz_site_limits_default(site);
		hz_site_topics_default(site);
		err = site_read(text, document, site, errors);
	}
	hz_site_memory_close(document);
	hz_site_errors_sort(errors);
	if (err != 0)
		hz_site_free(site);
	else
		*out = site;
	return err;
}

struct hz_site *hz_site_share(struct hz_site *site)
{
	site->refs++;
	return site;
}

void hz_site_free(struct hz_site *site)
{
	if (site == NULL || --site->refs > 0)
		return;
	hz_site_memory_close(site->memory);
	free(site);
}
