/* hzctl worker show: one line per core, from the maps; hzd need not live. */
#include "commands.h"
#include "worker_json.h"
#include <errno.h>

int hz_cmd_worker_show(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	struct hz_telemetry_view view;
	json_t *workers = NULL;
	uint64_t number = 0;
	int id = -1, status = 0;

	if (hz_words_take(words, "id")) {
		status = hz_words_number(words, "id", 0, HZ_WORKERS_MAX - 1, &number, err);
		id = (int)number;
	}
	if (status == 0 && hz_words_peek(words) != NULL)
		status = hz_words_unknown(words, "id", err);
	if (status == 0)
		status = hz_telemetry_view_open(opts->instance, &view, err);
	if (status != 0)
		return status;
	hz_telemetry_view_note(&view);
	status = hz_worker_json_sample(&view, id, &workers, err);
	hz_telemetry_view_close(&view);
	if (status == 0 && id >= 0 && json_array_size(workers) == 0) {
		json_decref(workers);
		status = hz_err_set(err, -ENOENT, 1, "no_worker", "hzctl worker",
		                    "no worker %d ever started", id);
	}
	if (status != 0)
		return status;
	return hz_out_result(&opts->out, json_pack("{s:o}", "workers", workers),
	                     hz_worker_json_text, err);
}
