#include "attach_world.h"
#include "attach_ask.h"
#include "core/endpoint.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

int world_enter(void)
{
	/* tests limit descriptors: those of whoever started us would count */
	if (close_range(STDERR_FILENO + 1, UINT32_MAX, 0) != 0)
		return -errno;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0755") != 0)
		return -errno;
	return 0;
}

bool world_run(const char *command)
{
	char shell[] = "/bin/sh", flag[] = "-c", text[512];
	char *const argv[] = { shell, flag, text, NULL };
	int status;
	pid_t pid;

	snprintf(text, sizeof(text), "%s", command);
	if (posix_spawn(&pid, shell, NULL, NULL, argv, environ) != 0 ||
	    waitpid(pid, &status, 0) != pid)
		return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int world_reset(void)
{
	(void)world_detach(NULL, NULL);
	if (!world_run("rm -rf /sys/fs/bpf/hz*; for link in $(ip -br link show type veth |"
	               " sed 's/[@ ].*//'); do ip link del $link 2>/dev/null; done;"
	               " ip link add " WORLD_A " type veth peer name " WORLD_A "p &&"
	               " ip link add " WORLD_B " type veth peer name " WORLD_B "p"))
		return -EIO;
	return 0;
}

struct hz_endpoint world_endpoint(const char *addr, uint16_t port)
{
	struct hz_endpoint endpoint = { .port = port };

	(void)hz_addr_parse(addr, &endpoint.addr);
	return endpoint;
}

int world_attach(const char *ifname, unsigned how, struct hz_xdp_info *info, struct hz_err *err)
{
	bool is_other = (how & WORLD_OTHER_CLAIMS) != 0;
	const struct hz_endpoint claims[] = { world_endpoint("10.7.0.2", 80),
		                              world_endpoint("fd07::2", 80),
		                              world_endpoint("10.7.0.2", 81) };
	const struct hz_xdp_health health = { .endpoint = world_endpoint("10.7.0.2", 8080),
		                              .body = is_other ? "fine" : NULL };
	uint32_t claim_count = is_other                   ? 3
	                       : how & WORLD_FEWER_CLAIMS ? 1
	                       : how & WORLD_KEEP_CLAIMS  ? 0
	                                                  : 2;
	const struct hz_source_rule rule = how & WORLD_SOURCES
	                                           ? ask_rule("10.7.0.0", 24, HZ_SOURCE_DENY)
	                                           : ask_rule("fd07::", 64, HZ_SOURCE_DENY);
	const struct hz_xdp_attach_opts opts = {
		.size = sizeof(opts),
		.instance = WORLD_INSTANCE,
		.has_sources = (how & (WORLD_SOURCES | WORLD_OTHER_SOURCES)) != 0,
		.source_count = 1,
		.source = &rule,
		.ifname = ifname,
		.mode = how & WORLD_GENERIC ? HZ_XDP_GENERIC : HZ_XDP_NATIVE,
		.ensure = (how & WORLD_ENSURE) != 0,
		.dry_run = (how & WORLD_DRY) != 0,
		.yes_this_nic = (how & WORLD_YES) != 0,
		.update = (how & WORLD_UPDATE) != 0,
		.chain = (how & WORLD_CHAIN) != 0,
		.claim_count = claim_count,
		.claims = claims,
		.health_count = how & WORLD_KEEP_CLAIMS ? 0 : 1,
		.healths = &health,
	};
	struct hz_xdp_info unasked;
	struct hz_err untold;

	if (err == NULL)
		err = &untold;
	memset(err, 0, sizeof(*err));
	return hz_xdp_attach(&opts, info == NULL ? &unasked : info, err);
}

int world_detach(const char *ifname, struct hz_err *err)
{
	struct hz_err untold;

	if (err == NULL)
		err = &untold;
	memset(err, 0, sizeof(*err));
	return hz_xdp_detach(WORLD_INSTANCE, ifname, err);
}

bool world_told(const struct hz_err *err, const char *code, int exit_code, const char *text)
{
	if (strcmp(err->code, code) == 0 && err->exit_code == exit_code &&
	    (strstr(err->why, text) != NULL || strstr(err->hint, text) != NULL))
		return true;
	printf("# told: %s, exit %d: %s; try: %s\n", err->code, err->exit_code, err->why,
	       err->hint);
	return false;
}

uint32_t world_program(const char *ifname)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);

	if (bpf_xdp_query((int)if_nametoindex(ifname), 0, &opts) != 0)
		return 0;
	return opts.prog_id;
}

