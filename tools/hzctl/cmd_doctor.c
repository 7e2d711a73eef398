/* hzctl doctor: one line per check, and a command for each problem. */
#include "commands.h"
#include "doctor_checks.h"
#include <string.h>

static const char *const verdict_names[] = { "ok", "warn", "FAIL" };

static void doctor_text(FILE *to, const json_t *result)
{
	const json_t *check;
	size_t i;

	json_array_foreach (json_object_get(result, "checks"), i, check) {
		fprintf(to, "%-5s %-11s %s\n", hz_out_string(check, "verdict"),
		        hz_out_string(check, "name"), hz_out_string(check, "detail"));
		if (hz_out_string(check, "try")[0] != '\0')
			fprintf(to, "      try: %s\n", hz_out_string(check, "try"));
	}
}

int hz_cmd_doctor(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	enum hz_doctor_verdict worst = HZ_DOCTOR_OK;
	json_t *checks;
	int status;

	status = hz_words_end(words, err);
	if (status != 0)
		return status;
	checks = json_array();
	for (size_t i = 0; i < hz_doctor_checks_count; i++) {
		struct hz_doctor_result result = { 0 };

		hz_doctor_checks[i].run(&result);
		worst = HZ_MAX(worst, result.verdict);
		json_array_append_new(checks, json_pack("{s:s, s:s, s:s, s:s}", "verdict",
		                                        verdict_names[result.verdict], "name",
		                                        hz_doctor_checks[i].name, "detail",
		                                        result.detail, "try", result.try_this));
	}
	status = hz_out_result(&opts->out, json_pack("{s:o}", "checks", checks), doctor_text, err);
	if (status != 0)
		return status;
	return worst == HZ_DOCTOR_FAIL ? 5 : 0;
}
