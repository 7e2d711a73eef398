/* Runs scripts of segments against the real stack; the language is in README.md of this folder.
 *   run_seg [FILE.seg...]     default: all of tests/tcp
 * Prints ok or not ok per script. */
#include "seg_direct.h"
#include "seg_parse.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 256

struct script {
	struct world world;
	bool is_started;
	char why[600];
};

static const char *const event_names[] = { "open", "data", "eof", "writable", "timer", "close" };
static const char *const close_names[] = { "done", "reset", "timeout", "abort" };

static bool fail(struct script *script, const char *why)
{
	snprintf(script->why, sizeof(script->why), "%s", why);
	return false;
}

/* --- what the stack sent ----------------------------------------------------------------------------- */

static const char *compare(const struct seg *want, const struct seg *got, unsigned has)
{
	if (want->flags != got->flags)
		return "flags";
	if (want->bytes != got->bytes)
		return "len";
	if (want->ecn != got->ecn)
		return "ecn";
	if ((has & SEG_HAS_SEQ) && want->seq != got->seq)
		return "seq";
	if ((has & SEG_HAS_ACK) && want->ack != got->ack)
		return "ack";
	if ((has & SEG_HAS_WIN) && want->window != got->window)
		return "win";
	if (want->source_port != 0 && want->source_port != got->source_port)
		return "port";
	if (!(has & SEG_HAS_OPTIONS))
		return NULL;
	if (want->mss != got->mss || want->has_sackok != got->has_sackok ||
	    want->has_wscale != got->has_wscale || want->wscale != got->wscale)
		return "options";
	if (want->has_ts != got->has_ts ||
	    ((has & SEG_HAS_TS_VAL) && want->ts_val != got->ts_val) ||
	    ((has & SEG_HAS_TS_ECR) && want->ts_ecr != got->ts_ecr))
		return "ts";
	if (want->sack_count != got->sack_count ||
	    memcmp(want->sack, got->sack, sizeof(want->sack[0]) * want->sack_count) != 0)
		return "sack";
	return NULL;
}

static bool expect_segment(struct script *script, char *text)
{
	struct seg want, got;
	const char *why = NULL, *field;
	char got_text[256] = "", want_text[LINE_MAX_BYTES];
	bool is_nothing = strncmp(text, "nothing", 7) == 0;
	unsigned has = 0;
	int found;

	snprintf(want_text, sizeof(want_text), "%s", text);
	if (!is_nothing && (why = seg_parse(text, &want, &has)) != NULL)
		return fail(script, why);
	world_turn(&script->world);
	found = world_capture(&script->world, &got, &why);
	if (found < 0)
		return fail(script, why);
	if (found == 0)
		return is_nothing ? true : fail(script, "nothing was sent");
	seg_print(&got, got_text, sizeof(got_text));
	field = is_nothing ? "a segment" : compare(&want, &got, has);
	if (field == NULL)
		return true;
	snprintf(script->why, sizeof(script->why), "%s differs: want %s, got %s", field, want_text,
	         got_text);
	return false;
}

/* Everything that was sent, unseen but checked. */
static bool discard(struct script *script)
{
	struct seg seg;
	const char *why = NULL;
	int found;

	world_turn(&script->world);
	while ((found = world_capture(&script->world, &seg, &why)) == 1)
		;
	return found == 0 ? true : fail(script, why);
}

/* --- what the application saw -------------------------------------------------------------------------- */

static bool expect_event(struct script *script, const char *text)
{
	struct app *app = &script->world.app;
	char got[64] = "nothing";

	world_turn(&script->world);
	if (app->event_count > 0) {
		const struct app_event *event = &app->event[app->event_first];

		if (event->kind == APP_DATA)
			snprintf(got, sizeof(got), "data %u", event->value);
		else if (event->kind == APP_CLOSE)
			snprintf(got, sizeof(got), "close %s", close_names[event->value]);
		else
			snprintf(got, sizeof(got), "%s", event_names[event->kind]);
	}
	if (app->has_bad_data)
		return fail(script, "on_data showed wrong bytes");
	if (strcmp(got, text) != 0) {
		snprintf(script->why, sizeof(script->why), "application: want %s, got %s", text,
		         got);
		return false;
	}
	if (app->event_count > 0) {
		app->event_first = (app->event_first + 1) % WORLD_EVENTS_MAX;
		app->event_count--;
	}
	return true;
}

