#include "seg_direct.h"
#include "core/base.h"
#include "seg_parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool seg_direct_conf(struct world *world, const char *text)
{
	unsigned a, b, c;

	if (sscanf(text, "lports %u-%u", &a, &b) == 2) {
		world->lport_first = (uint16_t)a;
		world->lport_last = (uint16_t)b;
	} else if (sscanf(text, "worker %u of %u", &a, &b) == 2) {
		world->worker_index = a;
		world->worker_count = b;
	} else if (sscanf(text, "hops %u dscp %u", &a, &b) == 2) {
		world->hop_limit = (uint8_t)a;
		world->dscp = (uint8_t)b;
	} else if (strcmp(text, "xdp") == 0) {
		world->has_xdp = true;
	} else if (strcmp(text, "cookies always") == 0) {
		world->cookie_mode = HZ_TCP_COOKIE_ALWAYS;
	} else if (strcmp(text, "cookies off") == 0) {
		world->cookie_mode = HZ_TCP_COOKIE_OFF;
	} else if (sscanf(text, "half_open %u", &a) == 1) {
		world->half_open_max = a;
	} else if (strcmp(text, "exempt") == 0) {
		world->is_exempt = true;
	} else if (strcmp(text, "newreno") == 0) {
		world->cc = HZ_TCP_CC_NEWRENO;
	} else if (strcmp(text, "kernel") == 0) {
		world->fake.port.ifindex = 7;
	} else if (sscanf(text, "keepalive %u %u %u", &a, &b, &c) == 3) {
		world->keepalive = (struct hz_tcp_keepalive){ a, b, c, false };
	} else {
		return false;
	}
	return true;
}

static const char *errno_name(int err)
{
	switch (err) {
	case 0:
		return "";
	case -EINVAL:
		return "EINVAL";
	case -EADDRINUSE:
		return "EADDRINUSE";
	case -EADDRNOTAVAIL:
		return "EADDRNOTAVAIL";
	case -ENOBUFS:
		return "ENOBUFS";
	default:
		return "another error";
	}
}

/* open [from N] [to N] [fails ERRNO] */
static bool direct_open(struct world *world, const char *text, char *why, size_t room)
{
	const char *from = strstr(text, "from "), *to = strstr(text, "to ");
	const char *fails = strstr(text, "fails ");
	unsigned local = 0, remote = 0;
	char want[32] = "";
	const char *got;

	if ((from != NULL && sscanf(from, "from %u", &local) != 1) ||
	    (to != NULL && sscanf(to, "to %u", &remote) != 1) ||
	    (fails != NULL && sscanf(fails, "fails %31s", want) != 1)) {
		snprintf(why, room, "open [from N] [to N] [fails ERRNO]");
		return false;
	}
	got = errno_name(world_connect(world, (uint16_t)local, (uint16_t)remote));
	if (strcmp(got, want) == 0)
		return true;
	snprintf(why, room, "open: want '%s', got '%s'", want, got);
	return false;
}

/* peers N [from PORT] [each BYTES]: connections from ports of their own with so many bytes each; the numbers
 * of the connection before stay those of the script. */
static bool direct_peers(struct world *world, const char *text, char *why, size_t room)
{
	uint32_t isn_us = world->isn_us;
	bool has_isn_us = world->has_isn_us, has_bad_data = world->app.has_bad_data;
	struct hz_stream *stream = world->app.stream;
	const char *from = strstr(text, "from "), *each = strstr(text, "each ");
	unsigned count = 0, first = 42000, bytes = 0;

	if (sscanf(text, "%u", &count) != 1 ||
	    (from != NULL && sscanf(from, "from %u", &first) != 1) ||
	    (each != NULL && sscanf(each, "each %u", &bytes) != 1)) {
		snprintf(why, room, "peers N [from PORT] [each BYTES]");
		return false;
	}
	for (unsigned i = 0; i < count; i++) {
		struct seg seg = { .flags = HZ_TCP_SYN, .window = 65535, .source_port = first + i };
		const char *wrong = "no answer";
		struct seg got;

		world_inject(world, &seg);
		world_turn(world);
		if (world_capture(world, &got, &wrong) != 1) {
			snprintf(why, room, "peer %u: %s", i, wrong);
			return false;
		}
		seg.flags = HZ_TCP_ACK;
		seg.seq = seg.ack = 1;
		world_inject(world, &seg);
		for (seg.bytes = 1000; seg.seq <= bytes; seg.seq += seg.bytes)
			world_inject(world, &seg);
		world_turn(world);
		while (bytes > 0 && world_capture(world, &got, &wrong) == 1)
			; /* their ACKs */
	}
	world->app.event_count = 0;
	world->app.has_bad_data = has_bad_data;
	if (has_isn_us) {
		world->isn_us = isn_us;
		world->app.stream = stream;
	}
	return true;
}

