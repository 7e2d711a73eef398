/* The server's parts as its own files see them. */
#ifndef HZ_SERVER_PRIV_H
#define HZ_SERVER_PRIV_H

#include "core/cookie_keys.h"
#include "hz_fastpath.h"
#include "io_sock/sock.h"
#include "loader/xdp_lists.h"
#include "loader/xdp_maps.h"
#include "loader/xdp_served.h"
#include "server/rundir.h"
#include "server/seats.h"
#include "server/server.h"
#include "server/snapshot.h"
#include "telemetry/slow_worst.h"
#include <jansson.h>
#include <sys/types.h>

#define HZ_SERVER_PORTS_MAX    16
#define HZ_SERVER_DEGRADED_MAX 6
#define HZ_SERVER_STREAM_MAX   16

struct hz_api_modules; /* api/api_module.h */
struct hz_control;     /* control.c */
struct hz_publish;     /* telemetry_pub.c */
struct hz_events_tell; /* events_tell.c */
struct hz_log_writer;  /* log_writer.h */

/* A question about connections that went to the workers, control_conn.c. One at a time. */
struct hz_server_round {
	bool is_running;
	struct hz_conn_query query;
	uint64_t until_ns;
	uint64_t asked;  /* bit per worker */
	uint64_t silent; /* bit per worker that answered too late or not at all */
};

/* What hz-collector is handed, control_stream.c: opened at start, owned by the server. */
struct hz_server_stream {
	uint32_t count;
	int fd[HZ_SERVER_STREAM_MAX];
	const char *name[HZ_SERVER_STREAM_MAX];
};

/* A ring in a place of `subscribers`, subscriber_reap.c. */
struct hz_server_subscriber {
	uint32_t id; /* the kernel's; 0: the place is free */
	uint64_t since_ns;
};

/* Changes of files that the published snapshot does not show yet, files_follow.c. */
struct hz_server_files {
	uint64_t generation;        /* of the snapshot that is looked at */
	uint64_t first_ns, last_ns; /* when something changed; first 0: nothing did */
	uint64_t read_ns;           /* when the trees were last read for that */
	struct hz_files_rep
		*held;   /* owned: what answers under way are made of, though it changed */
	bool is_failing; /* told that the last time failed */
	bool is_short;   /* told that not all is watched */
};

/* Slow answers, slow_tell.c. */
struct hz_server_slow {
	struct hz_slow_conf conf; /* words that workers load */
	uint64_t second_ns;
	uint32_t at_once;          /* told in this second as they came */
	struct hz_slow_worst held; /* the longest of the others; told when it is over, */
	struct hz_slow_worst due;  /* those of the one before, in the order of their time, */
	uint32_t due_told;         /* of which so many are */
	uint64_t told;
	uint64_t refused; /* beyond telemetry/slow_per_s */
};

/* What the stream says that an interface runs. */
struct hz_server_program {
	uint32_t id;  /* 0: none of ours */
	bool is_gone; /* as the last look found; told with the next one that does */
};

