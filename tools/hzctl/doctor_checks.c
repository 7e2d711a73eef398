#include "doctor_checks.h"
#include <glob.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#define KERNEL_MAJOR 6
#define KERNEL_MINOR 1

static void say(struct hz_doctor_result *out, enum hz_doctor_verdict verdict, const char *try_this,
                const char *format, ...) HZ_PRINTF(4, 5);

static void say(struct hz_doctor_result *out, enum hz_doctor_verdict verdict, const char *try_this,
                const char *format, ...)
{
	va_list args;

	out->verdict = verdict;
	snprintf(out->try_this, sizeof(out->try_this), "%s", try_this);
	va_start(args, format);
	vsnprintf(out->detail, sizeof(out->detail), format, args);
	va_end(args);
}

/* The number behind key in a file of "key: number" lines; -1 when it is not there. */
static long long keyed_number(const char *path, const char *key, int base)
{
	FILE *file = fopen(path, "re");
	long long value = -1;
	char line[512];

	if (file == NULL)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			value = (long long)strtoull(line + strlen(key), NULL, base);
	fclose(file);
	return value;
}

/* The first line of a file, without its end; "" when there is none. */
static void line_read(const char *path, char *out, int bytes)
{
	FILE *file = fopen(path, "re");

	out[0] = '\0';
	if (file == NULL)
		return;
	if (fgets(out, bytes, file) == NULL)
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	fclose(file);
}

static void check_kernel(struct hz_doctor_result *out)
{
	unsigned long major, minor = 0;
	struct utsname name;
	char *rest;

	if (uname(&name) != 0) {
		say(out, HZ_DOCTOR_FAIL, "uname -r", "cannot tell");
		return;
	}
	major = strtoul(name.release, &rest, 10);
	if (*rest == '.')
		minor = strtoul(rest + 1, NULL, 10);
	if (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR))
		say(out, HZ_DOCTOR_OK, "", "%.60s", name.release);
	else
		say(out, HZ_DOCTOR_FAIL, "apt install linux-image-amd64",
		    "%.60s, needs %d.%d or newer", name.release, KERNEL_MAJOR, KERNEL_MINOR);
}

static void check_btf(struct hz_doctor_result *out)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK) == 0)
		say(out, HZ_DOCTOR_OK, "", "/sys/kernel/btf/vmlinux");
	else
		say(out, HZ_DOCTOR_FAIL, "use a kernel with CONFIG_DEBUG_INFO_BTF=y",
		    "the kernel has no BTF: iterators and syscall programs cannot be loaded");
}

static unsigned bpffs_mounts(void)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	unsigned count = 0;
	char line[1024];

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		count += strstr(line, " /sys/fs/bpf ") != NULL;
	fclose(file);
	return count;
}

static void check_bpffs(struct hz_doctor_result *out)
{
	struct statfs info;

	if (statfs("/sys/fs/bpf", &info) != 0 || info.f_type != BPF_FS_MAGIC)
		say(out, HZ_DOCTOR_FAIL, "mount -t bpf bpf /sys/fs/bpf",
		    "not mounted at /sys/fs/bpf");
	else if (bpffs_mounts() > 1)
		say(out, HZ_DOCTOR_WARN, "umount /sys/fs/bpf",
		    "mounted %u times: the upper one hides the pins below", bpffs_mounts());
	else
		say(out, HZ_DOCTOR_OK, "", "/sys/fs/bpf");
}

static const struct {
	unsigned bit;
	const char *name;
} rights[] = {
	{ CAP_BPF, "bpf" },         { CAP_PERFMON, "perfmon" },   { CAP_NET_ADMIN, "net_admin" },
	{ CAP_NET_RAW, "net_raw" }, { CAP_IPC_LOCK, "ipc_lock" }, { CAP_SYS_ADMIN, "sys_admin" },
};

static unsigned long long effective_rights(void)
{
	long long mask = keyed_number("/proc/self/status", "CapEff:", 16);

	return mask > 0 ? (unsigned long long)mask : 0;
}

