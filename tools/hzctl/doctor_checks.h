/* What this machine offers hz, one check each. They read, and change nothing. */
#ifndef HZ_DOCTOR_CHECKS_H
#define HZ_DOCTOR_CHECKS_H

#include "core/base.h"

enum hz_doctor_verdict { HZ_DOCTOR_OK, HZ_DOCTOR_WARN, HZ_DOCTOR_FAIL };

struct hz_doctor_result {
	enum hz_doctor_verdict verdict;
	char detail[160];
	char try_this[160]; /* a command; empty when ok */
};

struct hz_doctor_check {
	const char *name;
	void (*run)(struct hz_doctor_result *out);
};

extern const struct hz_doctor_check hz_doctor_checks[];
extern const size_t hz_doctor_checks_count;

#endif