/* struct bpf_map_info, bpf_prog_info and bpf_link_info all begin with type and id. */
static uint32_t object_id(int fd)
{
	union {
		struct bpf_map_info map;
		struct bpf_prog_info prog;
		struct bpf_link_info link;
	} info;
	uint32_t bytes = sizeof(info);

	memset(&info, 0, sizeof(info));
	return bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0 ? info.map.id : 0;
}

static uint32_t path_id(const char *path)
{
	int fd = bpf_obj_get(path);
	uint32_t id;

	if (fd < 0)
		return 0;
	id = object_id(fd);
	close(fd);
	return id;
}

int world_open(const char *name)
{
	char path[HZ_PIN_PATH_MAX];

	snprintf(path, sizeof(path), WORLD_PINS "/%s", name);
	return bpf_obj_get(path);
}

uint32_t world_id(const char *name)
{
	char path[HZ_PIN_PATH_MAX];

	snprintf(path, sizeof(path), WORLD_PINS "/%s", name);
	return path_id(path);
}

static void pins_walk(struct world_pins *out, const char *folder, int depth)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char path[2 * HZ_PIN_PATH_MAX + 256];
		struct stat st;

		if (entry->d_name[0] == '.' || (depth == 0 && strncmp(entry->d_name, "hz", 2) != 0))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (lstat(path, &st) != 0 || out->count == WORLD_SEEN_MAX)
			continue;
		snprintf(out->seen[out->count].path, HZ_PIN_PATH_MAX, "%.*s", HZ_PIN_PATH_MAX - 1,
		         path);
		out->seen[out->count].mode = st.st_mode;
		out->seen[out->count].uid = st.st_uid;
		out->seen[out->count].id = S_ISDIR(st.st_mode) ? 0 : path_id(path);
		out->count++;
		if (S_ISDIR(st.st_mode) && depth < 3)
			pins_walk(out, path, depth + 1);
	}
	if (dir != NULL)
		closedir(dir);
}

void world_pins(struct world_pins *out)
{
	memset(out, 0, sizeof(*out));
	pins_walk(out, "/sys/fs/bpf", 0);
}

bool world_pins_are(const struct world_pins *before)
{
	struct world_pins now;
	size_t same = 0;

	world_pins(&now);
	for (size_t i = 0; i < before->count; i++) {
		size_t at = 0;

		while (at < now.count &&
		       memcmp(&now.seen[at], &before->seen[i], sizeof(now.seen[at])) != 0)
			at++;
		if (at < now.count)
			same++;
		else
			printf("# gone or changed: %s\n", before->seen[i].path);
	}
	if (same == before->count && now.count == before->count)
		return true;
	printf("# %zu pins before, %zu now, %zu the same\n", before->count, now.count, same);
	return false;
}

int world_foreign(void)
{
	const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP); /* as libbpf does */

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "xdp_lb", "GPL", pass, HZ_ARRAY_LEN(pass), &opts);
}

uint32_t world_foreign_attach(const char *ifname, bool by_link, int *link_fd)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int fd = world_foreign(), ifindex = (int)if_nametoindex(ifname);

	*link_fd = -1;
	if (by_link)
		*link_fd = bpf_link_create(fd, ifindex, BPF_XDP, &opts);
	else if (bpf_xdp_attach(ifindex, fd, XDP_FLAGS_DRV_MODE, NULL) != 0)
		return 0;
	close(fd);
	return world_program(ifname);
}
