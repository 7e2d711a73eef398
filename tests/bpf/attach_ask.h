/* Whom the attached program denies, asked by frames that it runs on. */
#ifndef HZ_ATTACH_ASK_H
#define HZ_ATTACH_ASK_H

#include "core/source_rule.h"
#include "wire.h"

/* What the attached program does with a frame of 10.7.0.1 or fd07::1, or of another one. */
struct asker {
	int prog_fd;
	struct wire frame[2];
};

/* The program of WORLD_A, by its pin; false: there is none. Its descriptor is the caller's. */
bool ask_open(struct asker *asker);
/* Of 10.N.0.1 or fdNN::1. XDP_DROP: denied. XDP_PASS: not, as there is no socket. Or -errno. */
int ask_verdict(const struct asker *asker, int family, uint8_t network);
/* Is that what happens to 10.7.0.1 and fd07::1? */
bool ask_are_denied(const struct asker *asker, bool is_denied4, bool is_denied6);

struct hz_source_rule ask_rule(const char *addr, uint8_t bits, uint8_t list);

#endif
