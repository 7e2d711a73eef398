/* Namespaces of this program's own: a network with two veth pairs, a mount table with a BPF file system
 * that nobody else sees. All of it ends with the process, whatever the tests left behind. */
#ifndef HZ_ATTACH_WORLD_H
#define HZ_ATTACH_WORLD_H

#include "loader/xdp_attach.h"
#include <sys/types.h>

#define WORLD_INSTANCE "bpft"
#define WORLD_PINS     "/sys/fs/bpf/hz-" WORLD_INSTANCE
#define WORLD_A        "vha" /* their other ends: vhap, vhbp; all are down */
#define WORLD_B        "vhb"
#define WORLD_SEEN_MAX 128

/* One test: NULL, or why it failed. The world is fresh before it. */
struct world_test {
	const char *name;
	const char *(*run)(void);
};

/* All files and folders below /sys/fs/bpf that are ours, with the kernel's ids of what they pin. */
struct world_pins {
	size_t count;
	struct {
		char path[HZ_PIN_PATH_MAX];
		mode_t mode;
		uid_t uid;
		uint32_t id; /* 0 for a folder */
	} seen[WORLD_SEEN_MAX];
};

int world_enter(void); /* 0 or -errno; root only */
int world_reset(void); /* no pins, both pairs new */
/* Runs a shell command; false when it fails. */
bool world_run(const char *command);

enum world_how {
	WORLD_ENSURE = 1,
	WORLD_DRY = 2,
	WORLD_YES = 4,
	WORLD_GENERIC = 8,
	WORLD_OTHER_CLAIMS = 16, /* port 81 too, another body */
	WORLD_FEWER_CLAIMS = 32, /* only the first */
	WORLD_UPDATE = 64,
	WORLD_KEEP_CLAIMS = 128, /* none are given */
	WORLD_CHAIN = 256,
	WORLD_SOURCES = 512,        /* 10.7.0.0/24 is denied */
	WORLD_OTHER_SOURCES = 1024, /* fd07::/64 is, and nobody else */
};

/* hz_xdp_attach with two claims and a health port. info and err may be NULL. */
int world_attach(const char *ifname, unsigned how, struct hz_xdp_info *info, struct hz_err *err);
int world_detach(const char *ifname, struct hz_err *err);
/* Has err this code word, this exit code, and this text in its cause or hint? */
bool world_told(const struct hz_err *err, const char *code, int exit_code, const char *text);
/* The endpoint of "10.7.0.2" or "fd07::2". */
struct hz_endpoint world_endpoint(const char *addr, uint16_t port);

uint32_t world_program(const char *ifname); /* id of what runs there, 0: nothing */
void world_pins(struct world_pins *out);
bool world_pins_are(const struct world_pins *before);
/* Id of the object pinned as NAME below WORLD_PINS, 0: none. */
uint32_t world_id(const char *name);
int world_open(const char *name); /* fd or -1 */

/* A program "xdp_lb" that passes everything; its fd. */
int world_foreign(void);
/* The same on the interface: by netlink, or by a link whose fd is put into *link_fd. Its id, 0: failed. */
uint32_t world_foreign_attach(const char *ifname, bool by_link, int *link_fd);

extern const struct world_test attach_life_tests[], attach_refuse_tests[], attach_fault_tests[],
	attach_maps_tests[], attach_lock_tests[], attach_chain_tests[], attach_update_tests[],
	attach_gc_tests[], attach_nic_tests[], attach_lists_tests[], attach_writer_tests[],
	attach_explain_tests[], attach_emit_tests[], attach_tell_tests[], attach_older_tests[],
	attach_kill_tests[], attach_kill_chain_tests[], attach_kill_long_tests[];

#endif