static bool direct_app(struct script *script, const char *text)
{
	struct world *world = &script->world;
	struct app *app = &world->app;
	unsigned n = 0;
	double seconds = 0;

	if (sscanf(text, "consume %u", &n) == 1)
		app->consume_max = n;
	else if (strcmp(text, "consume all") == 0)
		app->consume_max = UINT32_MAX;
	else if (sscanf(text, "reserve %u", &n) == 1)
		app->reserve_bytes = n;
	else if (sscanf(text, "write %u", &n) == 1)
		world_app_write(world, n);
	else if (strcmp(text, "refuse") == 0)
		app->refuses = true;
	else if (strcmp(text, "idle") == 0)
		app->is_idle = true;
	else if (strcmp(text, "busy") == 0)
		app->is_idle = false;
	else if (strcmp(text, "echo") == 0)
		app->echo = true;
	else if (strcmp(text, "shutdown on eof") == 0)
		app->shutdown_on_eof = true;
	else if (strcmp(text, "shutdown on data") == 0)
		app->shutdown_on_data = true;
	else if (strcmp(text, "abort on data") == 0)
		app->abort_on_data = true;
	else if (app->stream == NULL)
		return fail(script, "no connection, or unknown words after app");
	else if (strcmp(text, "timer off") == 0)
		hz_stream_timer(app->stream, 0);
	else if (sscanf(text, "timer %lf", &seconds) == 1)
		hz_stream_timer(app->stream, world->env.now_ns + (uint64_t)(seconds * 1e9));
	else if (strcmp(text, "shutdown") == 0)
		hz_stream_shutdown(app->stream);
	else if (strcmp(text, "abort") == 0)
		hz_stream_abort(app->stream);
	else
		return fail(script, "unknown words after app");
	return true;
}

/* --- the rest of the language ------------------------------------------------------------------------------ */

static bool check_count(struct script *script, const char *text)
{
	static const char *const names[] = {
#define HZ_COUNTER(name, help) #name,
#include "telemetry/counters.def"
#undef HZ_COUNTER
	};
	char name[64];
	unsigned want;

	world_turn(&script->world);
	if (sscanf(text, "%63s %u", name, &want) != 2)
		return fail(script, "count NAME N");
	for (size_t i = 0; i < HZ_ARRAY_LEN(names); i++) {
		uint64_t got = script->world.fake.worker.counters[i];

		if (strcmp(names[i], name) != 0)
			continue;
		if (got == want)
			return true;
		snprintf(script->why, sizeof(script->why), "%s is %llu, not %u", name,
		         (unsigned long long)got, want);
		return false;
	}
	return fail(script, "no such counter");
}

static bool check_gauge(struct script *script, const char *text)
{
	const struct hz_connections *conns = &script->world.fake.conns;
	struct hz_tcp_pressure pressure = hz_tcp_pressure(script->world.tcp);
	const struct {
		const char *name;
		uint64_t value;
	} gauge[] = {
		{ "syn_rcvd", conns->syn_rcvd },
		{ "established", conns->established },
		{ "fin_wait_1", conns->fin_wait_1 },
		{ "fin_wait_2", conns->fin_wait_2 },
		{ "close_wait", conns->close_wait },
		{ "closing", conns->closing },
		{ "last_ack", conns->last_ack },
		{ "time_wait", conns->time_wait },
		{ "connecting", script->world.fake.worker.connecting },
		{ "pressure_connections", pressure.connections },
		{ "pressure_half_open", pressure.half_open },
		{ "pressure_buffers", pressure.buffers },
		{ "connections", hz_tcp_connection_count(script->world.tcp) },
	};
	char name[64];
	unsigned want;

	if (sscanf(text, "%63s %u", name, &want) != 2)
		return fail(script, "gauge NAME N");
	for (size_t i = 0; i < HZ_ARRAY_LEN(gauge); i++) {
		if (strcmp(gauge[i].name, name) != 0)
			continue;
		if (gauge[i].value == want)
			return true;
		snprintf(script->why, sizeof(script->why), "gauge %s is %llu, not %u", name,
		         (unsigned long long)gauge[i].value, want);
		return false;
	}
	return fail(script, "no such gauge");
}