/* bulk seq N len TOTAL by BYTES: as many segments as it takes, all in one turn. */
static bool direct_bulk(struct world *world, const char *text, char *why, size_t room)
{
	unsigned seq, total, by;

	if (sscanf(text, "seq %u len %u by %u", &seq, &total, &by) != 3 || by == 0 || by > 1460) {
		snprintf(why, room, "bulk seq N len TOTAL by BYTES");
		return false;
	}
	for (unsigned at = 0; at < total; at += by) {
		struct seg seg = { .flags = HZ_TCP_ACK,
			           .seq = seq + at,
			           .ack = 1,
			           .window = 65535,
			           .bytes = HZ_MIN(by, total - at) };

		world_inject(world, &seg);
	}
	return true;
}

/* icmp big MTU seq N [taken], icmp soft/hard seq N [taken] */
static bool direct_icmp(struct world *world, const char *text, char *why, size_t room)
{
	enum hz_tcp_icmp_kind kind = HZ_TCP_ICMP_TOO_BIG;
	bool is_wanted = strstr(text, " taken") != NULL, is_taken;
	unsigned mtu = 0, seq = 0;

	if (sscanf(text, "soft seq %u", &seq) == 1)
		kind = HZ_TCP_ICMP_SOFT;
	else if (sscanf(text, "hard seq %u", &seq) == 1)
		kind = HZ_TCP_ICMP_HARD;
	else if (sscanf(text, "big %u seq %u", &mtu, &seq) != 2) {
		snprintf(why, room, "icmp big MTU/soft/hard seq N [taken]");
		return false;
	}
	is_taken = world_icmp(world, kind, seq, mtu);
	snprintf(why, room, "the ICMP error was %s", is_taken ? "taken" : "refused");
	return is_taken == is_wanted;
}

/* xdp SYN ...; xdp forgets its keys; xdp answers [not]: what the workers want of it */
static bool direct_xdp(struct world *world, const char *text, char *why, size_t room)
{
	bool is_wanted = world->env.now_ns < world->cookies.answer_until_ns;
	char copy[256];
	struct seg syn;
	unsigned has;
	const char *wrong;

	if (strcmp(text, "forgets its keys") == 0) {
		world_xdp_forget(world);
		return true;
	}
	if (strcmp(text, "goes on") == 0) {
		world->cookies.verify_until_ns = UINT64_MAX;
		return true;
	}
	if (strcmp(text, "answers") == 0 || strcmp(text, "answers not") == 0) {
		snprintf(why, room, "XDP is %sto answer", is_wanted ? "" : "not ");
		return is_wanted == (strcmp(text, "answers") == 0);
	}
	snprintf(copy, sizeof(copy), "%s", text);
	wrong = seg_parse(copy, &syn, &has);
	if (wrong == NULL && syn.flags != HZ_TCP_SYN)
		wrong = "XDP answers SYNs";
	snprintf(why, room, "%s", wrong != NULL ? wrong : "");
	if (wrong == NULL)
		world_xdp_syn(world, &syn);
	return wrong == NULL;
}

static bool direct_note(struct world *world, const char *text, char *why, size_t room)
{
	static const char *const kinds[] = {
		"none",
		"right",
		"forged",
		"of another seq",
		"of another ack",
		"of another port",
		"of another source",
	};

	for (uint32_t i = 0; i < HZ_ARRAY_LEN(kinds); i++) {
		if (strcmp(text, kinds[i]) == 0) {
			world->note = (enum world_note)i;
			return true;
		}
	}
	snprintf(why, room, "unknown words after note");
	return false;
}

bool seg_direct(struct world *world, const char *line, char *why, size_t room)
{
	if (strncmp(line, "peers ", 6) == 0)
		return direct_peers(world, line + 6, why, room);
	if (strncmp(line, "xdp ", 4) == 0)
		return direct_xdp(world, line + 4, why, room);
	if (strncmp(line, "note ", 5) == 0)
		return direct_note(world, line + 5, why, room);
	if (strncmp(line, "bulk ", 5) == 0)
		return direct_bulk(world, line + 5, why, room);
	if (strncmp(line, "icmp ", 5) == 0)
		return direct_icmp(world, line + 5, why, room);
	if (strcmp(line, "open") == 0 || strncmp(line, "open ", 5) == 0)
		return direct_open(world, line + 4, why, room);
	if (strcmp(line, "keepalive on") == 0 || strcmp(line, "keepalive off") == 0) {
		if (world->app.stream == NULL) {
			snprintf(why, room, "no connection");
			return false;
		}
		hz_tcp_keepalive(world->app.stream, line[11] == 'n');
		return true;
	}
	snprintf(why, room, "unknown line");
	return false;
}
