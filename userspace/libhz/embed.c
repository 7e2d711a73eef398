/* A server in somebody else's process: options in, hz_server_run inside, errors out. */
#include "api/api.h"
#include "api/api_priv.h"
#include "config/route_name.h"
#include "core/log.h"
#include "core/span_ops.h"
#include "loader/xdp_chatter.h"
#include "server/server.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ROUTES_FIRST 16u
#define EMPTY_SITE   "routes: []\n"

/* One route of the program; match and name (NULL: it has none of its own) are owned. */
struct embed_route {
	struct hz_api_route api;
	char *match, *name;
	char called[HZ_SITE_NAME_MAX];
	uint64_t body_bytes_max;
};

struct hz_app {
	struct hz_options options; /* its texts and lists are owned copies */
	char **listens, **settings;
	struct hz_api *api;
	struct embed_route **route; /* each stays where it is */
	uint32_t route_count, route_room;
	int stop_fd;
	bool has_run; /* atomic */
	bool has_blocked;
	bool is_stuck;   /* a worker still runs, and all of this is its */
	sigset_t before; /* has_blocked: of the thread that made it */
};

/* --- errors ---------------------------------------------------------------------------------------- */

static int error_fill(struct hz_error *error, const struct hz_err *err)
{
	if (error != NULL) {
		*error = (struct hz_error){ .exit_code = err->exit_code };
		memcpy(error->what, err->what, sizeof(error->what));
		memcpy(error->why, err->why, sizeof(error->why));
		memcpy(error->hint, err->hint, sizeof(error->hint));
	}
	return err->exit_code;
}
_Static_assert(sizeof(((struct hz_error *)0)->what) == sizeof(((struct hz_err *)0)->what) &&
                       sizeof(((struct hz_error *)0)->why) == sizeof(((struct hz_err *)0)->why) &&
                       sizeof(((struct hz_error *)0)->hint) == sizeof(((struct hz_err *)0)->hint),
               "texts fit");

static int error_new(struct hz_error *error, int status, const char *why)
{
	struct hz_err err = { 0 };

	hz_err_what(&err, "hz_app_new failed");
	hz_err_set(&err, status, status == -ENOMEM ? 5 : 2, "options", "", "%s", why);
	error_fill(error, &err);
	return status;
}

int hz_error_print(const struct hz_error *error)
{
	struct hz_err err = { .exit_code = error->exit_code };

	memcpy(err.what, error->what, sizeof(err.what));
	memcpy(err.why, error->why, sizeof(err.why));
	memcpy(err.hint, error->hint, sizeof(err.hint));
	hz_err_print(stderr, "hz", &err);
	return error->exit_code;
}

/* --- options --------------------------------------------------------------------------------------- */

static void list_free(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

/* A copy, or NULL with *is_short raised when there is no memory. */
static char **list_copy(const char *const *list, bool *is_short)
{
	size_t count = 0;
	char **copy;

	if (list == NULL)
		return NULL;
	while (list[count] != NULL)
		count++;
	copy = calloc(count + 1, sizeof(*copy));
	for (size_t i = 0; copy != NULL && i < count; i++) {
		copy[i] = strdup(list[i]);
		if (copy[i] == NULL) {
			list_free(copy);
			copy = NULL;
		}
	}
	*is_short |= copy == NULL;
	return copy;
}

static const char *text_copy(const char *text, bool *is_short)
{
	char *copy = text != NULL ? strdup(text) : NULL;

	*is_short |= text != NULL && copy == NULL;
	return copy;
}

static void text_free(const char *text)
{
	free((char *)(uintptr_t)text);
}

static int options_keep(struct hz_app *app, const struct hz_options *from)
{
	bool is_short = false;

	app->options = *from;
	app->options.name = text_copy(from->name != NULL ? from->name : "hz", &is_short);
	app->options.instance = text_copy(from->instance, &is_short);
	app->options.site_file = text_copy(from->site_file, &is_short);
	app->options.site_text = text_copy(from->site_text, &is_short);
	app->listens = list_copy(from->listens, &is_short);
	app->settings = list_copy(from->settings, &is_short);
	return is_short ? -ENOMEM : 0;
}

static const char *options_problem(const struct hz_options *options)
{
	if (options->site_file != NULL && options->site_text != NULL)
		return "site_file and site_text: only one can be the site";
	if (options->instance != NULL && !hz_server_instance_is_valid(options->instance))
		return "instance names are 1..32 letters, digits, - and _";
	return NULL;
}

/* A thread that does not block them would take them, and end the process. */
static void signals_block(struct hz_app *app)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	app->has_blocked = pthread_sigmask(SIG_BLOCK, &set, &app->before) == 0;
}

