#include "core/byte_ring.h"
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* The same pages at base and behind. */
static int map_twice(uint8_t *base, size_t bytes, int fd)
{
	for (unsigned i = 0; i < 2; i++) {
		if (mmap(base + i * bytes, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		         fd, 0) == MAP_FAILED)
			return -errno;
	}
	return 0;
}

int hz_byte_ring_open(struct hz_byte_ring *ring, uint32_t bytes)
{
	uint8_t *base;
	int fd, err;

	if (bytes == 0 || (bytes & (bytes - 1)) != 0 || bytes > 1u << 30 ||
	    bytes % (unsigned long)sysconf(_SC_PAGESIZE) != 0)
		return -EINVAL;
	base = mmap(NULL, 2 * (size_t)bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	fd = memfd_create("hz-byte-ring", MFD_CLOEXEC);
	err = fd == -1 || ftruncate(fd, (off_t)bytes) != 0 ? -errno : map_twice(base, bytes, fd);
	if (fd != -1)
		close(fd); /* the mappings keep it */
	if (err != 0) {
		munmap(base, 2 * (size_t)bytes);
		return err;
	}
	*ring = (struct hz_byte_ring){ .base = base, .bytes = bytes };
	return 0;
}

void hz_byte_ring_close(struct hz_byte_ring *ring)
{
	if (ring->base != NULL)
		munmap(ring->base, 2 * (size_t)ring->bytes);
	*ring = (struct hz_byte_ring){ 0 };
}
