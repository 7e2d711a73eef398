/* hzctl top: everything at a glance, once a second; without a terminal, once. It reads the pinned maps, so it needs neither
 * hzd nor hz-collector; only the examples of slow answers are the collector's, who owns the ring they come through. */
#include "commands.h"
#include "core/endpoint.h"
#include "feed_link.h"
#include "top_json.h"
#include "top_layout.h"
#include "top_live.h"
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SNAPSHOT_ROWS HZ_TOP_GRID_ROWS_MAX
#define SNAPSHOT_COLS 132u

static int plain_print(const struct hz_top_data *data, struct hz_err *err)
{
	struct hz_top_state state = { .model = &data->model,
		                      .heat = &data->heat,
		                      .slow = &data->slow,
		                      .instance = data->instance,
		                      .problem = data->problem };
	struct hz_top_grid grid;

	if (hz_top_grid_open(SNAPSHOT_ROWS, SNAPSHOT_COLS, &grid) != 0)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "out of memory");
	hz_top_layout_draw(&state, &grid);
	hz_top_grid_plain(stdout, &grid);
	hz_top_grid_close(&grid);
	if (fflush(stdout) != 0)
		return hz_err_set(err, -errno, 1, "output", "", "%s", strerror(errno));
	return 0;
}

/* Two looks, a second apart. */
static int snapshot_run(struct hz_top_data *data, const struct hz_out *out, struct hz_err *err)
{
	struct timespec wait = { .tv_sec = 1 };
	int status = hz_top_data_take(data, false, err);

	if (status != 0)
		return status;
	nanosleep(&wait, NULL);
	status = hz_top_data_take(data, false, err);
	if (status != 0)
		return status;
	if (!out->is_json)
		return plain_print(data, err);
	return hz_out_result(out, hz_top_json_make(&data->model, data->instance), NULL, err);
}

static int words_read(struct hz_words *words, struct hz_endpoint *collector, bool *is_given,
                      struct hz_err *err)
{
	const char *text = HZ_FEED_CLIENT_DEFAULT;
	int status = 0;

	*is_given = hz_words_take(words, "from");
	if (*is_given)
		status = hz_words_value(words, "from", &text, err);
	if (status == 0 && hz_words_peek(words) != NULL)
		status = hz_words_unknown(words, "from", err);
	if (status == 0 && hz_endpoint_parse(text, collector) != 0)
		status = hz_err_set(err, -EINVAL, 2, "usage", "from " HZ_FEED_CLIENT_DEFAULT,
		                    "'%.60s' is no ADDR:PORT", text);
	return status;
}

int hz_cmd_top(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	struct hz_endpoint collector;
	struct hz_top_reader reader;
	struct hz_top_data *data;
	struct hz_top_term term;
	bool is_given;
	int status = words_read(words, &collector, &is_given, err);

	if (status == 0) /* nothing there at all is an error, and told before the screen is taken */
		status = hz_top_reader_open(opts->instance, &reader, err);
	if (status != 0)
		return status;
	hz_top_reader_close(&reader);
	data = hz_top_data_open(opts->instance);
	if (data == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "out of memory");
	if (opts->out.is_json || !hz_top_term_is_fit(STDIN_FILENO, STDOUT_FILENO) ||
	    hz_top_term_open(STDIN_FILENO, STDOUT_FILENO, &term) != 0)
		status = snapshot_run(data, &opts->out, err);
	else
		status = hz_top_live_run(data, &term, &collector,
		                         hz_feed_link_instance(opts->instance, is_given), err);
	hz_top_data_close(data);
	return status;
}