int hz_app_new(const struct hz_options *options, struct hz_app **out, struct hz_error *error)
{
	struct hz_options own;
	struct hz_app *app;
	int status = hz_api_struct_copy(&own, sizeof(own), options);

	if (status != 0)
		return error_new(error, status, "the options are of another version");
	if (options_problem(&own) != NULL)
		return error_new(error, -EINVAL, options_problem(&own));
	app = calloc(1, sizeof(*app));
	if (app == NULL)
		return error_new(error, -ENOMEM, strerror(ENOMEM));
	app->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	status = app->stop_fd == -1 ? -errno : options_keep(app, &own);
	if (status == 0) {
		const struct hz_api_owner program = { .begin = own.worker_begin,
			                              .end = own.worker_end,
			                              .ctx = own.ctx };

		status = hz_api_open(&program, &app->api);
	}
	if (status != 0) {
		hz_app_free(app);
		return error_new(error, status, strerror(-status));
	}
	if (own.takes_signals)
		signals_block(app);
	*out = app;
	return 0;
}

static void route_free(struct embed_route *route)
{
	free(route->match);
	free(route->name);
	free(route);
}

void hz_app_free(struct hz_app *app)
{
	if (app == NULL)
		return;
	if (app->has_blocked)
		pthread_sigmask(SIG_SETMASK, &app->before, NULL);
	if (app->is_stuck)
		return;
	hz_api_close(app->api);
	for (uint32_t i = 0; i < app->route_count; i++)
		route_free(app->route[i]);
	free(app->route);
	if (app->stop_fd != -1)
		close(app->stop_fd);
	text_free(app->options.name);
	text_free(app->options.instance);
	text_free(app->options.site_file);
	text_free(app->options.site_text);
	list_free(app->listens);
	list_free(app->settings);
	free(app);
}

/* --- routes ---------------------------------------------------------------------------------------- */

static int routes_grow(struct hz_app *app)
{
	uint32_t room = app->route_room == 0 ? ROUTES_FIRST : 2 * app->route_room;
	struct embed_route **route;

	if (app->route_count < app->route_room)
		return 0;
	route = realloc(app->route, room * sizeof(struct embed_route *));
	if (route == NULL)
		return -ENOMEM;
	app->route = route;
	app->route_room = room;
	return 0;
}

static struct embed_route *route_make(const struct hz_app *app, const struct hz_route *from)
{
	struct embed_route *route = calloc(1, sizeof(*route));

	if (route == NULL)
		return NULL;
	route->match = strdup(from->match);
	route->name = from->name != NULL ? strdup(from->name) : NULL;
	if (route->match == NULL || (from->name != NULL && route->name == NULL)) {
		route_free(route);
		return NULL;
	}
	if (from->name != NULL)
		snprintf(route->called, sizeof(route->called), "%s", from->name);
	else
		hz_route_name_make(hz_span_text(from->match), (struct hz_span){ NULL, 0 },
		                   route->called);
	route->body_bytes_max = from->body_bytes_max;
	route->api = (struct hz_api_route){
		.api = app->api,
		.name = route->called,
		.handler = from->handler,
		.body = from->body,
		.ctx = from->ctx,
	};
	return route;
}

int hz_app_route_with(struct hz_app *app, const struct hz_route *route)
{
	struct embed_route *made;
	struct hz_route own;
	int status = hz_api_struct_copy(&own, sizeof(own), route);

	if (status != 0)
		return status;
	if (own.match == NULL || own.handler == NULL ||
	    (own.name != NULL && !hz_site_name_is_good(own.name)))
		return -EINVAL;
	if (__atomic_load_n(&app->has_run, __ATOMIC_ACQUIRE))
		return -EBUSY;
	if (app->route_count == HZ_LIMIT_routes_max)
		return -E2BIG;
	status = routes_grow(app);
	made = status == 0 ? route_make(app, &own) : NULL;
	if (made == NULL)
		return -ENOMEM;
	app->route[app->route_count++] = made;
	return 0;
}

int hz_app_route(struct hz_app *app, const char *match, hz_handler_fn *handler, void *ctx)
{
	const struct hz_route route =
		HZ_INIT(hz_route, .match = match, .handler = handler, .ctx = ctx);

	return hz_app_route_with(app, &route);
}

/* --- running --------------------------------------------------------------------------------------- */

