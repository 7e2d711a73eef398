/* A capture file: each frame that is read lies inside of it, frames do not overlap, and reading ends. */
#include "../../tools/hzctl/pcap_read.h"
#include "fuzz_target.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void walk(const uint8_t *data, size_t size)
{
	struct hz_pcap pcap;
	struct hz_pcap_frame frame;
	const uint8_t *from = data;
	uint32_t sum = 0;
	int status = hz_pcap_open(&pcap, data, size);

	FUZZ_HOLDS(status == 0 || status == -EBADMSG || status == -ENOTSUP);
	if (status != 0)
		return;
	while ((status = hz_pcap_next(&pcap, &frame)) == 1) {
		FUZZ_HOLDS(frame.data >= from && frame.data <= data + size);
		FUZZ_HOLDS(frame.data_bytes <= (size_t)(data + size - frame.data));
		FUZZ_HOLDS(pcap.at <= size && data + pcap.at >= frame.data + frame.data_bytes);
		for (uint32_t i = 0; i < frame.data_bytes; i++)
			sum += frame.data[i]; /* a sanitizer looks on */
		from = data + pcap.at;
	}
	FUZZ_HOLDS(status == 0 || status == -EBADMSG);
	FUZZ_HOLDS(status != 0 || pcap.at == size);
	FUZZ_HOLDS(sum <= 255u * size);
}

int fuzz_pcap_run(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size > 0 ? size : 1); /* as long as it is, for the sanitizer */

	if (exact == NULL)
		return 0;
	memcpy(exact, data, size);
	walk(exact, size);
	free(exact);
	return 0;
}

FUZZ_ENTRY(fuzz_pcap_run)
