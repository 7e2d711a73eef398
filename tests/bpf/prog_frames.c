#include "prog_frames.h"
#include "bpf_rig.h"
#include "model_bytes.h"
#include <string.h>

#define HOST " HTTP/1.1\r\nHost: a\r\n\r\n"

static const char *const payloads[] = {
	"",
	"GET /healthz" HOST,
	"GET /healthz" HOST,
	"HEAD /healthz" HOST,
	"OPTIONS /healthz HTTP/1.0\r\n\r\n",
	"GET /healthz?a=b" HOST,
	"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n",
	"GET /healthz" HOST "GET /healthz" HOST,
	"GET /healthz2" HOST,
	"GET /health" HOST,
	"POST /healthz" HOST,
	"GET / HTTP/1.0\r\n",
	"GET / HTTP/1.0\r",
	"GET /",
	"OPTIONS /healthz",
	"GET " FRAMES_LONG_PATH HOST,
	"HEAD " FRAMES_LONG_PATH HOST,
	"OPTIONS " FRAMES_LONG_PATH " ",
	"OPTIONS " FRAMES_LONG_PATH,
	"abcdefgh",
	"a",
};

uint64_t draw_bits(struct draw *draw)
{
	draw->state ^= draw->state >> 12;
	draw->state ^= draw->state << 25;
	draw->state ^= draw->state >> 27;
	return draw->state * 0x2545f4914f6cdd1d;
}

uint32_t draw_below(struct draw *draw, uint32_t bound)
{
	return (uint32_t)((draw_bits(draw) >> 32) * bound >> 32);
}

bool draw_one_in(struct draw *draw, uint32_t bound)
{
	return draw_below(draw, bound) == 0;
}

static uint16_t random_port(struct draw *draw)
{
	static const uint16_t ports[] = { RIG_SITE_PORT,
		                          RIG_HEALTH_PORT,
		                          RIG_HEALTH_PORT,
		                          RIG_HEALTH_PORT,
		                          RIG_PROBED_PORT,
		                          RIG_PROBED_PORT,
		                          FRAMES_LONG_PORT,
		                          FRAMES_ROOT_PORT,
		                          RIG_SITE_PORT,
		                          22,
		                          0,
		                          RIG_SITE_PORT + 1 };

	return draw_one_in(draw, 20) ? (uint16_t)draw_bits(draw)
	                             : ports[draw_below(draw, HZ_ARRAY_LEN(ports))];
}

static uint8_t random_flags(struct draw *draw)
{
	static const uint8_t flags[] = { WIRE_SYN,
		                         WIRE_SYN,
		                         WIRE_SYN,
		                         WIRE_ACK,
		                         WIRE_ACK | WIRE_PSH,
		                         WIRE_ACK | WIRE_PSH,
		                         WIRE_ACK | WIRE_FIN,
		                         WIRE_ACK | WIRE_PSH | WIRE_FIN,
		                         WIRE_RST,
		                         WIRE_RST | WIRE_ACK,
		                         WIRE_SYN | WIRE_ACK,
		                         WIRE_SYN | 0xc0 };

	return draw_one_in(draw, 6) ? (uint8_t)draw_bits(draw)
	                            : flags[draw_below(draw, HZ_ARRAY_LEN(flags))];
}

static void random_addresses(struct draw *draw, struct wire_spec *spec)
{
	spec->to_group = draw_one_in(draw, 50);
	spec->other_server = draw_one_in(draw, 12);
	spec->bad_source = draw_one_in(draw, 30);
	spec->mapped_server = draw_one_in(draw, 50);
	spec->mapped_source = draw_one_in(draw, 50);
}

/* What a field of IP may say beside the usual. */
static void random_ip(struct draw *draw, struct wire_spec *spec)
{
	if (draw_one_in(draw, 12))
		spec->ip_option_bytes =
			(uint16_t)(spec->version == 4 ? 4 * (1 + draw_below(draw, 10))
		                                      : 8 * (1 + draw_below(draw, 8)));
	spec->more_fragments = draw_one_in(draw, 16);
	if (draw_one_in(draw, 24))
		spec->fragment_offset = 8 * (1 + draw_below(draw, 100));
	if (draw_one_in(draw, 24))
		spec->length_lie = (int)draw_below(draw, 60) - 40;
	if (draw_one_in(draw, 8))
		spec->padding = draw_below(draw, 64);
}