static bool configure(struct script *script, const char *text)
{
	struct world *world = &script->world;
	unsigned n;

	if (strcmp(text, "v6") == 0)
		world->is_v6 = true;
	else if (sscanf(text, "tags %u", &n) == 1)
		world->tags = (uint8_t)n;
	else if (sscanf(text, "mtu %u", &n) == 1)
		world->fake.port.mtu = (uint16_t)n;
	else if (sscanf(text, "connections %u", &n) == 1)
		world->connections_max = n;
	else if (sscanf(text, "time_wait %u", &n) == 1)
		world->time_wait_max = n;
	else if (sscanf(text, "isn %u", &n) == 1)
		world->isn_peer = n;
	else if (!seg_direct_conf(world, text))
		return fail(script, "unknown words after conf");
	return true;
}

static bool direct_driver(struct script *script, const char *text)
{
	struct fake_port *fake = &script->world.fake;
	unsigned n;

	if (strcmp(text, "holds") == 0)
		fake->is_holding = true;
	else if (strcmp(text, "returns") == 0) {
		fake->is_holding = false;
		fake_port_release_held(fake);
	} else if (sscanf(text, "allocs %u", &n) == 1)
		fake->allocs_left = n;
	else if (strcmp(text, "allocs all") == 0)
		fake->allocs_left = UINT32_MAX;
	else
		return fail(script, "unknown words after driver");
	return true;
}

static bool inject(struct script *script, char *text)
{
	struct seg seg;
	unsigned has;
	const char *why = seg_parse(text, &seg, &has);

	if (why != NULL)
		return fail(script, why);
	if (seg.bytes > 2000)
		return fail(script, "len is more than a frame holds");
	if (!(has & SEG_HAS_WIN))
		seg.window = 65535;
	world_inject(&script->world, &seg);
	return true;
}

/* The handshake in one line; timestamps of the peer start at what the options say. */
static bool connect_peer(struct script *script, const char *options)
{
	char syn[LINE_MAX_BYTES], open[] = "open";
	struct seg got, ack = { .seq = 1, .ack = 1, .window = 65535, .flags = HZ_TCP_ACK };
	const char *why = NULL;

	snprintf(syn, sizeof(syn), "SYN seq 0 win 65535 %s", options);
	if (!inject(script, syn))
		return false;
	world_turn(&script->world);
	if (world_capture(&script->world, &got, &why) != 1)
		return fail(script, why != NULL ? why : "no SYN-ACK");
	ack.has_ts = got.has_ts;
	ack.ts_val = got.ts_ecr;
	world_inject(&script->world, &ack);
	return expect_event(script, open);
}

/* Our last two initial sequence numbers: the newer one is more than n ahead, modulo 2^32. */
static bool check_isn(struct script *script, unsigned n)
{
	uint32_t ahead = script->world.isn_us - script->world.isn_before;

	if (ahead > n && ahead < 1u << 31)
		return true;
	snprintf(script->why, sizeof(script->why), "the new ISN is %d ahead of the old one",
	         (int)ahead);
	return false;
}