static void check_rights(struct hz_doctor_result *out)
{
	unsigned long long have = effective_rights();
	char missing[96] = "";
	size_t at = 0;

	for (size_t i = 0; i < HZ_ARRAY_LEN(rights); i++)
		if ((have >> rights[i].bit & 1) == 0)
			at += (size_t)snprintf(missing + at, sizeof(missing) - at, " %s",
			                       rights[i].name);
	if (missing[0] == '\0')
		say(out, HZ_DOCTOR_OK, "", "all that attach and hzd need to start");
	else
		say(out, HZ_DOCTOR_WARN, "sudo hzctl doctor",
		    "attach and hzd need to start, not here:%s", missing);
}

static void check_memlock(struct hz_doctor_result *out)
{
	struct rlimit limit = { 0 };

	if (effective_rights() >> CAP_IPC_LOCK & 1)
		say(out, HZ_DOCTOR_OK, "", "no limit for this user (ipc_lock)");
	else if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY)
		say(out, HZ_DOCTOR_OK, "", "unlimited");
	else
		say(out, HZ_DOCTOR_WARN, "ulimit -l unlimited",
		    "%llu KiB: packet buffers may not fit",
		    (unsigned long long)limit.rlim_cur / 1024);
}

static void check_hugepages(struct hz_doctor_result *out)
{
	long long free_pages = keyed_number("/proc/meminfo", "HugePages_Free:", 10);
	long long kib = keyed_number("/proc/meminfo", "Hugepagesize:", 10);

	if (free_pages > 0)
		say(out, HZ_DOCTOR_OK, "", "%lld free of %lld KiB", free_pages, kib);
	else
		say(out, HZ_DOCTOR_WARN, "sysctl vm.nr_hugepages=256",
		    "none free: hzd runs without, somewhat slower");
}

static void check_cores(struct hz_doctor_result *out)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	char isolated[64];

	line_read("/sys/devices/system/cpu/isolated", isolated, sizeof(isolated));
	if (online < 2)
		say(out, HZ_DOCTOR_WARN, "add a core",
		    "%ld core: workers share it with everything else", online);
	else if (isolated[0] == '\0')
		say(out, HZ_DOCTOR_WARN,
		    "add isolcpus=LIST nohz_full=LIST to the kernel command line",
		    "%ld cores, none isolated: other work shows in the tail latency", online);
	else
		say(out, HZ_DOCTOR_OK, "", "%ld cores, isolated %s", online, isolated);
}

static void check_clock(struct hz_doctor_result *out)
{
	char source[32];

	line_read("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
	          sizeof(source));
	if (strcmp(source, "hpet") == 0 || strcmp(source, "acpi_pm") == 0)
		say(out, HZ_DOCTOR_WARN,
		    "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource",
		    "clocksource %s: reading the time costs a microsecond", source);
	else
		say(out, HZ_DOCTOR_OK, "", "clocksource %s",
		    source[0] != '\0' ? source : "unknown");
}

static void check_driver(struct hz_doctor_result *out)
{
	glob_t found;

	if (glob("/usr/lib/*/dpdk/pmds-*/librte_net_af_xdp*", 0, NULL, &found) == 0)
		say(out, HZ_DOCTOR_OK, "", "%.150s", found.gl_pathv[0]);
	else
		say(out, HZ_DOCTOR_FAIL, "apt install librte-net-af-xdp23",
		    "DPDK's driver net_af_xdp is not installed");
	globfree(&found);
}

const struct hz_doctor_check hz_doctor_checks[] = {
	{ "kernel", check_kernel }, { "btf", check_btf },         { "bpffs", check_bpffs },
	{ "rights", check_rights }, { "memlock", check_memlock }, { "hugepages", check_hugepages },
	{ "cores", check_cores },   { "clock", check_clock },     { "net_af_xdp", check_driver },
};
const size_t hz_doctor_checks_count = HZ_ARRAY_LEN(hz_doctor_checks);
