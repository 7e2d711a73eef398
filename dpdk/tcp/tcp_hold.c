#include "tcp/tcp_hold.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static void block_free(struct hz_tcp *tcp, struct hz_tcp_hold *hold)
{
	if (hold->data == NULL)
		return;
	hz_pool_put(hold->capacity == HZ_TCP_HOLD_SMALL_BYTES ? &tcp->hold_small : &tcp->hold_large,
	            hold->data);
	*hold = (struct hz_tcp_hold){ 0 };
}

/* Moves what is held into a block for at least bytes. */
static int block_grow(struct hz_tcp *tcp, struct hz_tcp_hold *hold, uint32_t bytes)
{
	struct hz_tcp_hold bigger = { .bytes = hold->bytes };

	if (bytes <= HZ_TCP_HOLD_SMALL_BYTES) {
		bigger.data = hz_pool_get(&tcp->hold_small);
		bigger.capacity = HZ_TCP_HOLD_SMALL_BYTES;
	}
	if (bigger.data == NULL && bytes <= HZ_TCP_HOLD_LARGE_BYTES) {
		bigger.data = hz_pool_get(&tcp->hold_large);
		bigger.capacity = HZ_TCP_HOLD_LARGE_BYTES;
	}
	if (bigger.data == NULL) {
		hz_tcp_count_drop(tcp, HZ_COUNTER_drop_hold_full);
		return -ENOMEM;
	}
	if (hold->bytes > 0) {
		memcpy(bigger.data, hold->data + hold->at, hold->bytes);
		hz_slot_add(tcp->conf.slot, HZ_COUNTER_input_copied_bytes, hold->bytes);
	}
	block_free(tcp, hold);
	*hold = bigger;
	return 0;
}

int hz_tcp_hold_put(struct hz_tcp *tcp, struct hz_tcp_hold *hold, const uint8_t *data,
                    uint32_t bytes)
{
	uint32_t need = hold->bytes + bytes;

	if (bytes == 0)
		return 0;
	if (need > hold->capacity) {
		int err = block_grow(tcp, hold, need);

		if (err != 0)
			return err;
	} else if (hold->at + need > hold->capacity) {
		memmove(hold->data, hold->data + hold->at, hold->bytes);
		hz_slot_add(tcp->conf.slot, HZ_COUNTER_input_copied_bytes, hold->bytes);
		hold->at = 0;
	}
	memcpy(hold->data + hold->at + hold->bytes, data, bytes);
	hz_slot_add(tcp->conf.slot, HZ_COUNTER_input_copied_bytes, bytes);
	hold->bytes = need;
	return 0;
}

void hz_tcp_hold_consume(struct hz_tcp *tcp, struct hz_tcp_hold *hold, uint32_t bytes)
{
	assert(bytes <= hold->bytes);
	hold->at += bytes;
	hold->bytes -= bytes;
	if (hold->bytes == 0)
		block_free(tcp, hold);
}
