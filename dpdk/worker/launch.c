/* EAL's arguments, from our configuration. */
#include "worker/launch.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGS_MAX      32
#define ARG_BYTES_MAX 1024          /* --lcores names every cpu in the worst case */
#define EAL_OWN_BYTES (48ULL << 20) /* heaps, device and queue structures, alignment */
#define HUGE_2M_BYTES ((uint64_t)2 << 20)
#define HUGE_1G_BYTES ((uint64_t)1 << 30)

struct eal_args {
	int count;
	char *argv[ARGS_MAX + 1];
	char text[ARGS_MAX][ARG_BYTES_MAX];
};

static void arg_add(struct eal_args *args, const char *format, ...) HZ_PRINTF(2, 3);
static void arg_add(struct eal_args *args, const char *format, ...)
{
	char *slot;
	va_list ap;

	if (args->count == ARGS_MAX)
		return;
	slot = args->text[args->count];
	va_start(ap, format);
	vsnprintf(slot, ARG_BYTES_MAX, format, ap);
	va_end(ap);
	args->argv[args->count++] = slot;
	args->argv[args->count] = NULL;
}

/* Pages of one size: what is "free_hugepages" or "nr_hugepages"; 0 where there are none. */
static uint64_t hugepages_read(unsigned page_kib, const char *what)
{
	char path[128], line[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%ukB/%s", page_kib, what);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	fclose(file);
	return strtoull(line, NULL, 10);
}

/* One lcore that may run on every cpu this thread may run on now: EAL pins its caller, and the caller
 * is housekeeping, which has no core of its own. */
static void arg_lcore(struct eal_args *args)
{
	char list[ARG_BYTES_MAX - 16] = "";
	cpu_set_t allowed;
	size_t used = 0;

	CPU_ZERO(&allowed);
	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return; /* EAL's own choice */
	for (int cpu = 0; cpu < CPU_SETSIZE && used < sizeof(list) - 8; cpu++) {
		int wrote;

		if (!CPU_ISSET((size_t)cpu, &allowed))
			continue;
		wrote = snprintf(list + used, sizeof(list) - used, "%s%d", used == 0 ? "" : ",",
		                 cpu);
		if (wrote > 0)
			used += (size_t)wrote;
	}
	arg_add(args, "--lcores=0@(%s)", list);
}

/* What the kernel could give without swapping; UINT64_MAX where it does not say. */
static uint64_t memory_available_bytes(void)
{
	static const char key[] = "MemAvailable:";
	FILE *file = fopen("/proc/meminfo", "re");
	uint64_t bytes = UINT64_MAX;
	char line[128];

	if (file == NULL)
		return UINT64_MAX;
	while (bytes == UINT64_MAX && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, key, sizeof(key) - 1) == 0)
			bytes = strtoull(line + sizeof(key) - 1, NULL, 10) * 1024;
	fclose(file);
	return bytes;
}

/* Without huge pages the memory is ordinary and given on first touch: too little of it would be a
 * death much later. */
static int ordinary_check(uint64_t need_bytes, struct hz_err *err)
{
	uint64_t available = memory_available_bytes();

	if (need_bytes <= available)
		return 0;
	return hz_err_set(err, -ENOMEM, 5, "no_memory", "lower boot/mbufs or boot/workers",
	                  "packet buffers need %" PRIu64 " MiB, %" PRIu64 " MiB are available",
	                  need_bytes >> 20, available >> 20);
}

static int memory_choose(const struct hz_launch_conf *conf, uint64_t need_bytes, bool *has_huge,
                         struct hz_err *err)
{
	uint64_t free_2m = hugepages_read(2048, "free_hugepages") * HUGE_2M_BYTES;
	uint64_t free_1g = hugepages_read(1048576, "free_hugepages") * HUGE_1G_BYTES;
	uint64_t pages;
	char hint[128];

	*has_huge = conf->hugepages != HZ_HUGEPAGES_OFF &&
	            (free_2m >= need_bytes || free_1g >= need_bytes);
	if (*has_huge)
		return 0;
	if (conf->hugepages != HZ_HUGEPAGES_ON)
		return ordinary_check(need_bytes, err);
	pages = hugepages_read(2048, "nr_hugepages") +
	        (need_bytes - free_2m + HUGE_2M_BYTES - 1) / HUGE_2M_BYTES;
	snprintf(hint, sizeof(hint), "sysctl -w vm.nr_hugepages=%" PRIu64, pages);
	return hz_err_set(err, -ENOMEM, 5, "no_hugepages", hint,
	                  "boot/hugepages is on: %" PRIu64 " MiB needed, %" PRIu64
	                  " MiB of 2 MiB pages and %" PRIu64 " MiB of 1 GiB pages available",
	                  need_bytes >> 20, free_2m >> 20, free_1g >> 20);
}

int hz_launch_eal(const struct hz_launch_conf *conf, bool *is_degraded, struct hz_err *err)
{
	uint64_t need_bytes = conf->memory_bytes + EAL_OWN_BYTES;
	struct eal_args *args;
	bool has_huge;
	int status = memory_choose(conf, need_bytes, &has_huge, err);

	if (status != 0)
		return status;
	args = calloc(1, sizeof(*args));
	if (args == NULL)
		return hz_err_set(err, -ENOMEM, 5, "no_memory", "", "no memory for EAL arguments");
	arg_add(args, "hzd");
	arg_add(args, "--file-prefix=%s", conf->file_prefix);
	arg_add(args, "--no-telemetry");
	if (conf->device_count == 0)
		arg_add(args, "--no-pci");
	for (uint32_t i = 0; i < conf->device_count; i++) {
		arg_add(args, "-a");
		arg_add(args, "%s", conf->device[i]);
	}
	arg_add(args, "--iova-mode=va");
	arg_lcore(args);
	if (has_huge) {
		arg_add(args, "--in-memory");
	} else {
		/* 22.11 refuses --in-memory beside --no-huge; --no-shconf is what is left of it. */
		arg_add(args, "--no-huge");
		arg_add(args, "--no-shconf");
		arg_add(args, "-m");
		arg_add(args, "%" PRIu64, (need_bytes + (1u << 20) - 1) >> 20);
	}
	status = rte_eal_init(args->count, args->argv);
	free(args);
	if (status < 0) {
		int cause = rte_errno != 0 ? rte_errno : ENODEV;

		if (cause == EALREADY)
			return hz_err_set(err, -cause, 70, "eal_twice", "",
			                  "EAL runs once per process");
		return hz_err_set(err, -cause, 5, "eal", "hzctl doctor",
		                  "DPDK did not start with %" PRIu64 " MiB of %s: %s",
		                  need_bytes >> 20, has_huge ? "huge pages" : "ordinary memory",
		                  rte_strerror(cause));
	}
	*is_degraded = !has_huge; /* also when asked for: what is slower has a name */
	return 0;
}

void hz_launch_eal_end(void)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", rte_eal_get_runtime_dir());
	rte_eal_cleanup();
	/* Without shared files it is empty; whatever else may be in it is not ours to remove. */
	if (dir[0] == '/')
		(void)rmdir(dir);
}
