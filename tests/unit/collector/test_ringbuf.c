/* Opening the pinned ring: what is there, and what is refused. */
#include "abi/hz_abi.h"
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
	struct hz_ringbuf *ring = NULL;
	struct hz_err err;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		memset(&err, 0, sizeof(err));
		CU_ASSERT_EQUAL(hz_ringbuf_open(names[i], record_ignore, NULL, &ring, &err),
		                -EINVAL);
		CU_ASSERT_EQUAL(err.exit_code, 2);
		CU_ASSERT_PTR_NULL(ring);
	}
}

static void instance_never_attached_says_what_to_type(void)
{
	struct hz_ringbuf *ring = NULL;
	struct hz_err err = { 0 };
	int status = hz_ringbuf_open("unit-nowhere", record_ignore, NULL, &ring, &err);

	if (status == -EACCES || status == -EPERM)
		HZ_SKIP("needs root");
	CU_ASSERT_EQUAL(status, -ENOENT);
	CU_ASSERT_EQUAL(err.exit_code, 3);
	CU_ASSERT_STRING_EQUAL(err.code, "not_attached");
	CU_ASSERT_EQUAL(strncmp(err.hint, "hzctl -i unit-nowhere ", 22), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, " xdp attach dev IF"));
	CU_ASSERT_PTR_NULL(ring);
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

static bool pins_make(struct pins *pins, uint32_t abi_major, uint32_t cfg_bytes,
                      enum bpf_map_type events_type)
{
	uint8_t value[sizeof(struct hz_cfg) + 8] = { 0 };
	struct hz_cfg cfg = { .abi_major = abi_major };
	uint32_t zero = 0, is_ring = events_type == BPF_MAP_TYPE_RINGBUF;
	bool is_made = false;
	int fd;

	snprintf(pins->instance, sizeof(pins->instance), "unit-%d", (int)getpid());
	snprintf(pins->dir, sizeof(pins->dir), "/sys/fs/bpf/hz-%s", pins->instance);
	if (mkdir(pins->dir, 0700) != 0)
		return false;
	memcpy(value, &cfg, sizeof(cfg));
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "cfg", sizeof(zero), cfg_bytes, 1, NULL);
	if (fd >= 0 && bpf_map_update_elem(fd, &zero, value, BPF_ANY) == 0)
		is_made = pin_make(pins, "cfg", fd);
	close(fd);
	fd = bpf_map_create(events_type, "events", is_ring ? 0 : 4, is_ring ? 0 : 4,
	                    is_ring ? 4096 : 1, NULL);
	is_made = is_made && pin_make(pins, "events", fd);
	close(fd);
	return is_made;
}

static void pins_remove(const struct pins *pins)
{
	static const char *const names[] = { "cfg", "events" };
	char path[80];

	for (size_t i = 0; i < HZ_ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", pins->dir, names[i]);
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
		struct hz_err err = { 0 };

		CU_ASSERT_TRUE(pins_make(&pins, rows[i].abi_major, rows[i].cfg_bytes,
		                         rows[i].events_type));
		CU_ASSERT_EQUAL(hz_ringbuf_open(pins.instance, record_ignore, NULL, &ring, &err),
		                rows[i].status);
		CU_ASSERT_EQUAL(ring != NULL, rows[i].status == 0);
		if (ring == NULL) {
			CU_ASSERT_EQUAL(err.exit_code, 1);
			CU_ASSERT_STRING_EQUAL(err.code, "abi");
		} else {
			CU_ASSERT_TRUE(hz_ringbuf_poll_fd(ring) >= 0);
			CU_ASSERT_EQUAL(hz_ringbuf_consume(ring), 0); /* empty */
		}
		hz_ringbuf_close(ring);
		pins_remove(&pins);
	}
}

HZ_SUITE(ringbuf, CASE(instance_name_with_a_slash_is_refused),
         CASE(pins_are_opened_only_when_they_are_what_they_should_be),
         CASE(instance_never_attached_says_what_to_type));
