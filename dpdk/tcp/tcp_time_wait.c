#include "tcp/tcp_time_wait.h"

#include "tcp/tcp_listen.h"
#include "tcp/tcp_out.h"
#include "tcp/tcp_stack.h"
#include <errno.h>
#include <stdlib.h>

#define REPLY_INTERVAL_NS (500 * HZ_NS_PER_MS)
/* Beyond anything the old connection may still have under way. */
#define ISS_GAP (2u * HZ_LIMIT_tx_bytes_max)

int hz_tcp_tw_open(struct hz_tcp_tw_queue *queue, uint32_t capacity)
{
	*queue = (struct hz_tcp_tw_queue){ .capacity = capacity };
	queue->record = calloc(capacity, sizeof(*queue->record));
	if (queue->record == NULL)
		return -ENOMEM;
	for (uint32_t i = capacity; i > 0; i--) {
		queue->record[i - 1].older = queue->free;
		queue->free = i;
	}
	return 0;
}

void hz_tcp_tw_close(struct hz_tcp_tw_queue *queue)
{
	free(queue->record);
	*queue = (struct hz_tcp_tw_queue){ 0 };
}

static void link_newest(struct hz_tcp_tw_queue *queue, uint32_t at)
{
	struct hz_tcp_tw *tw = hz_tcp_tw_at(queue, at);

	tw->newer = 0;
	tw->older = queue->newest;
	if (queue->newest != 0)
		hz_tcp_tw_at(queue, queue->newest)->newer = at;
	else
		queue->oldest = at;
	queue->newest = at;
}

static void unlink_record(struct hz_tcp_tw_queue *queue, uint32_t at)
{
	const struct hz_tcp_tw *tw = hz_tcp_tw_at(queue, at);

	if (tw->older != 0)
		hz_tcp_tw_at(queue, tw->older)->newer = tw->newer;
	else
		queue->oldest = tw->newer;
	if (tw->newer != 0)
		hz_tcp_tw_at(queue, tw->newer)->older = tw->older;
	else
		queue->newest = tw->older;
}

static void drop(struct hz_tcp *tcp, uint32_t at)
{
	struct hz_tcp_tw_queue *queue = &tcp->time_wait;
	struct hz_tcp_tw *tw = hz_tcp_tw_at(queue, at);

	hz_tcp_table_remove(&tcp->table, tw->hash, at | HZ_TCP_REF_TIME_WAIT);
	unlink_record(queue, at);
	tw->older = queue->free;
	queue->free = at;
	queue->count--;
	tcp->conf.slot->conns->time_wait--;
}

void hz_tcp_tw_enter(struct hz_tcp *tcp, const struct hz_tcp_pcb *pcb)
{
	struct hz_tcp_tw_queue *queue = &tcp->time_wait;
	struct hz_tcp_tw *tw;
	uint32_t at;

	if (queue->free == 0)
		drop(tcp, queue->oldest);
	at = queue->free;
	tw = hz_tcp_tw_at(queue, at);
	queue->free = tw->older;
	*tw = (struct hz_tcp_tw){
		.hash = pcb->hash,
		.snd_nxt = pcb->snd_max,
		.rcv_nxt = pcb->rcv_nxt,
		.ts_recent = pcb->ts_recent,
		.ts_offset = pcb->ts_offset,
		.flags = pcb->flags & HZ_TCP_F_TS,
		.expires_ns = hz_tcp_now(tcp) + HZ_TCP_TIME_WAIT_NS,
	};
	hz_tcp_pcb_key(pcb, &tw->key);
	link_newest(queue, at);
	queue->count++;
	hz_tcp_table_add(&tcp->table, tw->hash, at | HZ_TCP_REF_TIME_WAIT);
	tcp->conf.slot->conns->time_wait++;
}

/* RFC 6191 and RFC 1122 4.2.2.13: a SYN of that number cannot be an old duplicate. */
static bool is_fresh(const struct hz_tcp_tw *tw, const struct hz_tcp_segment *seg, uint32_t irs)
{
	if ((tw->flags & HZ_TCP_F_TS) && seg->opts.has_ts && seg->opts.ts_val != tw->ts_recent)
		return hz_seq_gt(seg->opts.ts_val, tw->ts_recent);
	return hz_seq_gt(irs, tw->rcv_nxt);
}

/* The SYN itself, or what ends its handshake when XDP answered it, which knows of no TIME_WAIT. */
static bool opens_anew(const struct hz_tcp *tcp, const struct hz_tcp_tw *tw,
                       const struct hz_tcp_segment *seg)
{
	struct hz_tcp_cookie cookie;

	if ((seg->flags & (HZ_TCP_SYN | HZ_TCP_ACK)) == HZ_TCP_SYN)
		return !tcp->is_draining && is_fresh(tw, seg, seg->seq);
	return is_fresh(tw, seg, seg->seq - 1) && hz_tcp_listen_has_cookie(tcp, seg, &cookie);
}

bool hz_tcp_tw_in(struct hz_tcp *tcp, uint32_t ref, const struct hz_tcp_segment *seg,
                  uint32_t *iss_min)
{
	uint32_t at = ref & ~HZ_TCP_REF_TIME_WAIT;
	struct hz_tcp_tw *tw = hz_tcp_tw_at(&tcp->time_wait, at);
	uint64_t now_ns = hz_tcp_now(tcp);

	if (seg->flags & HZ_TCP_RST) /* must not end TIME_WAIT early, RFC 1337 */
		return false;
	if (opens_anew(tcp, tw, seg)) {
		*iss_min = tw->snd_nxt + ISS_GAP;
		hz_tcp_count(tcp, HZ_COUNTER_time_wait_reused);
		drop(tcp, at);
		return true;
	}
	if (hz_tcp_segment_length(seg) == 0) {
		if (seg->seq == tw->rcv_nxt || now_ns - tw->replied_ns < REPLY_INTERVAL_NS)
			return false;
		tw->replied_ns = now_ns;
	}
	if (seg->flags & HZ_TCP_FIN) { /* our last ACK was lost: the time starts anew */
		tw->expires_ns = now_ns + HZ_TCP_TIME_WAIT_NS;
		unlink_record(&tcp->time_wait, at);
		link_newest(&tcp->time_wait, at);
	}
	hz_tcp_out_reply_ack(tcp, seg, tw);
	return false;
}

unsigned hz_tcp_tw_expire(struct hz_tcp *tcp, unsigned budget)
{
	unsigned done = 0;

	for (; done < budget && tcp->time_wait.oldest != 0; done++) {
		if (hz_tcp_tw_at(&tcp->time_wait, tcp->time_wait.oldest)->expires_ns >
		    hz_tcp_now(tcp))
			break;
		drop(tcp, tcp->time_wait.oldest);
	}
	return done;
}

uint64_t hz_tcp_tw_next_ns(const struct hz_tcp_tw_queue *queue)
{
	return queue->oldest == 0 ? UINT64_MAX : hz_tcp_tw_at(queue, queue->oldest)->expires_ns;
}
