/* Opening what an instance has pinned: what is there, and what is refused. */
#include "abi/hz_abi.h"
#include "collector/map_source.h"
#include "collector/ringbuf.h"
#include "core/base.h"
#include "hz_test.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int record_ignore(void *ctx, const void *record, size_t bytes)
{
	(void)ctx;
	(void)record;
	(void)bytes;
	return 0;
}

static void instance_name_with_a_slash_is_refused(void)
{
	static const char *const names[] = { "", "a/b", "..", "a b",
		                             "0123456789012345678901234567890123" };
	struct hz_map_source source = { .id = 7 };
	struct hz_err err;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		memset(&err, 0, sizeof(err));
		CU_ASSERT_EQUAL(hz_map_source_open(names[i], &source, &err), -EINVAL);
		CU_ASSERT_EQUAL(err.exit_code, 2);
		CU_ASSERT_EQUAL(source.id, 7); /* written on success only */
	}
}

static void instance_never_attached_says_what_to_type(void)
{
	struct hz_map_source source;
	struct hz_err err = { 0 };
	int status = hz_map_source_open("unit-nowhere", &source, &err);

	if (status == -EACCES || status == -EPERM)
		HZ_SKIP("needs root");
	CU_ASSERT_EQUAL(status, -ENOENT);
	CU_ASSERT_EQUAL(err.exit_code, 3);
	CU_ASSERT_STRING_EQUAL(err.code, "not_attached");
	CU_ASSERT_EQUAL(strncmp(err.hint, "hzctl -i unit-nowhere ", 22), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, " xdp attach dev IF"));
}

/* Pins of an instance of our own, as attach would make them. */
struct pins {
	char instance[24], dir[48];
};

static bool pin_make(const struct pins *pins, const char *name, int fd)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/%s", pins->dir, name);
	return fd >= 0 && bpf_obj_pin(fd, path) == 0;
}

static const struct {
	const char *name;
	enum bpf_map_type type;
	uint32_t value_bytes;
} map_row[HZ_STREAM_MAPS] = {
#define HZ_STREAM_MAP(name, type, key_bytes, value_bytes, required) { #name, type, value_bytes },
#include "telemetry/stream_maps.def"
#undef HZ_STREAM_MAP
};

static int map_make(const char *name, enum bpf_map_type type, uint32_t value_bytes)
{
	if (type == BPF_MAP_TYPE_RINGBUF)
		return bpf_map_create(type, name, 0, 0, 4096, NULL);
	return bpf_map_create(type, name, 4, value_bytes, 1, NULL);
}

/* Of all maps the required ones; cfg and events as the row wants them. */
static bool pins_make(struct pins *pins, uint32_t abi_major, uint32_t cfg_bytes,
                      enum bpf_map_type events_type)
{
	uint8_t value[sizeof(struct hz_cfg) + 8] = { 0 };
	struct hz_cfg cfg = { .abi_major = abi_major };
	uint32_t zero = 0;
	bool is_made = true;

	snprintf(pins->instance, sizeof(pins->instance), "unit-%d", (int)getpid());
	snprintf(pins->dir, sizeof(pins->dir), "/sys/fs/bpf/hz-%s", pins->instance);
	if (mkdir(pins->dir, 0700) != 0)
		return false;
	memcpy(value, &cfg, sizeof(cfg));
	for (uint32_t i = 0; i < HZ_STREAM_route_names && is_made; i++) {
		bool is_cfg = i == HZ_STREAM_cfg, is_events = i == HZ_STREAM_events;
		int fd = map_make(map_row[i].name, is_events ? events_type : map_row[i].type,
		                  is_cfg      ? cfg_bytes
		                  : is_events ? 4
		                              : map_row[i].value_bytes);

		is_made = pin_make(pins, map_row[i].name, fd);
		if (is_cfg)
			is_made = is_made && bpf_map_update_elem(fd, &zero, value, BPF_ANY) == 0;
		close(fd);
	}
	return is_made;
}

static void pins_remove(const struct pins *pins)
{
	char path[80];

	for (size_t i = 0; i < HZ_ARRAY_LEN(map_row); i++) {
		snprintf(path, sizeof(path), "%s/%s", pins->dir, map_row[i].name);
		unlink(path);
	}
	rmdir(pins->dir);
}

static void pins_are_opened_only_when_they_are_what_they_should_be(void)
{
	static const struct {
		uint32_t abi_major, cfg_bytes;
		enum bpf_map_type events_type;
		int status;
	} rows[] = {
		{ HZ_ABI_MAJOR, sizeof(struct hz_cfg), BPF_MAP_TYPE_RINGBUF, 0 },
		{ HZ_ABI_MAJOR + 1, sizeof(struct hz_cfg), BPF_MAP_TYPE_RINGBUF, -EPROTO },
		{ HZ_ABI_MAJOR, sizeof(struct hz_cfg) + 8, BPF_MAP_TYPE_RINGBUF, -EPROTO },
		{ HZ_ABI_MAJOR, sizeof(struct hz_cfg), BPF_MAP_TYPE_ARRAY, -EPROTO },
	};
	struct pins pins;

	if (geteuid() != 0 || access("/sys/fs/bpf", W_OK) != 0)
		HZ_SKIP("needs root and a bpffs");
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_ringbuf *ring = NULL;
		struct hz_map_source source;
		struct hz_err err = { 0 };

		CU_ASSERT_TRUE_FATAL(pins_make(&pins, rows[i].abi_major, rows[i].cfg_bytes,
		                               rows[i].events_type));
		CU_ASSERT_EQUAL(hz_map_source_open(pins.instance, &source, &err), rows[i].status);
		if (rows[i].status != 0) {
			CU_ASSERT_EQUAL(err.exit_code, 1);
			CU_ASSERT_STRING_EQUAL(err.code, "abi");
		} else {
			CU_ASSERT_EQUAL(source.fd[HZ_STREAM_route_names], -1);
			CU_ASSERT_NOT_EQUAL(source.id, 0);
			CU_ASSERT_EQUAL_FATAL(hz_ringbuf_open(source.fd[HZ_STREAM_events],
			                                      record_ignore, NULL, &ring, &err),
			                      0);
			CU_ASSERT_TRUE(hz_ringbuf_poll_fd(ring) >= 0);
			CU_ASSERT_EQUAL(hz_ringbuf_consume(ring), 0); /* empty */
			hz_map_source_close(&source);
		}
		hz_ringbuf_close(ring);
		pins_remove(&pins);
	}
}

HZ_SUITE(ringbuf, CASE(instance_name_with_a_slash_is_refused),
         CASE(pins_are_opened_only_when_they_are_what_they_should_be),
         CASE(instance_never_attached_says_what_to_type));