struct hz_server {
	struct hz_server_conf *conf;
	/* what it serves */
	struct hz_app_state app;     /* what workers see: the published snapshot */
	struct hz_snapshot *retired; /* replaced, perhaps still pinned by requests */
	struct hz_api *api;          /* owned, unless the host's */
	struct hz_api_modules *modules;
	uint64_t generation;
	uint64_t reloaded_ns;
	uint64_t reload_unix; /* when one was last tried, start included */
	bool is_reload_failed;
	struct hz_server_files files;
	/* where it serves */
	uint32_t listen_count;
	struct hz_endpoint listen[HZ_SITE_LISTENS_MAX];
	uint64_t exempt_listens;                   /* bit per index: class control */
	uint32_t listen_port[HZ_SITE_LISTENS_MAX]; /* index in port, with boot/io=af_xdp */
	uint8_t listen_class[HZ_SITE_LISTENS_MAX]; /* enum hz_shed_class, as claimed */
	uint32_t port_count;
	struct hz_fastpath_port port[HZ_SERVER_PORTS_MAX];
	int port_lock_fd[HZ_SERVER_PORTS_MAX];
	struct hz_xdp_served served[HZ_SERVER_PORTS_MAX];      /* as it was attached at start */
	struct hz_server_program program[HZ_SERVER_PORTS_MAX]; /* on each port, as told of */
	uint64_t ports_look_ns;                                /* when they were last looked at */
	struct hz_err cut_off; /* why an interface gives us nothing any more; no code: all do */
	struct hz_device
		device[HZ_TUNE_DEVICES_MAX]; /* boot/io=memif and eal: what port[] points into */
	/* with what */
	struct hz_rundir rundir;
	struct hz_rundir_shared shared;   /* boot/io=socket */
	struct hz_xdp_maps maps;          /* boot/io=af_xdp */
	struct hz_cookies cookies;        /* without maps; else those of the map are used */
	struct hz_xdp_lists lists;        /* of sources; boot/io=af_xdp */
	struct hz_overload_conf overload; /* of all workers; words that shed_settings.c stores */
	struct hz_server_slow slow;
	struct hz_seats seats;
	struct hz_fastpath *fp;
	struct hz_sock *sock;
	struct hz_control *control;
	struct hz_server_stream stream;
	struct hz_server_subscriber subscriber[HZ_SUBSCRIBERS_MAX];
	uint64_t subscribers_ns; /* when they were last looked at */
	struct hz_publish *publish;
	struct hz_events_tell *events;
	struct hz_log_writer *log_writer;
	struct hz_server_round round;
	struct hz_trace_file *trace; /* mapped since the first start; NULL */
	const char *degraded[HZ_SERVER_DEGRADED_MAX];
	uint32_t degraded_count;
	/* state */
	enum hz_state state;
	uint64_t started_ns;
	uint64_t drain_ns;   /* when the drain began; 0: not draining */
	bool is_terminated;  /* by a signal, which `hzctl drain` is not */
	bool is_refusing;    /* lame duck over: no new connections */
	bool in_maintenance; /* probes get 503, traffic goes on */
	bool is_done;
};

/* XDP's maps are there: a kernel plane to tell and to read. */
static inline bool hz_server_has_xdp(const struct hz_server *server)
{
	return server->maps.beat != NULL;
}

/* server_ports.c: where packets come from, by the site's listen list. */
int hz_server_ports_open(struct hz_server *server, struct hz_err *err);
/* Once per second: an interface that was detached or attached anew gives us nothing any more. */
void hz_server_ports_watch(struct hz_server *server, uint64_t now_ns);
/* The last look of a server that stops: a program that others took off is told now or never. */
void hz_server_ports_leave(struct hz_server *server, uint64_t now_ns);
void hz_server_ports_close(struct hz_server *server);

/* server.c: one line now, and in `hzctl status` until it ends. what is kept, and known by its address. */
void hz_server_degrade(struct hz_server *server, const char *what);
void hz_server_degrade_end(struct hz_server *server, const char *what);

/* server_devices.c: the same where boot/device says what a listen's port is. On failure the caller closes
 * the ports. */
bool hz_server_has_devices(const struct hz_server *server);
int hz_server_devices_open(struct hz_server *server, const struct hz_site_listen *listen,
                           struct hz_err *err);

/* reload.c: all or nothing, synchronous. *result is a new reference for the control socket. */
int hz_server_reload(struct hz_server *server, json_t **result, struct hz_err *err);

/* retired.c: snapshots that were replaced, and who holds them. retire: workers see another one already. reclaim frees
 * those that no request holds, and has those end that hold them for too long. room: whether there may be one more; 0,
 * or -EBUSY with err naming who is in the way. */
void hz_server_retire(struct hz_server *server, struct hz_snapshot *snapshot);
void hz_server_reclaim(struct hz_server *server);
uint32_t hz_server_retired_count(const struct hz_server *server);
int hz_server_retired_room(struct hz_server *server, struct hz_err *err);

/* files_follow.c: looks at the files that are served, from housekeeping. */
void hz_server_files_follow(struct hz_server *server, uint64_t now_ns);
void hz_server_files_reclaim(struct hz_server *server); /* frees what no answer holds */

/* server_handlers.c: what stands behind routes that are not of ours. bind: 0 or -errno with err filled; may_load: at
 * start only, later a module that is not loaded needs a restart. modules_load: *out is made if it is NULL, and the
 * caller's, also on failure; all as with hz_site_problem. */