static bool line_run(struct script *script, char *line)
{
	unsigned n;

	if (strncmp(line, "conf ", 5) == 0)
		return configure(script, line + 5);
	if (!script->is_started && world_start(&script->world) != 0)
		return fail(script, "the stack does not open");
	script->is_started = true;
	if (line[0] == '>')
		return inject(script, line + 1);
	if (strncmp(line, "< ", 2) == 0)
		return expect_segment(script, line + 2);
	if (line[0] == '+') {
		char *unit;
		double time = strtod(line + 1, &unit);

		world_advance(&script->world,
		              (uint64_t)(time * (strcmp(unit, "ms") == 0 ? 1e6 : 1e9) + 0.5));
		return true;
	}
	if (strncmp(line, "connect", 7) == 0)
		return connect_peer(script, line + 7);
	if (strncmp(line, "app ", 4) == 0)
		return direct_app(script, line + 4);
	if (strncmp(line, "expect ", 7) == 0)
		return expect_event(script, line + 7);
	if (strncmp(line, "count ", 6) == 0)
		return check_count(script, line + 6);
	if (strncmp(line, "gauge ", 6) == 0) {
		world_turn(&script->world);
		return check_gauge(script, line + 6);
	}
	if (strncmp(line, "driver ", 7) == 0)
		return direct_driver(script, line + 7);
	if (sscanf(line, "mac %u", &n) == 1) {
		script->world.peer_mac = (uint8_t)n;
		return true;
	}
	if (sscanf(line, "isn beyond %u", &n) == 1)
		return check_isn(script, n);
	if (strcmp(line, "discard") == 0)
		return discard(script);
	if (strcmp(line, "turn") == 0) {
		world_turn(&script->world);
		return true;
	}
	if (strcmp(line, "drain") == 0) {
		hz_tcp_drain(script->world.tcp);
		return true;
	}
	return seg_direct(&script->world, line, script->why, sizeof(script->why));
}

/* Without comment and blanks around; NULL: empty. */
static char *line_strip(char *line)
{
	size_t n;

	line[strcspn(line, "#\n")] = '\0';
	line += strspn(line, " \t");
	n = strlen(line);
	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
		line[--n] = '\0';
	return n > 0 ? line : NULL;
}

/* After its last line a script must have named every segment that was sent. */
static bool lines_run(struct script *script, FILE *file, unsigned *line_number)
{
	char line[LINE_MAX_BYTES], rest[16] = "nothing";

	while (fgets(line, sizeof(line), file) != NULL) {
		char *text = line_strip(line);

		(*line_number)++;
		if (text != NULL && !line_run(script, text))
			return false;
	}
	return script->is_started ? expect_segment(script, rest) : fail(script, "empty script");
}

static bool script_run(struct script *script, const char *path, unsigned *line_number)
{
	FILE *file = fopen(path, "r");
	uint32_t leaked = 0;
	bool is_good;

	memset(script, 0, sizeof(*script));
	if (file == NULL)
		return fail(script, "cannot be read");
	if (world_open(&script->world) != 0) {
		fclose(file);
		return fail(script, "EAL or its pool does not open");
	}
	is_good = lines_run(script, file, line_number);
	fclose(file);
	if (script->is_started)
		leaked = world_close(&script->world);
	else
		fake_port_close(&script->world.fake);
	if (!is_good)
		return false;
	if (leaked != 0)
		return fail(script, "packet buffers leaked");
	if (script->world.app.open_count != script->world.app.close_count)
		return fail(script, "on_close was not called once per on_open");
	return true;
}

static unsigned run_all(char *const *path, size_t count)
{
	struct script *script = malloc(sizeof(*script));
	unsigned failed = 0;

	if (script == NULL)
		return 1;
	for (size_t i = 0; i < count; i++) {
		const char *name =
			strrchr(path[i], '/') != NULL ? strrchr(path[i], '/') + 1 : path[i];
		int stem = (int)strcspn(name, ".");
		unsigned line_number = 0;

		if (script_run(script, path[i], &line_number)) {
			printf("ok seg.%.*s\n", stem, name);
		} else {
			printf("not ok seg.%.*s: line %u: %s\n", stem, name, line_number,
			       script->why);
			failed++;
		}
		fflush(stdout);
	}
	free(script);
	return failed;
}

int main(int argc, char **argv)
{
	glob_t found;
	unsigned failed;

	if (argc > 1)
		return run_all(argv + 1, (size_t)argc - 1) == 0 ? 0 : 1;
	if (glob("tests/tcp/*.seg", 0, NULL, &found) != 0) {
		fprintf(stderr,
		        "run_seg: no scripts in tests/tcp; run it from the top of the tree\n");
		return 70;
	}
	failed = run_all(found.gl_pathv, found.gl_pathc);
	globfree(&found);
	return failed == 0 ? 0 : 1;
}