/* What a prober sends once it is connected. */
static void prober_request(struct draw *draw, struct wire_spec *spec)
{
	static const struct {
		uint16_t port;
		const char *payload;
	} requests[] = {
		{ RIG_HEALTH_PORT, "GET /healthz" HOST },
		{ RIG_HEALTH_PORT, "HEAD /healthz" HOST },
		{ RIG_HEALTH_PORT, "OPTIONS /healthz HTTP/1.0\r\n\r\n" },
		{ RIG_PROBED_PORT, "GET /healthz" HOST },
		{ RIG_PROBED_PORT, "HEAD /healthz" HOST },
		{ RIG_SITE_PORT, "DELETE /healthz" HOST },
		{ RIG_SITE_PORT, "" },
		{ FRAMES_LONG_PORT, "GET " FRAMES_LONG_PATH HOST },
		{ FRAMES_LONG_PORT, "OPTIONS " FRAMES_LONG_PATH "? " },
		{ FRAMES_ROOT_PORT, "GET / HTTP/1.0\r\n\r\n" },
		{ FRAMES_ROOT_PORT, "HEAD / HTTP/1.0\r\n" },
	};
	uint32_t one = draw_below(draw, HZ_ARRAY_LEN(requests));

	spec->protocol = 6;
	spec->source_port = (uint16_t)draw_bits(draw);
	spec->port = requests[one].port;
	spec->payload = requests[one].payload;
	spec->seq = (uint32_t)draw_bits(draw);
	spec->flags = WIRE_ACK | WIRE_PSH;
}

static void random_transport(struct draw *draw, struct wire_spec *spec)
{
	uint32_t kind = draw_below(draw, 20);

	spec->source_port = (uint16_t)(draw_one_in(draw, 10) ? 0x0800 : draw_bits(draw));
	spec->port = random_port(draw);
	spec->seq = (uint32_t)draw_bits(draw);
	spec->payload = payloads[draw_below(draw, HZ_ARRAY_LEN(payloads))];
	if (kind == 0) {
		spec->protocol = (uint8_t)draw_bits(draw);
	} else if (kind < 3) {
		spec->protocol = 17;
		if (!draw_one_in(draw, 3))
			spec->port = RIG_UDP_PORT;
	} else if (kind < 6) {
		spec->protocol = spec->version == 4 ? 1 : 58;
		spec->port = spec->version == 4 ? 0x0800 : 0x8000;
		if (draw_one_in(draw, 4))
			spec->port = (uint16_t)draw_bits(draw);
		if (draw_one_in(draw, 30))
			spec->protocol = spec->version == 4 ? 58 : 1;
	} else {
		spec->protocol = 6;
		spec->flags = random_flags(draw);
		spec->ack = (uint32_t)draw_bits(draw);
		if (draw_one_in(draw, 4))
			spec->doff = (uint8_t)(draw_one_in(draw, 4) ? draw_below(draw, 16)
			                                            : 5 + draw_below(draw, 6));
	}
}

/* Of what a SYN-ACK of ours in this period, the last or the one before that said; then not with every bit. */
static void aim_at_syn(struct draw *draw, const struct model_world *world,
                       const struct model_packet *packet, struct wire_spec *spec)
{
	uint64_t period = (rig_now_ns() >> 36) - draw_below(draw, 3);

	spec->ack = model_syn_cookie(world, packet, spec->seq - 1, draw_below(draw, 8), period) + 1;
	if (draw_one_in(draw, 4))
		spec->ack ^= 1u << draw_below(draw, 32);
	if (draw_one_in(draw, 8))
		spec->seq += draw_below(draw, 3) - 1;
}