int hz_server_handlers_open(struct hz_server *server, struct hz_err *err);
int hz_server_modules_load(struct hz_site *site, struct hz_site_errors *all,
                           struct hz_api_modules **out, struct hz_err *err);
int hz_server_handlers_bind(struct hz_server *server, struct hz_site *site, bool may_load,
                            struct hz_err *err);
void hz_server_handlers_start(struct hz_server *server);
void hz_server_handlers_close(struct hz_server *server); /* when no snapshot is left */
void hz_server_ring(void *server, uint32_t worker);      /* server.c: wakes a worker; any thread */

/* drain.c: health answers 503, then no new connections, then the end. */
void hz_server_drain(struct hz_server *server);     /* asking again changes nothing */
void hz_server_terminate(struct hz_server *server); /* a signal drains; the second one ends */
void hz_server_drain_step(struct hz_server *server, uint64_t now_ns);

/* health_state.c: map `cfg`, from which XDP answers probes; nothing to do without XDP. open: the settings,
 * and not ready yet. maintenance outlives a restart: it ends when somebody ends it. */
int hz_server_health_open(struct hz_server *server, struct hz_err *err);
int hz_server_health_apply(struct hz_server *server, struct hz_err *err); /* other settings */
void hz_server_state_set(struct hz_server *server, enum hz_state state);
enum hz_state hz_server_state_word(const struct hz_server *server); /* what probes see */
int hz_server_maintenance(struct hz_server *server, bool is_on, struct hz_err *err);
void hz_server_reload_note(struct hz_server *server, bool is_taken); /* for who reads cfg */
void hz_server_health_watch(struct hz_server *server);               /* once per second */

/* source_lists.c: the site's lists of sources and the limit per source, which XDP looks at. open: those of
 * the first snapshot count. A reload fills those of the next site, then flips to them or drops them; without
 * XDP it is the flip that tells of site's as degraded. rate: what the settings say. 0 or -errno with err
 * filled: then the lists and the limit are those from before. */
int hz_server_sources_open(struct hz_server *server, struct hz_err *err);
int hz_server_sources_fill(struct hz_server *server, const struct hz_site *site,
                           struct hz_err *err);
int hz_server_sources_flip(struct hz_server *server, const struct hz_site *site,
                           struct hz_err *err);
int hz_server_sources_rate(const struct hz_server *server, struct hz_err *err);
void hz_server_sources_drop(struct hz_server *server);
void hz_server_sources_close(struct hz_server *server);

/* listen_classes.c: classes of the listens. read: as they are claimed now. check, at the start: whether that is what
 * the site says; 0 or -errno with err filled. miss: without XDP, told as degraded if the site has any. */
void hz_server_classes_read(struct hz_server *server);
int hz_server_classes_check(const struct hz_server *server, struct hz_err *err);
void hz_server_classes_miss(struct hz_server *server);

/* shed_settings.c: settings into the words that workers read, and what one of them is for each worker: how long it
 * sleeps at most, how many half-open connections it has before it answers with cookies. */
void hz_server_shed_apply(struct hz_server *server);
uint32_t hz_server_sleep_ms(const struct hz_tune *tune);
uint32_t hz_server_half_open_max(const struct hz_server *server);
struct hz_server_shed {
	uint64_t pressure_percent, level_permille;
	uint64_t refused; /* SYNs by XDP since the program was attached, and requests by workers */
	uint64_t cookies_sent;               /* by XDP and workers */
	uint64_t answered_200, answered_503; /* probes */
};
struct hz_server_shed hz_server_shed_now(const struct hz_server *server);

/* control.c: the control socket. */
int hz_control_open(struct hz_server *server, struct hz_control **out, struct hz_err *err);
void hz_control_close(struct hz_control *control);
int hz_control_poll_fd(const struct hz_control *control);
void hz_control_turn(struct hz_control *control, uint64_t now_ns);
bool hz_control_is_waiting(const struct hz_control *control); /* for workers: turn it soon */

/* control_cmd.c: one request object in, one answer object out (a new reference). */
json_t *hz_control_cmd_run(struct hz_server *server, const json_t *request, bool may_change);
json_t *hz_control_cmd_error(
	const struct hz_err *err); /* the answer that says err, with hzctl's exit code */

