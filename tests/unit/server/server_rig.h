/* A struct hz_server as far as one test needs it: a directory, a site file, its snapshot. No NIC, no
 * threads, no signals. */
#ifndef SERVER_RIG_H
#define SERVER_RIG_H

#include "server/server_priv.h"

#define RIG_SITE                                                                                   \
	"listen:\n"                                                                                \
	"  - { interface: eth1, address: 10.7.0.2, port: 80 }\n"                                   \
	"routes:\n"                                                                                \
	"  - { name: root, match: GET /, respond: { status: 200, body: \"hi\" } }\n"

struct server_rig {
	struct hz_server server;
	struct hz_server_conf conf;
	char dir[48];
	char site_path[64];
};

/* NULL when the machine will not: the test fails. Every rig is closed by its test. */
struct server_rig *server_rig_open(const char *site_text);
void server_rig_close(struct server_rig *rig);
int server_rig_site_write(const struct server_rig *rig, const char *text); /* 0 or -errno */

/* One worker with its HTTP state over plain memory. */
int server_rig_seats_open(struct server_rig *rig, uint32_t count);

/* Runs fn in a child that became nobody, with env XDG_RUNTIME_DIR = dir (NULL: unset). Its result, which
 * must be 0..99; -1: the child died; 77: this process may not change its user. */
#define RIG_NOBODY    65534
#define RIG_NO_RIGHTS 77
int server_rig_as_nobody(int (*fn)(void *ctx), void *ctx, const char *dir);

#endif
