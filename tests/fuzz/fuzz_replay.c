/* Runs every input of the committed corpora once: `ok fuzz.TARGET: N inputs`. A fault aborts, after the
 * name of its input. Started from the top of the tree. */
#include "core/base.h"
#include "fuzz_target.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_BYTES_MAX (1u << 20)

struct target {
	const char *name;
	int (*run)(const uint8_t *data, size_t size);
};

static const struct target targets[] = {
	{ "h1", fuzz_h1_run },
	{ "chunked", fuzz_chunked_run },
	{ "site", fuzz_site_run },
	{ "frame", fuzz_frame_run },
	{ "tcp_opts", fuzz_tcp_opts_run },
	{ "host", fuzz_host_run },
	{ "uri", fuzz_uri_run },
	{ "range", fuzz_range_run },
	{ "cond", fuzz_cond_run },
	{ "mw", fuzz_mw_run },
	{ "log", fuzz_log_run },
	{ "jwt", fuzz_jwt_run },
	{ "accept", fuzz_accept_run },
	{ "pcap", fuzz_pcap_run },
	{ "sources", fuzz_sources_run },
	{ "record", fuzz_record_run },
	{ "query", fuzz_query_run },
	{ "sse", fuzz_sse_run },
};

/* An exact-size copy, so that a sanitizer sees over-reads. 0 or -1. */
static int input_run(const struct target *target, const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data;
	size_t size;

	if (file == NULL)
		return -1;
	data = malloc(INPUT_BYTES_MAX);
	if (data == NULL) {
		fclose(file);
		return -1;
	}
	size = fread(data, 1, INPUT_BYTES_MAX, file);
	fclose(file);
	if (size != 0) {
		uint8_t *exact = realloc(data, size);

		data = exact != NULL ? exact : data;
	}
	fprintf(stderr, "# %s\n", path);
	target->run(data, size);
	free(data);
	return 0;
}

static int corpus_run(const struct target *target, unsigned *count)
{
	char path[512];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "tests/fuzz/corpus/%s", target->name);
	dir = opendir(path);
	if (dir == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "tests/fuzz/corpus/%s/%s", target->name,
		         entry->d_name);
		if (input_run(target, path) == 0)
			++*count;
	}
	closedir(dir);
	return 0;
}

int main(void)
{
	int status = 0;

	for (size_t i = 0; i < HZ_ARRAY_LEN(targets); i++) {
		unsigned count = 0;

		if (corpus_run(&targets[i], &count) != 0 || count == 0) {
			printf("not ok fuzz.%s: no corpus\n", targets[i].name);
			status = 1;
		} else {
			printf("ok fuzz.%s_corpus_of_%u_inputs_runs\n", targets[i].name, count);
		}
		fflush(stdout);
	}
	return status;
}
