/* Probes that need no connection: datagrams and echoes; and when a connection stays. */
#include "model.h"
#include "model_bytes.h"
#include <ctype.h>
#include <string.h>

#define ECHO_BYTES_MAX 1500
#define ECHO_AHEAD_NS  (99 * HZ_NS_PER_MS) /* a burst of 100 at 1000 per second */

static bool has_word(const uint8_t *text, size_t len, const char *word)
{
	for (size_t at = 0; at + strlen(word) <= len; at++) {
		size_t i = 0;

		while (word[i] != '\0' && tolower(text[at + i]) == word[i])
			i++;
		if (word[i] == '\0')
			return true;
	}
	return false;
}

/* One request, whole and alone, of HTTP/1.1, in which nobody says close. */
bool model_keeps(const uint8_t *text, size_t len)
{
	const uint8_t *end = memmem(text, len, "\r\n\r\n", 4);

	return end != NULL && len <= 2048 && end + 4 == text + len &&
	       memmem(text, len, "HTTP/1.1", 8) != NULL && !has_word(text, len, "close");
}

enum hz_reason model_udp(const struct model_world *world, const struct model_packet *packet,
                         const struct hz_claim *claim, struct wire *out)
{
	enum model_health health = model_health_of(world);
	const uint8_t *udp = packet->frame + packet->l4;
	const struct hz_response *body = &world->resp[claim->response_base % HZ_RESPONSES_MAX];
	size_t claimed = get16(udp + 4), bytes;

	if (world->cfg.health_off != 0)
		return HZ_REASON_pass_health_off;
	if (health == MODEL_DEAD && world->cfg.on_dead == HZ_ON_DEAD_PASS)
		return HZ_REASON_pass_on_dead;
	if (health == MODEL_DEAD && world->cfg.on_dead == HZ_ON_DEAD_DROP)
		return HZ_REASON_drop_on_dead;
	if (health != MODEL_READY)
		return HZ_REASON_pass_not_ready;
	if (claim->response_base >= HZ_RESPONSES_MAX || claimed < 8 ||
	    claimed > packet->end - packet->l4 || packet->source_port == 0 ||
	    model_source_is_bogus(packet))
		return HZ_REASON_health_bad;
	if (claimed == 8)
		return HZ_REASON_health_idle;
	bytes = HZ_MIN((size_t)body->bytes, claimed - 8 - 1); /* shorter than the probe */
	if (bytes > HZ_HEALTH_BODY_MAX)
		return HZ_REASON_health_bad;
	model_answer_udp(packet, body->data, bytes, out);
	return HZ_REASON_health_udp;
}

enum hz_reason model_echo(const struct model_world *world, const struct model_packet *packet,
                          struct wire *out)
{
	const uint8_t *icmp = packet->frame + packet->l4;

	if (world->cfg.icmp_echo == 0 || model_source_is_bogus(packet) ||
	    packet->end - packet->l3 > ECHO_BYTES_MAX)
		return HZ_REASON_pass_not_ours;
	if (packet->l4 + 8 > packet->end)
		return HZ_REASON_pass_short;
	if (icmp[0] != (packet->version == 4 ? 8 : 128) || icmp[1] != 0)
		return HZ_REASON_pass_not_ours;
	if (world->echo_due_ns > world->now_ns + ECHO_AHEAD_NS)
		return HZ_REASON_drop_echo_rate;
	model_answer_echo(packet, out);
	return HZ_REASON_icmp_echo;
}