/* An acknowledgement of what the cookie of this flow says was sent, or just beside it. */
static void aim(struct draw *draw, const struct model_world *world, const struct wire *frame,
                struct wire_spec *spec)
{
	static const uint32_t progress[] = { 0,
		                             0,
		                             0,
		                             0,
		                             HZ_RESPONSE_BYTES,
		                             HZ_RESPONSE_BYTES + 1,
		                             HZ_RESPONSE_BYTES + 2,
		                             7 * HZ_RESPONSE_BYTES,
		                             7 * HZ_RESPONSE_BYTES + 1,
		                             (HZ_HEALTH_ANSWERS_MAX - 1) * HZ_RESPONSE_BYTES,
		                             HZ_HEALTH_ANSWERS_MAX * HZ_RESPONSE_BYTES,
		                             HZ_HEALTH_ANSWERS_MAX * HZ_RESPONSE_BYTES + 1,
		                             HZ_HEALTH_ANSWERS_MAX * HZ_RESPONSE_BYTES + 2,
		                             UINT32_MAX,
		                             1 };
	/* behind its SYN, and behind a request of up to some length that is too long */
	uint32_t isn = spec->seq - 1 - (draw_one_in(draw, 2) ? draw_below(draw, 2500) : 0);
	struct model_packet packet;

	(void)model_parse(frame->byte, frame->len, &packet);
	if (spec->port == RIG_SITE_PORT ||
	    (spec->port == RIG_PROBED_PORT && draw_one_in(draw, 3))) {
		if (draw_one_in(draw, 2)) {
			aim_at_syn(draw, world, &packet, spec);
			return;
		}
		spec->ack = model_shed_cookie(world, &packet, isn) + 1;
	} else {
		spec->ack = model_cookie(world, &packet, spec->port == RIG_PROBED_PORT, isn) + 1;
	}
	spec->ack += (draw_one_in(draw, 8) ? draw_below(draw, HZ_RESPONSE_BYTES + 3)
	                                   : progress[draw_below(draw, HZ_ARRAY_LEN(progress))]);
}

/* One to three headers between IPv6's and the transport's, some of no known kind. */
static void put_extensions(struct draw *draw, struct wire *frame, size_t l3)
{
	static const uint8_t kinds[] = { 0, 43, 44, 60, 51, 135, 139, 140, 59, 50, 253 };
	uint8_t *ip = frame->byte + l3, *next = ip + 6;
	size_t at = l3 + 40;

	for (uint32_t left = 1 + draw_below(draw, 3); left > 0; left--) {
		uint8_t kind = kinds[draw_below(draw, HZ_ARRAY_LEN(kinds))];
		uint32_t units = draw_below(draw, 4);
		size_t bytes = kind == 44 ? 8 : kind == 51 ? (units + 2) * 4 : (units + 1) * 8;

		if (frame->len + bytes > WIRE_MAX)
			break;
		memmove(frame->byte + at + bytes, frame->byte + at, frame->len - at);
		memset(frame->byte + at, 0, bytes);
		frame->byte[at] = *next;
		frame->byte[at + 1] = (uint8_t)(kind == 44 ? 0 : units);
		if (kind == 44 && draw_one_in(draw, 3))
			put16(frame->byte + at + 2, (uint32_t)draw_bits(draw) & 0xffff);
		*next = kind;
		next = frame->byte + at;
		at += bytes;
		frame->len += bytes;
		put16(ip + 4, get16(ip + 4) + (uint32_t)bytes);
	}
}

/* TCP options as stacks send them, in any order, and with lengths that lie. */
static void put_options(struct draw *draw, struct wire *frame, const struct wire_spec *spec)
{
	static const char *const kinds[] = {
		"\1\1",       "\2\4\5\264",         "\2\4\4\304",     "\4\2",    "\1\3\3\7",
		"\1\3\3\377", "\1\1\10\12abcdABCD", "\10\12ABCDabcd", "\36\4xy", "\5\12abcdefgh"
	};
	static const char usual[] = "\2\4\5\264\4\2\10\12abcdABCD\1\3\3\7";
	uint8_t option[40] = { 0 };
	size_t used = 0, bytes;

	if (draw_one_in(draw, 2)) {
		used = sizeof(usual) - 1;
		memcpy(option, usual, used);
		put16(option + 2, (uint32_t)draw_bits(draw) & 0xffff);
	}
	for (uint32_t left = draw_below(draw, 7); left > 0; left--) {
		const char *one = kinds[draw_below(draw, HZ_ARRAY_LEN(kinds))];

		if (used + strlen(one) > sizeof(option))
			break;
		memcpy(option + used, one, strlen(one));
		used += strlen(one);
	}
	bytes = (used + 3) / 4 * 4;
	if (used > 0 && draw_one_in(draw, 6))
		option[draw_below(draw, (uint32_t)used)] = (uint8_t)draw_below(draw, 12);
	wire_put_options(frame, spec, option, bytes);
}

