/* What XDP tells probes, as far as it is the server's to say: map `cfg`. Beats are the workers' own. */
#include "core/hint.h"
#include "core/log.h"
#include "server/server_priv.h"
#include <errno.h>
#include <string.h>
#include <time.h>

/* Cut off, it serves nobody; in maintenance it serves who comes. Probes shall look elsewhere. */
enum hz_state hz_server_state_word(const struct hz_server *server)
{
	if (server->state != HZ_STATE_READY)
		return server->state;
	if (server->cut_off.code[0] != '\0')
		return HZ_STATE_STARTING;
	return server->in_maintenance ? HZ_STATE_MAINTENANCE : HZ_STATE_READY;
}

static int cfg_fail(const struct hz_server *server, int status, struct hz_err *err)
{
	char hint[sizeof(err->hint)];

	hz_hint_write(hint, sizeof(hint), server->conf->instance, "xdp show");
	return hz_err_set(err, status, 6, "map", hint, "map cfg: %s", strerror(-status));
}

static void settings_put(struct hz_cfg *cfg, const struct hz_tune *tune)
{
	cfg->beat_timeout_ns = tune->health_beat_timeout_ms * HZ_NS_PER_MS;
	cfg->on_dead = tune->health_on_dead;
	cfg->icmp_echo = tune->health_icmp_echo;
	cfg->keep_alive = tune->health_keep_alive;
	cfg->health_off = tune->health_in_kernel == 0;
	cfg->shed_verdict = tune->shed_verdict;
}

/* All of them with one write: XDP never sees some of a transaction. *cfg is what it says then. */
static int cfg_settle(struct hz_server *server, bool is_start, struct hz_cfg *cfg,
                      struct hz_err *err)
{
	int status = hz_xdp_cfg_read(&server->maps, cfg);

	if (status == 0) {
		settings_put(cfg, &server->conf->tune);
		if (is_start) {
			cfg->workers = server->seats.count;
			cfg->state = HZ_STATE_STARTING;
			cfg->reload_unix = server->reload_unix = (uint64_t)time(NULL);
			cfg->reload_failed = 0;
		}
		status = hz_xdp_cfg_write(&server->maps, cfg);
	}
	return status == 0 ? 0 : cfg_fail(server, status, err);
}

int hz_server_health_apply(struct hz_server *server, struct hz_err *err)
{
	struct hz_cfg cfg;

	return hz_server_has_xdp(server) ? cfg_settle(server, false, &cfg, err) : 0;
}

int hz_server_health_open(struct hz_server *server, struct hz_err *err)
{
	struct hz_cfg cfg;
	int status;

	if (!hz_server_has_xdp(server))
		return 0;
	status = cfg_settle(server, true, &cfg, err);
	if (status != 0)
		return status;
	server->in_maintenance = cfg.maintenance != 0;
	if (server->in_maintenance)
		hz_log(HZ_LOG_WARN, "in maintenance since before this start: health answers 503; "
		                    "try: hzctl health maintenance off");
	return 0;
}

static int state_write(const struct hz_server *server)
{
	struct hz_cfg cfg;
	int status = hz_xdp_cfg_read(&server->maps, &cfg);

	if (status != 0)
		return status;
	cfg.state = hz_server_state_word(server);
	cfg.maintenance = server->in_maintenance;
	cfg.workers = server->seats.count;
	cfg.generation = server->generation;
	cfg.reload_unix = server->reload_unix;
	cfg.reload_failed = server->is_reload_failed;
	return hz_xdp_cfg_write(&server->maps, &cfg);
}

void hz_server_state_set(struct hz_server *server, enum hz_state state)
{
	server->state = state;
	if (hz_server_has_xdp(server) && state_write(server) != 0)
		hz_log(HZ_LOG_ERROR, "cannot write the cfg map: health answers may be wrong");
}

void hz_server_reload_note(struct hz_server *server, bool is_taken)
{
	server->reload_unix = (uint64_t)time(NULL);
	server->is_reload_failed = !is_taken;
	hz_server_state_set(server, server->state);
}

int hz_server_maintenance(struct hz_server *server, bool is_on, struct hz_err *err)
{
	bool was_on = server->in_maintenance;
	int status;

	if (!hz_server_has_xdp(server))
		return hz_err_set(err, -EOPNOTSUPP, 1, "no_kernel_plane", "hzctl status",
		                  "no XDP program answers probes here");
	server->in_maintenance = is_on;
	status = state_write(server);
	if (status != 0) {
		server->in_maintenance = was_on;
		return cfg_fail(server, status, err);
	}
	if (is_on != was_on)
		hz_log(HZ_LOG_INFO, is_on ? "maintenance: health answers 503, traffic goes on"
		                          : "maintenance is over");
	return 0;
}

/* hzctl writes the map itself when nobody listens at the control socket, and may do so in the moment in
 * which hzd starts: the one that wrote last has overwritten the other. */
void hz_server_health_watch(struct hz_server *server)
{
	struct hz_cfg cfg;

	if (!hz_server_has_xdp(server) || hz_xdp_cfg_read(&server->maps, &cfg) != 0)
		return;
	if (cfg.state != hz_server_state_word(server) || cfg.maintenance != server->in_maintenance)
		hz_server_state_set(server, server->state);
}
