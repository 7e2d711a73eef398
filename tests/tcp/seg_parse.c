#include "seg_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	uint8_t bit;
} flag_names[] = {
	{ "FIN", HZ_TCP_FIN }, { "SYN", HZ_TCP_SYN }, { "RST", HZ_TCP_RST }, { "PSH", HZ_TCP_PSH },
	{ "ACK", HZ_TCP_ACK }, { "URG", HZ_TCP_URG }, { "ECE", HZ_TCP_ECE }, { "CWR", HZ_TCP_CWR },
};

static const char *flags_parse(char *word, uint8_t *flags)
{
	char *save = NULL;

	*flags = 0;
	if (strcmp(word, "none") == 0)
		return NULL;
	for (char *name = strtok_r(word, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		size_t i = 0;

		while (i < HZ_ARRAY_LEN(flag_names) && strcmp(flag_names[i].name, name) != 0)
			i++;
		if (i == HZ_ARRAY_LEN(flag_names))
			return "unknown flag";
		*flags |= flag_names[i].bit;
	}
	return NULL;
}

struct words {
	char *save;
	bool is_bad;
};

static uint32_t number(struct words *words)
{
	char *word = strtok_r(NULL, " ", &words->save), *end = NULL;
	long value = word != NULL ? strtol(word, &end, 0) : 0;

	if (word == NULL || *end != '\0')
		words->is_bad = true;
	return (uint32_t)value;
}

/* "V" or "V/E", optional: a word that is not a number is put back. */
static void timestamps(struct words *words, struct seg *seg, unsigned *has)
{
	char *at = words->save, *end;

	seg->has_ts = true;
	while (at != NULL && *at == ' ')
		at++;
	if (at == NULL || *at < '0' || *at > '9')
		return;
	seg->ts_val = (uint32_t)strtoul(at, &end, 0);
	*has |= SEG_HAS_TS_VAL;
	if (*end == '/') {
		seg->ts_ecr = (uint32_t)strtoul(end + 1, &end, 0);
		*has |= SEG_HAS_TS_ECR;
	}
	words->save = end;
}

static void sack(struct words *words, struct seg *seg)
{
	char *word = strtok_r(NULL, " ", &words->save), *end;

	if (word == NULL || seg->sack_count == WORLD_SACK_MAX) {
		words->is_bad = true;
		return;
	}
	seg->sack[seg->sack_count].start = (uint32_t)strtoul(word, &end, 0);
	if (*end != '-') {
		words->is_bad = true;
		return;
	}
	seg->sack[seg->sack_count++].end = (uint32_t)strtoul(end + 1, NULL, 0);
}

static void raw(struct words *words, struct seg *seg)
{
	char *word = strtok_r(NULL, " ", &words->save);
	unsigned byte;

	for (; word != NULL && sscanf(word, "%2x", &byte) == 1 && seg->raw_option_bytes < 40;
	     word += 2)
		seg->raw_options[seg->raw_option_bytes++] = (uint8_t)byte;
	words->is_bad |= word == NULL || *word != '\0' || seg->raw_option_bytes % 4 != 0;
}

static bool option_parse(const char *word, struct words *words, struct seg *seg, unsigned *has)
{
	if (strcmp(word, "mss") == 0)
		seg->mss = (uint16_t)number(words);
	else if (strcmp(word, "sackok") == 0)
		seg->has_sackok = true;
	else if (strcmp(word, "wscale") == 0) {
		seg->has_wscale = true;
		seg->wscale = (uint8_t)number(words);
	} else if (strcmp(word, "ts") == 0)
		timestamps(words, seg, has);
	else if (strcmp(word, "sack") == 0)
		sack(words, seg);
	else if (strcmp(word, "raw") == 0)
		raw(words, seg);
	else
		return false;
	return true;
}

static bool field_parse(const char *word, struct words *words, struct seg *seg, unsigned *has)
{
	if (strcmp(word, "seq") == 0) {
		seg->seq = number(words);
		*has |= SEG_HAS_SEQ;
	} else if (strcmp(word, "ack") == 0) {
		seg->ack = number(words);
		*has |= SEG_HAS_ACK;
	} else if (strcmp(word, "win") == 0) {
		seg->window = number(words);
		*has |= SEG_HAS_WIN;
	} else if (strcmp(word, "len") == 0)
		seg->bytes = number(words);
	else if (strcmp(word, "port") == 0)
		seg->source_port = number(words);
	else if (strcmp(word, "ecn") == 0)
		seg->ecn = (uint8_t)number(words);
	else if (strcmp(word, "doff") == 0)
		seg->data_offset = (uint8_t)number(words);
	else if (strcmp(word, "badsum") == 0)
		seg->has_bad_checksum = true;
	else
		return false;
	return true;
}

const char *seg_parse(char *text, struct seg *seg, unsigned *has)
{
	struct words words = { 0 };
	char *word = strtok_r(text, " ", &words.save);
	const char *why;

	memset(seg, 0, sizeof(*seg));
	*has = 0;
	if (word == NULL)
		return "no flags";
	why = flags_parse(word, &seg->flags);
	if (why != NULL)
		return why;
	for (char *at = words.save; at != NULL && *at != '\0'; at++) {
		if (*at == '<')
			*has |= SEG_HAS_OPTIONS;
		if (*at == '<' || *at == '>' || *at == ',')
			*at = ' ';
	}
	while ((word = strtok_r(NULL, " ", &words.save)) != NULL) {
		if (!field_parse(word, &words, seg, has) && !option_parse(word, &words, seg, has))
			return "unknown word";
		if (words.is_bad)
			return "bad number";
	}
	return NULL;
}

void seg_print(const struct seg *seg, char *to, size_t room)
{
	FILE *out = fmemopen(to, room, "w");
	const char *comma = "";

	if (out == NULL)
		return;
	for (size_t i = 0; i < HZ_ARRAY_LEN(flag_names); i++) {
		if (seg->flags & flag_names[i].bit) {
			fprintf(out, "%s%s", comma, flag_names[i].name);
			comma = ",";
		}
	}
	fprintf(out, " seq %u ack %u win %u len %u ", seg->seq, seg->ack, seg->window, seg->bytes);
	if (seg->ecn != 0)
		fprintf(out, "ecn %u ", seg->ecn);
	fprintf(out, "<");
	if (seg->mss != 0)
		fprintf(out, "mss %u ", seg->mss);
	if (seg->has_sackok)
		fprintf(out, "sackok ");
	if (seg->has_ts)
		fprintf(out, "ts %u/%u ", seg->ts_val, seg->ts_ecr);
	if (seg->has_wscale)
		fprintf(out, "wscale %u ", seg->wscale);
	for (uint32_t i = 0; i < seg->sack_count; i++)
		fprintf(out, "sack %u-%u ", seg->sack[i].start, seg->sack[i].end);
	fprintf(out, ">");
	fclose(out);
}