json_t *hz_control_cmd_ok(json_t *result); /* takes over result */

/* control_conn.c: a round of questions to the workers. begin: 0, or -errno with err filled and no round. turn,
 * while a round is running: true when it is over, *result is a new reference or NULL without memory. */
int hz_control_conn_begin(struct hz_server *server, const json_t *request, uint64_t now_ns,
                          struct hz_err *err);
bool hz_control_conn_turn(struct hz_server *server, uint64_t now_ns, json_t **result);

/* control_set.c: settings; 0 and *result, or -errno with err filled. */
int hz_control_set(struct hz_server *server, const json_t *request, json_t **result,
                   struct hz_err *err);
int hz_control_get(const struct hz_server *server, const json_t *request, json_t **result,
                   struct hz_err *err);

/* control_trace.c: switches the trace of frames. 0 and *result, or -errno with err filled. close after the
 * transport is closed. */
int hz_control_trace(struct hz_server *server, const json_t *request, json_t **result,
                     struct hz_err *err);
void hz_control_trace_close(struct hz_server *server);

/* control_stream.c: the telemetry's descriptors for hz-collector. open: at start; without XDP there are none. The
 * answer: 0 and *result, or -errno with err filled; send: the first piece of its line, with the descriptors. */
int hz_control_stream_open(struct hz_server *server, struct hz_err *err);
void hz_control_stream_close(struct hz_server *server);
int hz_control_stream(const struct hz_server *server, bool may_read, json_t **result,
                      struct hz_err *err);
ssize_t hz_control_stream_send(const struct hz_server *server, int fd, const char *data,
                               size_t bytes);

/* subscriber_reap.c: once per second, readers of the stream that died are taken out. */
void hz_server_subscribers_watch(struct hz_server *server, uint64_t now_ns);

/* server_topics.c: what hzctl topic does; 0 and *result, or -errno with err filled. And a message of hz.latency. */
int hz_server_topics_cmd(const struct hz_server *server, const json_t *request, bool may_change,
                         json_t **result, struct hz_err *err);
void hz_server_topics_latency(const struct hz_server *server,
                              const struct hz_latency_pct pct[HZ_STAGE_COUNT]);

/* route_slots.c: slots of latency by route, for a snapshot that nobody sees yet. */
void hz_server_routes_name(const struct hz_server *server, struct hz_snapshot *snapshot);

/* slow_tell.c: settings into the words that workers read; and what they told, into the ring of events. */
/* open before any worker runs: 0, or -ENOMEM with err. close when none does, with their rings and the maps still there:
 * tells what is left. It accepts what was never opened. */
int hz_server_slow_open(struct hz_server *server, struct hz_err *err);
void hz_server_slow_close(struct hz_server *server);
void hz_server_slow_apply(struct hz_server *server);
void hz_server_slow_turn(struct hz_server *server, uint64_t now_ns);

/* telemetry_pub.c: percentiles at 1 Hz and histogram deltas into the ring. open: before workers
 * run, and with the maps or shared arrays. finish: when they run no more, what they recorded
 * since; accepts NULL. */
int hz_publish_open(struct hz_server *server, struct hz_publish **out);
void hz_publish_turn(struct hz_publish *publish, struct hz_server *server, uint64_t now_ns);
void hz_publish_finish(struct hz_publish *publish, const struct hz_server *server);
void hz_publish_close(struct hz_publish *publish);

/* events_tell.c: records of the stream that housekeeping makes: changes of state, refused sources. Nothing to do without
 * XDP, which has the stream. open: 0 or -ENOMEM. close tells the end; accepts a server where it is not open. */
int hz_server_events_open(struct hz_server *server);
void hz_server_events_turn(struct hz_server *server, uint64_t now_ns);
/* Our program, before_id, runs on this interface no more. */
void hz_server_events_program(struct hz_server *server, uint64_t now_ns, const char *ifname,
                              uint32_t before_id);
void hz_server_events_close(struct hz_server *server);

/* last_tell.c: when workers have stopped, all that is not told yet, and that we are down.
 * is_stuck: one runs all the same, so only the reader's end of its ring is ours. Accepts a
 * half-open server. */
void hz_server_last_tell(struct hz_server *server, bool is_stuck);

#endif