/* Sources at the borders of what nobody may be: 0/8, 127/8, 224/4; ::/96, ff00::/8. */
static void put_source(struct draw *draw, struct wire *frame, const struct wire_spec *spec)
{
	static const uint8_t first4[] = { 0, 1, 126, 127, 128, 223, 224, 239, 240, 255 };
	static const uint8_t first6[] = { 0, 0, 0xfe, 0xff };
	uint8_t *from = frame->byte + wire_l3(spec) + (spec->version == 4 ? 12 : 8);

	if (spec->version == 4) {
		from[0] = first4[draw_below(draw, HZ_ARRAY_LEN(first4))];
		return;
	}
	memset(from, 0, 16);
	from[0] = first6[draw_below(draw, HZ_ARRAY_LEN(first6))];
	from[draw_below(draw, 16)] ^= (uint8_t)draw_below(draw, 3);
	from[15] = (uint8_t)draw_below(draw, 3);
}

static void damage(struct draw *draw, struct wire *frame)
{
	for (uint32_t left = 1 + draw_below(draw, 4); left > 0; left--) {
		size_t reach = draw_one_in(draw, 4) ? frame->len : HZ_MIN(frame->len, (size_t)84);
		uint8_t *at = frame->byte + draw_below(draw, (uint32_t)reach);

		switch (draw_below(draw, 4)) {
		case 0:
			*at = (uint8_t)draw_bits(draw);
			break;
		case 1:
			*at ^= (uint8_t)(1u << draw_below(draw, 8));
			break;
		case 2:
			*at = draw_one_in(draw, 2) ? 0xff : 0;
			break;
		default:
			*at = (uint8_t)(*at + (draw_one_in(draw, 2) ? 1 : -1));
			break;
		}
	}
}

void frames_random(struct draw *draw, const struct model_world *world, struct wire *out)
{
	static const uint8_t tags[] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3 };
	struct wire_spec spec = { .version = draw_one_in(draw, 2) ? 4 : 6,
		                  .tags = tags[draw_below(draw, HZ_ARRAY_LEN(tags))] };

	if (draw_one_in(draw, 6)) {
		prober_request(draw, &spec);
	} else {
		random_addresses(draw, &spec);
		random_transport(draw, &spec);
		random_ip(draw, &spec);
	}
	wire_build(out, &spec);
	if (spec.protocol == 6 && !draw_one_in(draw, 6)) {
		aim(draw, world, out, &spec);
		wire_build(out, &spec);
	}
	if (spec.protocol == 6 && spec.doff == 0 && (spec.flags & WIRE_SYN) != 0 &&
	    spec.fragment_offset == 0 && !spec.atomic_fragment && draw_below(draw, 4) != 0)
		put_options(draw, out, &spec);
	if (draw_one_in(draw, 16))
		put_source(draw, out, &spec);
	if (spec.version == 6 && spec.ip_option_bytes == 0 && draw_one_in(draw, 10))
		put_extensions(draw, out, wire_l3(&spec));
	if (draw_one_in(draw, 3))
		damage(draw, out);
	if (draw_one_in(draw, 12)) /* the test run takes no frame shorter than an Ethernet header */
		out->len = 14 + draw_below(draw, (uint32_t)out->len - 13);
}

bool frames_sums_are_right(const uint8_t *frame, size_t len)
{
	struct model_packet packet;
	uint8_t protocol;
	uint32_t sum = 0;
	size_t bytes;

	if (model_parse(frame, len, &packet) != HZ_REASON_COUNT || packet.has_options)
		return false;
	protocol = packet.protocol;
	bytes = packet.end - packet.l4;
	if (packet.version == 4 && sum_words(0, frame + packet.l3, 20) != 0xffff)
		return false;
	if (protocol != 1) {
		sum = packet.version == 4 ? sum_words(0, frame + packet.l3 + 12, 8)
		                          : sum_words(0, frame + packet.l3 + 8, 32);
		sum = sum_fold(sum + protocol + (uint32_t)(bytes & 0xffff));
	}
	return sum_words(sum, frame + packet.l4, bytes) == 0xffff;
}
