#include "sim_wire.h"

#include "net/ip_hdr.h"
#include "sim_app.h"
#include "tcp/tcp_seq.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MSS_DEFAULT_V4 536u

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return get16(at) << 16 | get16(at + 2);
}

/* Not the stack's own checksum, or both would be wrong alike. RFC 1071: the sum of what is right is 0xffff. */
static uint32_t sum16(uint32_t sum, const uint8_t *at, uint32_t bytes)
{
	for (; bytes >= 2; bytes -= 2, at += 2)
		sum += get16(at);
	if (bytes > 0)
		sum += (uint32_t)at[0] << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* --- reading ------------------------------------------------------------------------------------------ */

static const char *option_read(const uint8_t *at, uint32_t n, struct sim_seg *seg)
{
	switch (at[0]) {
	case 2:
		seg->mss = (uint16_t)get16(at + 2);
		return n == 4 ? NULL : "MSS option of a wrong length";
	case 3:
		seg->has_scale = true;
		seg->scale = at[2];
		return n == 3 && at[2] <= 14 ? NULL : "wrong window scale option";
	case 4:
		seg->has_sack_permitted = true;
		return n == 2 ? NULL : "SACK-permitted of a wrong length";
	case 5:
		seg->sack_count = (n - 2) / 8;
		if (n % 8 != 2 || seg->sack_count < 1 || seg->sack_count > HZ_TCP_SACK_BLOCKS_MAX)
			return "SACK option of a wrong length";
		for (uint32_t i = 0; i < seg->sack_count; i++) {
			seg->sack[i].start = get32(at + 2 + 8 * i);
			seg->sack[i].end = get32(at + 6 + 8 * i);
		}
		return NULL;
	case 8:
		seg->has_ts = true;
		seg->ts_val = get32(at + 2);
		seg->ts_ecr = get32(at + 6);
		return n == 10 ? NULL : "timestamps of a wrong length";
	default:
		return "an option that nobody knows";
	}
}

static const char *options_read(const uint8_t *at, uint32_t bytes, struct sim_seg *seg)
{
	while (bytes > 0 && at[0] != 0) {
		uint32_t n = 1;
		const char *why;

		if (at[0] != 1) {
			n = bytes >= 2 ? at[1] : 0;
			if (n < 2 || n > bytes)
				return "options beyond the header";
			why = option_read(at, n, seg);
			if (why != NULL)
				return why;
		}
		at += n;
		bytes -= n;
	}
	return NULL;
}

/* addresses: the two of the IP header, which are side by side. */
static const char *tcp_read(const uint8_t *tcp, uint32_t bytes, const uint8_t *addresses,
                            uint32_t address_bytes, struct sim_seg *seg)
{
	uint32_t header = bytes < 20 ? 0 : (tcp[12] >> 4) * 4u;
	uint32_t pseudo = sum16(HZ_IPPROTO_TCP + bytes, addresses, address_bytes);

	if (header < 20 || header > bytes)
		return "TCP header length";
	if (sum16(pseudo, tcp, bytes) != 0xffff)
		return "TCP checksum";
	seg->src_port = (uint16_t)get16(tcp);
	seg->dst_port = (uint16_t)get16(tcp + 2);
	seg->seq = get32(tcp + 4);
	seg->ack = get32(tcp + 8);
	seg->flags = tcp[13];
	seg->window = get16(tcp + 14);
	seg->payload = tcp + header;
	seg->bytes = bytes - header;
	seg->option_bytes = header - 20;
	return options_read(tcp + 20, header - 20, seg);
}

const char *sim_wire_read(const uint8_t *frame, size_t bytes, struct sim_seg *seg)
{
	uint32_t at = 14;
	const uint8_t *ip;

	*seg = (struct sim_seg){ 0 };
	while (at < bytes && (frame[at - 2] == 0x81 || frame[at - 2] == 0x88))
		at += 4;
	if (bytes < at + 40)
		return "a frame without TCP";
	ip = frame + at;
	seg->l3_bytes = (uint32_t)bytes - at;
	if (get16(ip - 2) == HZ_ETHERTYPE_IP6) {
		if (ip[0] != 0x60 || get16(ip + 4) + 40 != seg->l3_bytes || ip[6] != 6)
			return "IPv6 header";
		return tcp_read(ip + 40, seg->l3_bytes - 40, ip + 8, 32, seg);
	}
	if (get16(ip - 2) != HZ_ETHERTYPE_IP4 || ip[0] != 0x45 || get16(ip + 2) != seg->l3_bytes ||
	    ip[9] != 6)
		return "IPv4 header";
	if (sum16(0, ip, 20) != 0xffff)
		return "IPv4 checksum";
	return tcp_read(ip + 20, seg->l3_bytes - 20, ip + 12, 8, seg);
}

void sim_wire_print(const struct sim_seg *seg, uint32_t iss, uint32_t irs, char *to, size_t room)
{
	int n = snprintf(to, room, "%u>%u %s%s%s%s%s seq %u ack %u win %u len %u", seg->src_port,
	                 seg->dst_port, seg->flags & HZ_TCP_SYN ? "S" : "",
	                 seg->flags & HZ_TCP_FIN ? "F" : "", seg->flags & HZ_TCP_RST ? "R" : "",
	                 seg->flags & HZ_TCP_PSH ? "P" : "", seg->flags & HZ_TCP_ACK ? "." : "",
	                 seg->seq - iss, seg->ack - irs, seg->window, seg->bytes);

	if (seg->has_ts)
		n += snprintf(to + n, room - (size_t)n, " ts %u/%u", seg->ts_val, seg->ts_ecr);
	for (uint32_t i = 0; i < seg->sack_count; i++)
		n += snprintf(to + n, room - (size_t)n, " sack %u-%u", seg->sack[i].start - irs,
		              seg->sack[i].end - irs);
}

/* --- what arrived ------------------------------------------------------------------------------------- */

int sim_flow_open(struct sim_flow *flow, uint32_t bytes0, uint32_t bytes1)
{
	const uint32_t bytes[2] = { bytes0, bytes1 };

	*flow = (struct sim_flow){ 0 };
	for (unsigned i = 0; i < 2; i++) {
		flow->half[i].stream_bytes = bytes[i];
		flow->half[i].arrived = calloc(bytes[i] / 64 + 1, sizeof(uint64_t));
		if (flow->half[i].arrived == NULL) {
			sim_flow_close(flow);
			return -ENOMEM;
		}
	}
	return 0;
}

void sim_flow_close(struct sim_flow *flow)
{
	free(flow->half[0].arrived);
	free(flow->half[1].arrived);
	*flow = (struct sim_flow){ 0 };
}

static bool has_byte(const struct sim_half *half, uint32_t at)
{
	return (half->arrived[at / 64] >> at % 64 & 1) != 0;
}

/* The part of [seq, seq + bytes) that is of the stream, as offsets. */
static void clip(const struct sim_half *half, uint32_t seq, uint32_t bytes, uint32_t *from,
                 uint32_t *to)
{
	*from = seq == 0 ? 0 : HZ_MIN(seq - 1, half->stream_bytes);
	*to = HZ_MIN(*from + bytes, half->stream_bytes);
}

static void bytes_arrive(struct sim_half *half, uint32_t seq, uint32_t bytes)
{
	uint32_t from, to, next;

	clip(half, seq, bytes, &from, &to);
	for (uint32_t at = from; at < to;) {
		uint32_t n = HZ_MIN(64 - at % 64, to - at);
		uint64_t ones = n == 64 ? UINT64_MAX : (1ull << n) - 1;

		half->arrived[at / 64] |= ones << at % 64;
		at += n;
	}
	next = half->arrived_next == 0 ? 0 : half->arrived_next - 1;
	while (next < half->stream_bytes) {
		if (next % 64 == 0 && half->arrived[next / 64] == UINT64_MAX)
			next += 64;
		else if (has_byte(half, next))
			next++;
		else
			break;
	}
	half->arrived_next = HZ_MIN(next, half->stream_bytes) + 1;
}

static bool have_arrived(const struct sim_half *half, uint32_t seq, uint32_t end)
{
	uint32_t from, to;

	clip(half, seq, end - seq, &from, &to);
	for (uint32_t at = from; at < to; at++) {
		if (at % 64 == 0 && at + 64 <= to && half->arrived[at / 64] == UINT64_MAX)
			at += 63;
		else if (!has_byte(half, at))
			return false;
	}
	return end <= half->stream_bytes + 1 + half->has_fin_arrived;
}

/* The highest number that may be acknowledged: SYN, data without a hole, FIN. */
static uint32_t acceptable_ack(const struct sim_half *half)
{
	bool is_whole = half->arrived_next == half->stream_bytes + 1;

	return half->arrived_next + (is_whole && half->has_fin_arrived);
}

/* Of the window field: a SYN's is never scaled, and both sides must have offered it (RFC 7323 2.2). */
static uint32_t window_of(const struct sim_flow *flow, unsigned from, const struct sim_seg *seg)
{
	if ((seg->flags & HZ_TCP_SYN) || !flow->half[0].has_scale || !flow->half[1].has_scale)
		return seg->window;
	return seg->window << flow->half[from].scale;
}

static uint32_t scale_slack(const struct sim_flow *flow, unsigned from)
{
	if (!flow->half[0].has_scale || !flow->half[1].has_scale)
		return 0;
	return (1u << flow->half[from].scale) - 1;
}

static void offer_note(struct sim_half *half, const struct sim_seg *syn)
{
	half->has_scale = syn->has_scale;
	half->has_ts = syn->has_ts;
	half->has_sack = syn->has_sack_permitted;
}

void sim_flow_arrived(struct sim_flow *flow, unsigned from, const struct sim_seg *seg)
{
	struct sim_half *half = &flow->half[from], *other = &flow->half[1 - from];
	uint32_t ack = seg->ack - other->iss, seq = seg->seq - half->iss;
	uint32_t next = acceptable_ack(half),
		 end = seq + seg->bytes + ((seg->flags & HZ_TCP_FIN) != 0);

	if (seg->flags & HZ_TCP_RST)
		return;
	if (seg->flags & HZ_TCP_SYN) {
		offer_note(half, seg);
		bytes_arrive(half, 1, 0);
		seq++;
	}
	bytes_arrive(half, seq, seg->bytes);
	if ((seg->flags & HZ_TCP_FIN) && seq + seg->bytes == half->stream_bytes + 1)
		half->has_fin_arrived = true;
	if (!(seg->flags & HZ_TCP_ACK))
		return;
	other->edge_seen = HZ_MAX(other->edge_seen, ack + window_of(flow, from, seg));
	/* What is not acceptable is dropped with its ACK, RFC 9293 3.10.7.4: count what surely is. */
	if (end >= next && (seq >= next || end > next) && seq <= other->edge_max)
		other->una_seen = HZ_MAX(other->una_seen, ack);
}

/* --- what is sent -------------------------------------------------------------------------------------- */

static const char *syn_sent(struct sim_flow *flow, unsigned from, const struct sim_seg *seg)
{
	struct sim_half *half = &flow->half[from];

	/* A cookie and a kept SYN have different numbers; once data flows nothing may change. */
	if (half->has_syn && half->iss != seg->seq && (half->has_sent_data || from == 0))
		return "a SYN sent again with another number";
	if (seg->bytes > 0)
		return "data on a SYN";
	if (seg->mss == 0)
		return "a SYN without MSS";
	half->has_syn = true;
	half->iss = seg->seq;
	half->mss = seg->mss;
	half->scale = seg->scale;
	half->sent_max = HZ_MAX(half->sent_max, 1u);
	half->ts_last = seg->ts_val;
	half->edge_max = 0;
	/* What the client offered is known when it arrives: a middlebox may have removed it. */
	if (from == 1)
		offer_note(half, seg);
	return NULL;
}

static const char *ack_check(struct sim_flow *flow, unsigned from, const struct sim_seg *seg)
{
	struct sim_half *half = &flow->half[from], *other = &flow->half[1 - from];
	uint32_t ack = seg->ack - other->iss;
	uint32_t edge = ack + window_of(flow, from, seg);

	if (!other->has_syn || ack > acceptable_ack(other))
		return "an ACK of what did not arrive";
	if (ack < half->ack_max)
		return "an ACK lower than before";
	half->ack_max = ack;
	if (edge + scale_slack(flow, from) < half->edge_max)
		return "the window's right edge moved back, RFC 9293 3.8.6";
	half->edge_max = HZ_MAX(half->edge_max, edge);
	return NULL;
}

static const char *sack_check(const struct sim_flow *flow, unsigned from, const struct sim_seg *seg)
{
	const struct sim_half *other = &flow->half[1 - from];

	if (seg->sack_count > 0 && !other->has_sack)
		return "SACK without permission";
	for (uint32_t i = 0; i < seg->sack_count; i++) {
		uint32_t start = seg->sack[i].start - other->iss;
		uint32_t end = seg->sack[i].end - other->iss;

		if (start == 0 || start >= end || !have_arrived(other, start, end))
			return "SACK of what did not arrive";
		/* The first may name a duplicate, RFC 2883. */
		if (i > 0 && start <= seg->ack - other->iss)
			return "SACK below the ACK";
	}
	return NULL;
}

static const char *ts_check(struct sim_flow *flow, unsigned from, const struct sim_seg *seg)
{
	struct sim_half *half = &flow->half[from], *other = &flow->half[1 - from];

	if (seg->has_ts != (half->has_ts && other->has_ts) && half->has_sent_data)
		return "timestamps on some segments only, RFC 7323 3.2";
	if (!seg->has_ts)
		return NULL;
	if (hz_seq_lt(seg->ts_val, half->ts_last))
		return "a timestamp lower than before";
	half->ts_last = seg->ts_val;
	if (hz_seq_gt(seg->ts_ecr, other->ts_last))
		return "the echo of a timestamp that was not sent";
	return NULL;
}

static const char *data_check(struct sim_flow *flow, unsigned from, const struct sim_seg *seg,
                              const struct sim_written *written)
{
	struct sim_half *half = &flow->half[from], *other = &flow->half[1 - from];
	uint32_t seq = seg->seq - half->iss, end = seq + seg->bytes;
	uint32_t mss = other->mss != 0 ? other->mss : MSS_DEFAULT_V4;
	bool has_fin = (seg->flags & HZ_TCP_FIN) != 0;
	bool is_probe = seg->bytes <= 1;

	if (seg->l3_bytes > written->mtu)
		return "a packet larger than the MTU";
	if (seg->bytes + seg->option_bytes > mss)
		return "a segment larger than the MSS, RFC 6691";
	if (seq == 0 && !(seg->flags & HZ_TCP_SYN) && seg->bytes == 0)
		return NULL; /* a keep-alive */
	if (seg->bytes > 0 && (seq == 0 || end > written->bytes + 1))
		return "data that nobody wrote";
	if (has_fin && (!written->is_shut || end != written->bytes + 1))
		return "a FIN in front of the end";
	if (seg->bytes > 0 && !sim_app_matches(written->key, seq - 1, seg->payload, seg->bytes))
		return "payload that was not written";
	if (seg->bytes > 0 && end > half->edge_seen + is_probe)
		return "data beyond the window";
	if (seg->bytes > 1 && end + has_fin <= half->una_seen)
		return "data that the peer acknowledged already";
	if (seg->bytes + has_fin == 0 && seq > half->sent_max)
		return "an ACK beyond what was sent";
	half->sent_max = HZ_MAX(half->sent_max, end + has_fin);
	half->has_sent_data |= seg->bytes > 0;
	return NULL;
}

const char *sim_flow_sent(struct sim_flow *flow, unsigned from, const struct sim_seg *seg,
                          const struct sim_written *written)
{
	const char *why = NULL;

	if (seg->flags & HZ_TCP_SYN)
		why = syn_sent(flow, from, seg);
	/* A reset may answer a segment of an earlier connection, so may an ACK before our SYN. */
	if (why != NULL || (seg->flags & HZ_TCP_RST) || !flow->half[from].has_syn)
		return why != NULL || !(seg->flags & HZ_TCP_RST) || seg->bytes == 0
		               ? why
		               : "data on a reset";
	if (seg->flags & HZ_TCP_ACK)
		why = ack_check(flow, from, seg);
	else if (from == 1 || !(seg->flags & HZ_TCP_SYN))
		why = "a segment without ACK";
	if (why == NULL)
		why = sack_check(flow, from, seg);
	if (why == NULL && !(seg->flags & HZ_TCP_SYN))
		why = ts_check(flow, from, seg);
	if (why == NULL && !(seg->flags & HZ_TCP_SYN))
		why = data_check(flow, from, seg, written);
	return why;
}
