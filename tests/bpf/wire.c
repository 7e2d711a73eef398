#include "wire.h"
#include <string.h>

#define CLIENT_MAC "\x02\x00\x00\x00\x00\x01"
#define SERVER_MAC "\x02\x00\x00\x00\x00\x02"

/* All of one size: the version of a frame says how many bytes of them count. */
static const uint8_t client4[16] = { 10, 7, 0, 1 }, server4[16] = { 10, 7, 0, 2 };
static const uint8_t other4[16] = { 10, 7, 0, 3 }, loop4[16] = { 127, 0, 0, 1 };
static const uint8_t client6[16] = { 0xfd, 7, [15] = 1 }, server6[16] = { 0xfd, 7, [15] = 2 };
static const uint8_t other6[16] = { 0xfd, 7, [15] = 3 }, group6[16] = { 0xff, 2, [15] = 1 };

static const uint8_t mapped_server6[16] = { [10] = 0xff, 0xff, 10, 7, 0, 2 };
static const uint8_t mapped_client6[16] = { [10] = 0xff, 0xff, 10, 7, 0, 1 };

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* RFC 1071 as it is written: 16-bit words in network order, odd byte padded, carries added back. */
static uint32_t sum_words(uint32_t sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t pseudo_sum(int version, const uint8_t *from, const uint8_t *to, uint8_t protocol,
                           size_t len)
{
	size_t addr = version == 4 ? 4 : 16;
	uint32_t sum = sum_words(0, from, addr);

	sum = sum_words(sum, to, addr);
	return sum + protocol + (uint32_t)len;
}

size_t wire_l3(const struct wire_spec *spec)
{
	return 14 + 4 * (size_t)spec->tags;
}

static bool has_fragment6(const struct wire_spec *spec)
{
	return spec->version == 6 &&
	       (spec->more_fragments || spec->fragment_offset != 0 || spec->atomic_fragment);
}

size_t wire_l4(const struct wire_spec *spec)
{
	return wire_l3(spec) + (spec->version == 6 ? 40 : 20) + spec->ip_option_bytes +
	       (has_fragment6(spec) ? 8 : 0);
}

static uint8_t protocol_of(const struct wire_spec *spec)
{
	return spec->protocol != 0 ? spec->protocol : 6;
}

static const uint8_t *server_of(const struct wire_spec *spec)
{
	if (spec->version == 6 && spec->mapped_server)
		return mapped_server6;
	if (spec->version == 6)
		return spec->other_server ? other6 : server6;
	return spec->other_server ? other4 : server4;
}

static const uint8_t *client_of(const struct wire_spec *spec)
{
	if (spec->version == 6 && spec->mapped_source)
		return mapped_client6;
	if (spec->version == 6)
		return spec->bad_source ? group6 : client6;
	return spec->bad_source ? loop4 : client4;
}

static void put_l2(uint8_t *at, const struct wire_spec *spec)
{
	memcpy(at, spec->to_group ? "\xff\xff\xff\xff\xff\xff" : SERVER_MAC, 6);
	memcpy(at + 6, CLIENT_MAC, 6);
	at += 12;
	for (int tag = 0; tag < spec->tags; tag++, at += 4) {
		put16(at, tag == 0 && spec->tags > 1 ? 0x88a8 : 0x8100);
		put16(at + 2, (uint32_t)(0x2000 + 100 + tag));
	}
	put16(at, spec->version == 6 ? 0x86dd : 0x0800);
}

static void put_ip4(uint8_t *ip, const struct wire_spec *spec, size_t len)
{
	size_t header = 20 + spec->ip_option_bytes;

	ip[0] = (uint8_t)(0x40 | header / 4);
	put16(ip + 2, (uint32_t)((int)len + spec->length_lie));
	put16(ip + 4, 0x1234);
	put16(ip + 6, spec->fragment_offset / 8 | (spec->more_fragments ? 0x2000 : 0));
	ip[8] = 61;
	ip[9] = protocol_of(spec);
	memcpy(ip + 12, client_of(spec), 4);
	memcpy(ip + 16, server_of(spec), 4);
	memset(ip + 20, 1, spec->ip_option_bytes); /* no-operation */
	put16(ip + 10, ~sum_words(0, ip, header));
}

static void put_ip6(uint8_t *ip, const struct wire_spec *spec, size_t len)
{
	uint8_t *next = ip + 6, *at = ip + 40;

	ip[0] = 0x60;
	put16(ip + 4, (uint32_t)((int)len - 40 + spec->length_lie));
	ip[7] = 61;
	memcpy(ip + 8, client_of(spec), 16);
	memcpy(ip + 24, server_of(spec), 16);
	if (spec->ip_option_bytes != 0) {
		*next = 60;
		next = at;
		at[1] = (uint8_t)(spec->ip_option_bytes / 8 - 1);
		at[2] = 1; /* PadN */
		at[3] = (uint8_t)(spec->ip_option_bytes - 4);
		at += spec->ip_option_bytes;
	}
	if (has_fragment6(spec)) {
		*next = 44;
		next = at;
		put16(at + 2, spec->fragment_offset | (spec->more_fragments ? 1 : 0));
		put32(at + 4, 0x01020304);
	}
	*next = protocol_of(spec);
}

/* TCP, UDP or echo at `at`; returns its length. */
static size_t put_l4(uint8_t *at, const struct wire_spec *spec)
{
	size_t payload = spec->payload == NULL ? 0 : strlen(spec->payload), header = 8;
	uint8_t protocol = protocol_of(spec);
	uint8_t *csum = at + 6;
	uint32_t sum = 0;

	if (protocol == 6) {
		header = spec->doff == 0 ? 20 : HZ_MAX(spec->doff * 4u, 20u);
		put32(at + 4, spec->seq);
		put32(at + 8, spec->ack);
		at[12] = (uint8_t)((spec->doff == 0 ? 5 : spec->doff) << 4);
		at[13] = spec->flags;
		put16(at + 14, 64240);
		memset(at + 20, 1, header - 20);
		csum = at + 16;
	}
	if (protocol == 6 || protocol == 17) {
		put16(at, spec->source_port);
		put16(at + 2, spec->port);
	} else { /* echo: type and code are in port, identifier and sequence in seq */
		put16(at, spec->port);
		put32(at + 4, spec->seq);
		csum = at + 2;
	}
	if (protocol == 17)
		put16(at + 4, (uint32_t)(header + payload));
	memcpy(at + header, spec->payload == NULL ? "" : spec->payload, payload);
	if (protocol != 1)
		sum = pseudo_sum(spec->version, client_of(spec), server_of(spec), protocol,
		                 header + payload);
	put16(csum, ~sum_words(sum, at, header + payload));
	return header + payload;
}

void wire_build(struct wire *out, const struct wire_spec *spec)
{
	size_t l3 = wire_l3(spec), l4 = wire_l4(spec), l4_bytes;

	memset(out, 0, sizeof(*out));
	put_l2(out->byte, spec);
	l4_bytes = put_l4(out->byte + l4, spec);
	if (spec->version == 6)
		put_ip6(out->byte + l3, spec, l4 - l3 + l4_bytes);
	else
		put_ip4(out->byte + l3, spec, l4 - l3 + l4_bytes);
	out->len = l4 + l4_bytes + spec->padding;
}

void wire_put_options(struct wire *wire, const struct wire_spec *spec, const uint8_t *option,
                      size_t bytes)
{
	size_t l4 = wire_l4(spec);
	uint8_t *ip = wire->byte + wire_l3(spec), *tcp = wire->byte + l4;
	uint8_t *length = ip + (spec->version == 4 ? 2 : 4);

	memmove(tcp + 20 + bytes, tcp + 20, wire->len - l4 - 20);
	memcpy(tcp + 20, option, bytes);
	tcp[12] = (uint8_t)((5 + bytes / 4) << 4);
	wire->len += bytes;
	put16(length, (uint32_t)(length[0] << 8 | length[1]) + (uint32_t)bytes);
}

/* Addresses and tags; returns the offset of the IP header. */
static size_t take_l2(const uint8_t *frame, size_t len, struct wire_tcp *out, uint16_t *proto)
{
	size_t at = 12;

	memcpy(out->mac_to, frame, 6);
	memcpy(out->mac_from, frame + 6, 6);
	for (*proto = get16(frame + at); *proto == 0x8100 || *proto == 0x88a8;
	     *proto = get16(frame + at)) {
		if (out->tags == 3 || at + 6 > len)
			break;
		out->tci[out->tags++] = get16(frame + at + 2);
		at += 4;
	}
	return at + 2;
}

static const char *take_tcp(const uint8_t *tcp, size_t len, struct wire_tcp *out)
{
	size_t header = (size_t)(tcp[12] >> 4) * 4;
	uint32_t sum = pseudo_sum(out->version, out->from, out->to, 6, len);

	if (len < 20 || header < 20 || header > len)
		return "TCP header length";
	if (sum_words(sum, tcp, len) != 0xffff)
		return "TCP checksum";
	out->source_port = get16(tcp);
	out->port = get16(tcp + 2);
	out->seq = get32(tcp + 4);
	out->ack = get32(tcp + 8);
	out->flags = tcp[13];
	/* the MSS alone, or with timestamps at their usual place and what stands around them */
	if (header != 20 && (tcp[20] != 2 || tcp[21] != 4))
		return "TCP options";
	if (header != 20 && header != 24 && (header != 40 || tcp[26] != 8 || tcp[27] != 10))
		return "TCP options";
	if (header != 20)
		out->mss = get16(tcp + 22);
	out->payload = tcp + header;
	out->payload_bytes = len - header;
	return NULL;
}

const char *wire_take_apart(const uint8_t *frame, size_t len, struct wire_tcp *out)
{
	uint16_t proto;
	size_t at, ip_len;

	memset(out, 0, sizeof(*out));
	if (len < 14 + 40)
		return "too short";
	at = take_l2(frame, len, out, &proto);
	if (proto == 0x0800) {
		ip_len = get16(frame + at + 2);
		if (frame[at] != 0x45 || ip_len != len - at || frame[at + 9] != 6)
			return "IPv4 header";
		if (sum_words(0, frame + at, 20) != 0xffff)
			return "IPv4 checksum";
		out->version = 4;
		memcpy(out->from, frame + at + 12, 4);
		memcpy(out->to, frame + at + 16, 4);
		return take_tcp(frame + at + 20, ip_len - 20, out);
	}
	if (proto != 0x86dd || at + 60 > len)
		return "not IP";
	ip_len = get16(frame + at + 4);
	if (frame[at] >> 4 != 6 || ip_len + 40 != len - at || frame[at + 6] != 6)
		return "IPv6 header";
	out->version = 6;
	memcpy(out->from, frame + at + 8, 16);
	memcpy(out->to, frame + at + 24, 16);
	return take_tcp(frame + at + 40, ip_len, out);
}

const char *wire_is_answer_to(const struct wire_tcp *reply, const struct wire_spec *spec)
{
	size_t addr = spec->version == 6 ? 16 : 4;

	if (memcmp(reply->mac_to, CLIENT_MAC, 6) != 0 ||
	    memcmp(reply->mac_from, SERVER_MAC, 6) != 0)
		return "MAC addresses are not swapped";
	if (reply->tags != spec->tags)
		return "number of tags";
	for (int tag = 0; tag < spec->tags; tag++)
		if (reply->tci[tag] != 0x2000 + 100 + tag)
			return "tag";
	if (reply->version != (spec->version == 6 ? 6 : 4) ||
	    memcmp(reply->from, server_of(spec), addr) != 0 ||
	    memcmp(reply->to, client_of(spec), addr) != 0)
		return "IP addresses are not swapped";
	if (reply->source_port != spec->port || reply->port != spec->source_port)
		return "ports are not swapped";
	return NULL;
}

const char *wire_is_echo_reply(const uint8_t *reply, size_t len, const struct wire *request,
                               const struct wire_spec *spec)
{
	bool is_v6 = spec->version == 6;
	size_t l3 = wire_l3(spec), l4 = wire_l4(spec), ip_addr = l3 + (is_v6 ? 8 : 12);
	size_t addr = is_v6 ? 16 : 4, l4_bytes = request->len - spec->padding - l4;
	uint32_t sum =
		is_v6 ? pseudo_sum(6, reply + ip_addr, reply + ip_addr + addr, 58, l4_bytes) : 0;

	if (len != request->len)
		return "length changed";
	if (memcmp(reply, CLIENT_MAC, 6) != 0 || memcmp(reply + 6, SERVER_MAC, 6) != 0 ||
	    memcmp(reply + 12, request->byte + 12, l3 - 12) != 0)
		return "link layer";
	if (memcmp(reply + ip_addr, server_of(spec), addr) != 0 ||
	    memcmp(reply + ip_addr + addr, client_of(spec), addr) != 0)
		return "IP addresses";
	if (!is_v6 && sum_words(0, reply + l3, 20) != 0xffff)
		return "IPv4 checksum";
	if (reply[l4] != (is_v6 ? 129 : 0) || reply[l4 + 1] != 0)
		return "ICMP type";
	if (sum_words(sum, reply + l4, l4_bytes) != 0xffff)
		return "ICMP checksum";
	return memcmp(reply + l4 + 4, request->byte + l4 + 4, len - l4 - 4) == 0 ? NULL : "data";
}
