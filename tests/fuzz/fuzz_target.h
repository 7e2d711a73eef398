/* What a fuzzer is: a function that aborts when the input shows a fault. libFuzzer calls it when
 * HZ_LIBFUZZER is defined; fuzz_replay calls it on the committed corpora. */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int fuzz_h1_run(const uint8_t *data, size_t size);
int fuzz_chunked_run(const uint8_t *data, size_t size);
int fuzz_site_run(const uint8_t *data, size_t size);
int fuzz_frame_run(const uint8_t *data, size_t size);
int fuzz_tcp_opts_run(const uint8_t *data, size_t size);
int fuzz_host_run(const uint8_t *data, size_t size);
int fuzz_uri_run(const uint8_t *data, size_t size);
int fuzz_range_run(const uint8_t *data, size_t size);
int fuzz_cond_run(const uint8_t *data, size_t size);
int fuzz_mw_run(const uint8_t *data, size_t size);
int fuzz_jwt_run(const uint8_t *data, size_t size);
int fuzz_log_run(const uint8_t *data, size_t size);
int fuzz_pcap_run(const uint8_t *data, size_t size);
int fuzz_sources_run(const uint8_t *data, size_t size);
int fuzz_record_run(const uint8_t *data, size_t size);
int fuzz_query_run(const uint8_t *data, size_t size);
int fuzz_sse_run(const uint8_t *data, size_t size);
int fuzz_accept_run(const uint8_t *data, size_t size);

#ifdef HZ_LIBFUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
#define FUZZ_ENTRY(run)                                                                            \
	int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)                               \
	{                                                                                          \
		return run(data, size);                                                            \
	}
#else
#define FUZZ_ENTRY(run)
#endif

/* Says what does not hold and aborts. */
_Noreturn void fuzz_fault(const char *what);
#define FUZZ_HOLDS(condition)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fuzz_fault(#condition);                                                    \
	} while (0)

#endif