/* Where the file is wrong goes to stderr, with line and column. */
static int site_read(const struct hz_app *app, struct hz_server_conf *conf, struct hz_err *err)
{
	const char *name = app->options.site_file != NULL ? app->options.site_file : "site";
	const char *own_text = app->options.site_text != NULL ? app->options.site_text : EMPTY_SITE;
	struct hz_span text = { (const uint8_t *)own_text, strlen(own_text) };
	struct hz_site_errors *errors = calloc(1, sizeof(*errors));
	int status;

	if (errors == NULL)
		return hz_err_set(err, -ENOMEM, 5, "memory", "", "Cannot allocate memory");
	if (app->options.site_file != NULL)
		status = hz_site_load(name, &conf->site, &text, errors);
	else
		status = hz_site_parse(text, &conf->site, errors);
	if (status == 0 && app->options.site_file == NULL)
		status = hz_site_sources_load(conf->site, errors);
	if (status != 0 && errors->count > 0) {
		hz_site_errors_print(stderr, name, text, errors);
		hz_err_set(err, status, 2, "bad_config", "", "%s: %u errors, the first: %s", name,
		           errors->count, errors->error[0].text);
	} else if (status != 0) {
		(void)hz_site_load_explain(name, status, 2, err);
	}
	free(errors);
	if (app->options.site_file != NULL)
		free((void *)(uintptr_t)text.data);
	return status;
}

static int conf_fill(const struct hz_app *app, struct hz_server_conf *conf, struct hz_err *err)
{
	int status = 0;

	hz_tune_defaults(&conf->tune);
	for (size_t i = 0; status == 0 && app->settings != NULL && app->settings[i] != NULL; i++)
		status = hz_server_conf_set(conf, app->settings[i], err);
	for (size_t i = 0; status == 0 && app->listens != NULL && app->listens[i] != NULL; i++)
		status = hz_server_conf_listen(conf, app->listens[i], err);
	if (status == 0)
		status = site_read(app, conf, err);
	conf->instance = app->options.instance;
	conf->site_path = app->options.site_file;
	return status;
}

static struct hz_site_own *own_make(const struct hz_app *app)
{
	struct hz_site_own *own = calloc(app->route_count + 1u, sizeof(*own));

	for (uint32_t i = 0; own != NULL && i < app->route_count; i++)
		own[i] = (struct hz_site_own){
			.match = app->route[i]->match,
			.name = app->route[i]->name,
			.body_bytes_max = app->route[i]->body_bytes_max,
			.own = &app->route[i]->api,
		};
	return own;
}

static int app_run(struct hz_app *app, struct hz_server_conf *conf, struct hz_err *err)
{
	struct hz_site_own *own = own_make(app);
	int status;

	if (own == NULL) {
		hz_err_set(err, -ENOMEM, 5, "memory", "", "Cannot allocate memory");
		return 5;
	}
	conf->host = (struct hz_server_host){
		.is_embedded = true,
		.takes_signals = app->options.takes_signals,
		.stop_fd = app->stop_fd,
		.api = app->api,
		.own_count = app->route_count,
		.own = own,
		.ready = app->options.ready,
		.ctx = app->options.ctx,
	};
	if (conf_fill(app, conf, err) != 0)
		status = err->exit_code;
	else
		status = hz_server_run(conf, err);
	if (!conf->is_stuck)
		free(own);
	return status;
}

int hz_app_run(struct hz_app *app, struct hz_error *error)
{
	struct hz_server_conf *conf = calloc(1, sizeof(*conf));
	struct hz_err err = { 0 };
	int status;

	hz_err_what(&err, "cannot start");
	if (conf == NULL || __atomic_exchange_n(&app->has_run, true, __ATOMIC_ACQ_REL)) {
		hz_err_set(&err, -EALREADY, conf == NULL ? 5 : 70, "hz_app_run", "", "%s",
		           conf == NULL ? strerror(ENOMEM) : "it has run already");
		free(conf);
		return error_fill(error, &err);
	}
	hz_log_open(app->options.name, HZ_LOG_INFO);
	hz_xdp_chatter_divert();
	status = app_run(app, conf, &err);
	app->is_stuck = conf->is_stuck;
	if (!app->is_stuck)
		free(conf);
	if (status == 0)
		return 0;
	err.exit_code = status;
	return error_fill(error, &err);
}

/* eventfd's write is async-signal-safe; it fails only when it has been asked 2^64 times. */
void hz_app_stop(struct hz_app *app)
{
	const uint64_t one = 1;
	int saved = errno;

	(void)!write(app->stop_fd, &one, sizeof(one));
	errno = saved;
}
