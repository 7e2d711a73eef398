#include "tcp/tcp_path.h"

#include "core/base.h"
#include "core/siphash.h"
#include "tcp/tcp_stack.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MAX 65536u

int hz_tcp_paths_open(struct hz_tcp_paths *paths, uint32_t connections_max)
{
	uint32_t buckets = 16;
	int err;

	while (buckets < connections_max && buckets < BUCKETS_MAX)
		buckets *= 2;
	err = hz_pool_open(&paths->pool, sizeof(struct hz_tcp_path), connections_max + 1, 0);
	if (err != 0)
		return err;
	paths->bucket = calloc(buckets, sizeof(*paths->bucket));
	if (paths->bucket == NULL)
		return -ENOMEM;
	paths->mask = buckets - 1;
	return 0;
}

void hz_tcp_paths_close(struct hz_tcp_paths *paths)
{
	free(paths->bucket);
	hz_pool_close(&paths->pool);
	*paths = (struct hz_tcp_paths){ 0 };
}

void hz_tcp_path_fill(struct hz_tcp_path *path, const struct hz_packet *packet)
{
	*path = (struct hz_tcp_path){
		.port = packet->port,
		.local = packet->dst,
		.l2_bytes = packet->l2_bytes,
		.is_v6 = packet->is_v6,
	};
	memcpy(path->l2 + HZ_L2_BYTES_MAX - packet->l2_bytes, packet->l2_reply, packet->l2_bytes);
}

/* Keyed, so that a neighbour who invents addresses cannot fill one bucket. */
static uint32_t hash_of(const struct hz_tcp *tcp, const struct hz_tcp_path *path)
{
	uint64_t key[2];
	__u64 word[6] = { (uintptr_t)path->port };

	memcpy(key, tcp->conf.secret, sizeof(key));
	memcpy(word + 1, &path->local, sizeof(path->local));
	memcpy(word + 3, path->l2, sizeof(path->l2));
	return (uint32_t)hz_siphash(key[0], key[1], word, HZ_ARRAY_LEN(word));
}

static bool is_same(const struct hz_tcp_path *a, const struct hz_tcp_path *b)
{
	return a->port == b->port && a->l2_bytes == b->l2_bytes &&
	       memcmp(&a->local, &b->local, sizeof(a->local)) == 0 &&
	       memcmp(a->l2, b->l2, sizeof(a->l2)) == 0;
}

static struct hz_tcp_path *path_at(const struct hz_tcp_paths *paths, uint32_t ref)
{
	return ref == 0 ? NULL : hz_pool_at(&paths->pool, ref - 1);
}

static struct hz_tcp_path *path_add(struct hz_tcp *tcp, const struct hz_tcp_path *want,
                                    uint32_t *bucket)
{
	struct hz_tcp_path *path = hz_pool_get(&tcp->paths.pool);

	assert(path != NULL); /* at most one per connection and one more */
	*path = *want;
	path->tcp = tcp;
	path->next = *bucket;
	*bucket = hz_pool_index(&tcp->paths.pool, path) + 1;
	return path;
}

struct hz_tcp_path *hz_tcp_path_get(struct hz_tcp *tcp, const struct hz_packet *packet)
{
	struct hz_tcp_paths *paths = &tcp->paths;
	struct hz_tcp_path want, *path = paths->last;
	uint32_t *bucket;

	hz_tcp_path_fill(&want, packet);
	if (path == NULL || !is_same(path, &want)) {
		bucket = &paths->bucket[hash_of(tcp, &want) & paths->mask];
		path = path_at(paths, *bucket);
		while (path != NULL && !is_same(path, &want))
			path = path_at(paths, path->next);
		if (path == NULL)
			path = path_add(tcp, &want, bucket);
	}
	path->refs++;
	paths->last = path;
	return path;
}

void hz_tcp_path_put(struct hz_tcp_path *path)
{
	struct hz_tcp_paths *paths = &path->tcp->paths;
	uint32_t *link, ref;

	assert(path->refs > 0);
	if (--path->refs > 0)
		return;
	ref = hz_pool_index(&paths->pool, path) + 1;
	link = &paths->bucket[hash_of(path->tcp, path) & paths->mask];
	while (*link != ref)
		link = &path_at(paths, *link)->next;
	*link = path->next;
	if (paths->last == path)
		paths->last = NULL;
	hz_pool_put(&paths->pool, path);
}

void hz_tcp_path_change(struct hz_tcp_path **path, const struct hz_packet *packet)
{
	struct hz_tcp_path *old = *path;

	*path = hz_tcp_path_get(old->tcp, packet);
	hz_tcp_path_put(old);
}
